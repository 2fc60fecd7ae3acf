"""Parquet as Hugging Face writes it: classes of texts or images, or tags of tokens.

Columns: `text` or `image` with `label`, or `tokens` with `ner_tags`; of predictions `prediction`
(or the same columns) and `score`. Other columns of texts, numbers, true and false are the task's
data. Names of numbered classes stand in the schema's metadata.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from predictions.formats.content import Ask, Content, FileTask, Kind, Known, Region
from predictions.formats.errors import Errors
from predictions.formats.readers import collected
from predictions.formats.readers.rows import number_of
from predictions.formats.readers.tables.labels import PREDICTED, TWO_LABELS, written_value
from predictions.formats.readers.tables.tags import NOT_A_TAG, Text, tag_of
from predictions.formats.sources import Source

MOST_ROWS = 250_000
#: Of the columns that are read, decoded: pages may say one value a million times.
MOST_CHARACTERS = 1 << 30
MOST_UNPACKED = 1 << 31
UNTOLD = (
    "must be a list, of the one label of the row, with a number for each class that the schema's "
    "metadata names. Else give a column `score`."
)
#: Of a row whose two columns say other things; a rounded score says the same.
TOLD_TWICE = "is {told!r:.100}, and `scores` of the row's label {other!r:.100}: leave one out."
ROUNDED = 0.01
#: Of a list of numbers of which nobody knows whether it is a number for each class (`_is_hot`).
HOT = (
    "{told} may be a number for each class: write the numbers of the row's classes, each once "
    "and rising, or their names."
)
#: Where a table of text would separate them.
JOINED = (
    "A ';' stands in {n} labels, such as {example!r}: each is read as the name of one class. "
    "Write several classes of a row as a list."
)
ROWS_AT_ONCE = 256
ABOUT = ("tokens", "text", "image")


@dataclass(frozen=True, slots=True)
class Table:
    """A file that is open, and what of it is read."""

    file: Any
    #: `tokens`, `text` or `image`.
    about: str
    #: Names of a column's numbers.
    names: Mapping[str, Sequence[str]]
    columns: Sequence[str]


WRITTEN = "{told!r:.100} is the text of a list or an object, and no class: give a list of names."
#: What is read of predictions beside the columns of ground truth.
TOLD = ("score", "scores", collected.VERSION)
#: Columns that are no data of a task: what is said of it.
SAID = frozenset({*TOLD, *PREDICTED, "label", "labels", "ner_tags", "tags", "split"})
#: What pandas calls the numbers of its rows.
INDEX = "__index_level_"


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """A row without a label is a task of no class."""
    return _read(source, ("label", "labels"), errors, is_prediction=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The same with `score`, or `scores` of all classes; or none at all, with a warning."""
    return _read(source, ("prediction", "label", "labels"), errors, is_prediction=True)


def _read(source: Source, labels: Sequence[str], errors: Errors, *, is_prediction: bool) -> Content:
    table, name = _open(source, errors), source.names()[0]
    wanted = ("prediction", "ner_tags", "tags") if table.about == "tokens" else labels
    column = next((one for one in wanted if one in table.columns), None)
    if column is None:
        told = " or ".join(map(repr, wanted))
        raise errors.stop(name, f"has no column {told}, only {', '.join(table.columns):.500}.")
    other = next((one for one in PREDICTED if one in table.columns), None)
    if is_prediction and column in labels and column != "prediction" and other is not None:
        raise errors.stop(name, TWO_LABELS.format(label=column, other=other))
    others = [one for one in TOLD if is_prediction and one in table.columns]
    said: list[object] = []
    joined: list[str] = []
    image = [one for one in ("image.path",) if table.about == "image" and _is_struct(table)]
    names = table.names.get(column) or table.names.get("label") or table.names.get("ner_tags") or ()
    data = _data_columns(table)
    read = dict.fromkeys([*(image or [table.about]), column, *others, *data])
    tasks = []
    for n, row in enumerate(_rows(table, list(read), errors)):
        place = f"{name}, row {n + 1}"
        make = _of_tokens if table.about == "tokens" else _of_class
        said.append(row.get(collected.VERSION))
        if isinstance(row[column], str) and ";" in row[column]:
            joined.append(row[column])
        task = make(row, table.about, column, names, place, errors)
        if task is not None:
            task.data = {key: _plain(row.get(key)) for key in data} | task.data
            tasks.append(task)
    collected.refuse_versions(name, said, errors)
    return collected.content(
        tasks,
        errors,
        is_prediction=is_prediction,
        kind=Kind.SPAN if table.about == "tokens" else Kind.CHOICE,
        scores_optional=True,
        classes=[] if table.about == "tokens" else names,
        warnings=_warnings(table, joined),
        key="image" if table.about == "image" else "text",
    )


def _warnings(table: Table, joined: Sequence[str]) -> list[str]:
    """`joined` are the labels with a `;` in them."""
    unread = [collected.SPLIT_UNREAD] if "split" in table.columns else []
    return [*unread, *(JOINED.format(n=len(joined), example=one) for one in joined[:1])]


def _open(source: Source, errors: Errors) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    name = source.names()[0]
    try:
        file = parquet.ParquetFile(pa.BufferReader(pa.py_buffer(source.content())))
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise errors.stop(name, f"cannot be read as Parquet: {exc!s:.300}") from None
    columns = file.schema_arrow.names
    about = next((one for one in ABOUT if one in columns), None)
    if about is None:
        raise errors.stop(name, f"has no column text, image or tokens: {', '.join(columns):.500}.")
    if file.metadata.num_rows > MOST_ROWS:
        raise errors.stop(name, f"{file.metadata.num_rows:,} rows are more than {MOST_ROWS:,}.")
    return Table(file, about, _names(file.schema_arrow.metadata or {}), columns)


def _names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The names of each column's ClassLabel; {} where there are none."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = {
            column: feature.get("names") or (feature.get("feature") or {}).get("names")
            for column, feature in features.items()
            if isinstance(feature, dict)
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return {
        column: names
        for column, names in found.items()
        if isinstance(names, list) and all(isinstance(one, str) for one in names)
    }


def _data_columns(table: Table) -> list[str]:
    """Those that say one thing of each task, beside what is read of it."""
    return [
        field.name
        for field in table.file.schema_arrow
        if field.name not in {*SAID, table.about, *ABOUT[:2]}
        and not field.name.startswith(INDEX)
        and _is_one_value(field.type)
    ]


def _is_one_value(kind: Any) -> bool:
    """A text, a number, true or false. Times may be none that Python has."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    kept = (
        types.is_string, types.is_large_string, types.is_boolean, types.is_integer,
        types.is_floating, types.is_decimal,
    )  # fmt: skip
    return any(is_kept(kind) for is_kept in kept)


def _plain(value: Any) -> Any:
    """A value as JSON has it; pandas' NaN stands for none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def _is_struct(table: Table) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(table.file.schema_arrow.field("image").type))


def _rows(table: Table, columns: list[str], errors: Errors) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    paths = [
        table.file.metadata.schema.column(n).path for n in range(table.file.metadata.num_columns)
    ]
    chosen = [n for n, path in enumerate(paths) if any(_is_in(path, one) for one in columns)]
    groups = [table.file.metadata.row_group(n) for n in range(table.file.metadata.num_row_groups)]
    unpacked = [one.column(n).total_uncompressed_size for one in groups for n in chosen]
    if sum(unpacked) > MOST_UNPACKED:
        raise errors.stop("", f"the columns unpack to over {MOST_UNPACKED:,} bytes.")
    # One value of a page may stand in every row of a batch.
    at_once = MOST_CHARACTERS // max([1, *unpacked])
    at_once = max(1, min(ROWS_AT_ONCE, at_once))
    n_characters = 0
    try:
        for batch in table.file.iter_batches(batch_size=at_once, columns=columns):
            n_characters += batch.nbytes
            if n_characters > MOST_CHARACTERS:
                raise errors.stop("", f"the columns hold over {MOST_CHARACTERS:,} bytes.")
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise errors.stop("", f"cannot be read as Parquet: {exc!s:.300}") from None


def _is_in(path: str, column: str) -> bool:
    return path == column or path.startswith(f"{column}.")


def _of_class(
    row: Mapping[str, Any],
    about: str,
    column: str,
    names: Sequence[str],
    place: str,
    errors: Errors,
) -> FileTask | None:
    shown = row[about]
    if isinstance(shown, dict):
        shown = shown.get("path")
    if not isinstance(shown, str) or not shown.strip():
        told = "has no path of an image" if about == "image" else "has no text"
        errors.add(place, f"{told}.")
        return None
    given = row[column]
    several = given if isinstance(given, list) else [given]
    numbers = [one for one in several if one is not None and one != -1]
    if _is_hot(numbers, names):
        errors.add(f"{place}, {column}", HOT.format(told=given))
        return None
    labels = [_name(one, names, f"{place}, {column}", errors) for one in numbers]
    if None in labels:
        return None
    kept = tuple(dict.fromkeys(one for one in labels if one))
    score = _score(row, numbers, names, place, errors)
    regions = [Region(kept, None, score, None, place)] if kept else []
    if about == "image":
        return FileTask(image_name=shown.replace("\\", "/"), regions=regions, place=place)
    return FileTask(data={"text": shown}, regions=regions, place=place)


def _is_hot(numbers: Sequence[Any], names: Sequence[str]) -> bool:
    """Whether they may be no numbers of classes, but one for each class: whether it is there."""
    if not all(type(one) is int for one in numbers):
        return False
    return len(set(numbers)) < len(numbers) or (len(names) == 2 and list(numbers) == [1, 0])


def _score(
    row: Mapping[str, Any],
    labels: Sequence[Any] | None,
    names: Sequence[str],
    place: str,
    errors: Errors,
) -> float | None:
    """`score`, or what `scores` says of the label's number; None where there is neither, and an
    error where `scores` cannot be read: it would be a sure prediction. `labels` is None of tokens.
    """
    told, scores = row.get("score"), row.get("scores")
    other = _score_of_label(scores, labels, names)
    if told is None and other is None and scores is not None and (labels is None or labels):
        errors.add(f"{place}, scores", UNTOLD)
    first = other if told is None else told
    if first is None:
        return None
    score = number_of(first)
    if score is None:
        errors.add(f"{place}, score", f"{first!r:.100} is no number.")
    elif other is not None and told is not None:
        second = number_of(other)
        if second is not None and abs(score - second) > ROUNDED:
            errors.add(f"{place}, score", TOLD_TWICE.format(told=told, other=other))
    return score


def _score_of_label(scores: Any, labels: Sequence[Any] | None, names: Sequence[str]) -> Any:
    """What `scores` has at the number of the row's one label; None where there is no such."""
    number = labels[0] if labels and len(labels) == 1 else None
    if isinstance(number, str) and number in names:
        number = list(names).index(number)
    if isinstance(scores, list) and type(number) is int and 0 <= number < len(scores):
        return scores[number]
    return None


def _of_tokens(
    row: Mapping[str, Any],
    about: str,
    column: str,
    names: Sequence[str],
    place: str,
    errors: Errors,
) -> FileTask | None:
    tokens, tags = row[about] or [], row[column] or []
    if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags):
        errors.add(place, "must have as many tokens as tags.")
        return None
    text = Text(place)
    score = _score(row, None, names, place, errors)
    for n, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        name = _name(tag, names, f"{place}, {column}[{n}]", errors)
        if name is None:
            return None
        found = tag_of(name)
        if found is None or not isinstance(token, str) or not token:
            told = NOT_A_TAG.format(tag=name) if found is None else "its token is no text."
            errors.add(f"{place}, {column}[{n}]", told)
            return None
        text.tokens.append(token)
        text.tags.append(found)
        text.scores.append(score)
        text.places.append(place)
    if not text.tokens:
        errors.add(place, "has no tokens.")
        return None
    return FileTask(data={"text": text.text}, regions=list(text.entities([])), place=place)


def _name(value: Any, names: Sequence[str], place: str, errors: Errors) -> str | None:
    """The class that a value is; None, and an error, for none."""
    if isinstance(value, str):
        if written_value(value) is None:
            return value
        errors.add(place, WRITTEN.format(told=value))
    elif type(value) is not int:
        errors.add(place, f"{value!r:.100} is no class.")
    elif not names:
        errors.add(place, f"{value} is a number, and the schema's metadata names no classes.")
    elif not 0 <= value < len(names):
        errors.add(place, f"{value} is not among the {len(names)} names of the schema's metadata.")
    else:
        return names[value]
    return None
