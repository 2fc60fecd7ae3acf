"""A record for each prediction or annotation: `JSON_MIN`, and tables with a column for each key.

As label-studio-converter writes them, in the order of tasks. Beyond it a record has the model
version and the scores of prediction and regions. Data that is called as another column stands as
`_data_<name>`, a fact that is called as a control as `_fact_<name>`. An answer that stands for
itself has no score of its own.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from predictions.exports.types.given import Region, TaskValues, given_of
from predictions_api.http.rendering import dumps, harmless_cell
from predictions_api.http.storable import json_value

Record = dict[str, Any]

#: What a record says of its prediction or annotation, by the name of the column.
FACTS = {
    "annotator": "completed_by",
    "annotation_id": "id",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "lead_time": "lead_time",
}
FACTS_OF_PREDICTIONS = {**FACTS, "model_version": "model_version", "score": "score"}
#: Answers that stand for themselves where there is one, by the type of their region.
ANSWERS = {"choices": "choices", "textarea": "text"}
#: Rows of a table that make a piece.
ROWS_AT_ONCE = 500


def records(tasks: Iterable[TaskValues], source: str, controls: Iterable[str]) -> Iterator[Record]:
    """In the order of tasks; one without facts for a task that has nothing."""
    facts = FACTS_OF_PREDICTIONS if source == "predictions" else FACTS
    controls = set(controls)
    named = {key: f"_fact_{key}" if key in controls else key for key in ("id", *facts)}
    known = {*named.values(), *controls}
    for task in tasks:
        for given in given_of(task, source) or (None,):
            answers = _answers(given.regions) if given is not None else {}
            taken = known | answers.keys()
            document: Mapping[str, Any] = given.document if given is not None else {}
            yield {
                **{_column(key, taken): value for key, value in task["data"].items()},
                named["id"]: task["id"],
                **{named[name]: document.get(key) for name, key in facts.items()},
                **answers,
            }


def _column(key: str, taken: set[str]) -> str:
    while key in taken:
        key = f"_data_{key}"
    return key


def _answers(regions: Iterable[Region]) -> Record:
    """What each control holds: a list of values, or the one answer about the whole task."""
    found: dict[str, list[Any]] = {}
    alone: dict[str, bool] = {}
    for region in regions:
        name = region.get("from_name")
        if not isinstance(name, str) or not name:
            continue
        value = region.get("value")
        key = ANSWERS.get(str(region.get("type")))
        answer = value.get(key) if key and isinstance(value, dict) else None
        is_bare = isinstance(answer, list) and len(answer) == 1
        alone[name] = key is not None
        found.setdefault(name, []).append(answer[0] if answer and is_bare else _value(region))
    return {
        name: values[0] if alone[name] and len(values) == 1 else values
        for name, values in found.items()
    }


def _value(region: Region) -> Any:
    value = region.get("value")
    if not isinstance(value, dict):
        return value
    beside = ("original_width", "original_height", "score", "item_index")
    told = {name: region[name] for name in beside if region.get(name) is not None}
    return {**value, **told}


def json_min(found: Iterable[Record]) -> Iterator[bytes]:
    """One JSON array; `[]` for no records."""
    opening = b"["
    for record in found:
        yield opening + dumps(record)
        opening = b","
    yield b"[]" if opening == b"[" else b"]"


def table(
    found: Iterable[Record], source: str, separator: str, *, escape: bool = False
) -> Iterator[bytes]:
    """A header, then a row a record (RFC 4180); lists and objects are JSON, null is empty.

    Records wait on disk until all columns are known. With `escape` no cell, nor the name of a
    column, is a formula to a spreadsheet; without, programs read what was stored.
    """
    shown = harmless_cell if escape else _as_it_is
    facts = FACTS_OF_PREDICTIONS if source == "predictions" else FACTS
    columns = {"id", *facts}
    with tempfile.TemporaryFile() as file:
        for record in found:
            columns |= record.keys()
            file.write(dumps(record) + b"\n")
        file.seek(0)
        text = io.StringIO()
        names = sorted(columns)
        writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(map(shown, names))
        for number, line in enumerate(file, 1):
            record = json_value(line)
            writer.writerow([shown(_cell(record.get(name))) for name in names])
            if number % ROWS_AT_ONCE == 0:
                yield _taken(text)
        yield _taken(text)


def _as_it_is(cell: Any) -> Any:
    return cell


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return dumps(value).decode()
    return "" if value is None else value


def _taken(text: io.StringIO) -> bytes:
    piece = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return piece
