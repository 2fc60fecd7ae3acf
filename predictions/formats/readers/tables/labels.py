"""Classes of whole images or texts: a table with a row a task.

Columns: `image` or `text`, `label` (several with `;` between them), of predictions `score`; all
others are the task's data. `manage.py dump labels-csv` writes the same.
"""

from ast import literal_eval

from predictions.formats.content import Ask, Content, FileTask, Kind, Known, Region
from predictions.formats.errors import Errors
from predictions.formats.readers import collected
from predictions.formats.readers.rows import Row, Rows, number_of
from predictions.formats.sources import Source
from predictions_api.http.storable import Refused, json_value

SEPARATOR = ";"
ABOUT = ("image", "text")
#: What may be what the model said, where `label` is what is true.
PREDICTED = ("prediction", "predicted", "pred", "predicted_label", "pred_label")
TWO_LABELS = (
    "has the columns {label!r} and {other!r}: of a file of predictions {label!r} is what the model"
    " said. Leave one out, and call the other {label!r}."
)
A_LIST = "{cell!r:.100} is a list: write its labels with `;` between them, and nothing for none."
AN_ANSWER = (
    "{cell!r:.100} is no label but an answer, as Label Studio's CSV holds it: load Label Studio's"
    " JSON (`labelstudio`), or write its labels with `;` between them."
)


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """A row without a label is a task of no class."""
    return _read(source, errors, is_prediction=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The same with scores, one a row; or none at all, with a warning."""
    return _read(source, errors, is_prediction=True)


def _read(source: Source, errors: Errors, *, is_prediction: bool) -> Content:
    source.content()
    rows = Rows(source, source.names()[0], errors)
    about = next((one for one in ABOUT if one in rows.columns), None)
    if about is None:
        told = ", ".join(rows.columns)
        raise errors.stop(
            f"{rows.name}, line 1", f"has neither a column 'image' nor 'text', only {told:.500}."
        )
    rows.need("label")
    if is_prediction and (other := next((one for one in PREDICTED if one in rows.columns), None)):
        raise errors.stop(f"{rows.name}, line 1", TWO_LABELS.format(label="label", other=other))
    key = "image" if about == "image" else "text"
    found = list(rows)
    tasks = [_task(row, key, errors, is_prediction=is_prediction) for row in found]
    if is_prediction:
        versions = (row.cells.get(collected.VERSION, "").strip() for row in found)
        collected.refuse_versions(rows.name, versions, errors)
    return collected.content(
        tasks,
        errors,
        is_prediction=is_prediction,
        kind=Kind.CHOICE,
        scores_optional=True,
        key=key,
        warnings=[collected.SPLIT_UNREAD] if "split" in rows.columns else [],
    )


def _task(row: Row, key: str, errors: Errors, *, is_prediction: bool) -> FileTask:
    own = {key, "label", "score"} if is_prediction else {key, "label"}
    about = row.cells[key]
    if not about.strip():
        errors.add(row.place, f"has no {key}.")
    data = {name: cell for name, cell in row.cells.items() if name not in own}
    if told := written_value(row.cells["label"]):
        errors.add(row.place, told.format(cell=row.cells["label"]))
    given = [one.strip() for one in row.cells["label"].split(SEPARATOR)]
    labels = tuple(dict.fromkeys(one for one in given if one))
    score = None
    if is_prediction and labels and (text := row.cells.get("score", "").strip()):
        score = number_of(text)
        if score is None:
            errors.add(row.place, f"{text!r:.100} is no score.")
    regions = [Region(labels, None, score, None, row.place)] if labels else []
    if key == "image":
        name = about.replace("\\", "/")
        return FileTask(image_name=name, data=data, regions=regions, place=row.place)
    return FileTask(data={"text": about, **data}, regions=regions, place=row.place)


def written_value(cell: str) -> str | None:
    """What to say of a value that a program wrote into the cell: a list of texts, or an empty one,
    or an answer of Label Studio, an object or a list of objects. None for other cells.
    """
    text = cell.strip()
    if (text[:1], text[-1:]) not in {("[", "]"), ("{", "}")}:
        return None
    try:
        found = json_value(text.encode())
    except (ValueError, Refused):
        try:
            found = literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return A_LIST
    listed = found if isinstance(found, list) else [found]
    return AN_ANSWER if all(isinstance(one, dict) for one in listed) else None
