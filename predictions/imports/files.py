"""Tasks in uploaded files: JSON, JSON Lines, CSV, TSV and plain text, read as Label
Studio reads them.

A file is read and let go of: none is kept, so tasks have no `file_upload`.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from rest_framework.exceptions import ParseError, ValidationError

from predictions.imports import bodies, tasks
from predictions.imports.bodies import Batches, Form, Incoming
from predictions.imports.parsing import parse_fast
from predictions.models import Project
from predictions_api.http.storable import MAX_TEXT_BYTES, Refused

NO_DATA = "load_tasks: No data found in DATA or in FILES"
NOT_FETCHED = "Addresses are not fetched: send the file itself, or JSON."
# What a form's field `url` is called that holds JSON and no address.
INLINE = "inplace.json"

# As large as any other value.
csv.field_size_limit(MAX_TEXT_BYTES)
# What stands for no value among numbers, and what a column may hold beside it.
MISSING = frozenset({"NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>"})
KINDS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda cell: cell.lower() == "true"),
    (re.compile(r"[+-]?[0-9]+"), int),
    (re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"), float),
)


@dataclass(frozen=True, slots=True)
class Upload:
    """The tasks of a form's files. `formats` counts the files by suffix; `columns` are the keys
    that all of them have in their first task's data.
    """

    items: list[Any]
    formats: dict[str, int]
    columns: list[str]

    @property
    def could_be_tasks_list(self) -> bool:
        """Whether a file's lines were read as tasks."""
        return any(suffix in LINE_BY_LINE for suffix in self.formats)


def _json(content: bytes, project: Project) -> list[Any]:
    document = parse_fast(content)
    return document if isinstance(document, list) else [document]


def _lines(content: bytes, project: Project) -> list[Any]:
    return [item for batch in bodies.parsed_lines(content.split(b"\n")) for item in batch]


def _table(text: str, separator: str) -> list[Any]:
    """A task a row; cells that a row lacks are empty text. ValueError for a row that has more."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        rows = [row for row in _wide(reader) if row]
    except csv.Error as exc:
        raise ValueError(f"{exc} in line {reader.line_num}") from None
    if not rows:
        raise ValueError("No columns to parse from file")
    names = _names(rows.pop(0))
    padded = [row + [""] * (len(names) - len(row)) for row in rows]
    columns = [_typed(cells) for cells in zip(*padded, strict=True)]
    return [{"data": dict(zip(names, row, strict=True))} for row in zip(*columns, strict=True)]


def _wide(reader: Any) -> Iterator[list[str]]:
    """The rows as they are read. ValueError for one that is wider than the first."""
    width = 0
    for row in reader:
        width = width or len(row)
        if len(row) > width:
            raise ValueError(f"Expected {width} fields in line {reader.line_num}, saw {len(row)}")
        yield row


def _names(header: Sequence[str]) -> list[str]:
    """The columns' names, as Label Studio's reader has them: none twice, none without."""
    seen: Counter[str] = Counter()
    names = []
    for place, name in enumerate(header):
        name = name or f"Unnamed: {place}"
        names.append(f"{name}.{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names


def _typed(cells: Sequence[str]) -> Sequence[Any]:
    """Numbers or truth values if that is what all cells are that are not empty; else the text."""
    for pattern, kind in KINDS:
        if all(not cell or cell in MISSING or pattern.fullmatch(cell) for cell in cells):
            values = ["" if not cell or cell in MISSING else kind(cell) for cell in cells]
            numbers: list[Any] = [value for value in values if value != ""]
            # What a number of Postgres or of Label Studio cannot hold stays text.
            is_kept = all(abs(n) < (math.inf if kind is float else 2**63) for n in numbers)
            return values if numbers and is_kept else cells
    return cells


def _csv(content: bytes, project: Project) -> list[Any]:
    text = content.decode("utf-8-sig")
    return _table(text, _separator(text))


def _separator(text: str) -> str:
    """The semicolon, if it stands more often between the names of the header than the comma does.

    Names in quotes may hold either, and line breaks.
    """
    found: Counter[str] = Counter()
    is_quoted = False
    for character in text:
        if character == '"':
            is_quoted = not is_quoted
        elif not is_quoted:
            is_end = character in "\r\n"
            # Blank lines before the header are none.
            if is_end and found:
                break
            found.update(character * (not is_end))
    return ";" if found[";"] > found[","] else ","


def _tsv(content: bytes, project: Project) -> list[Any]:
    return _table(content.decode("utf-8-sig"), "\t")


def _text(content: bytes, project: Project) -> list[Any]:
    """A task a line, under the first variable of the labelling config."""
    variables = (
        given["value"]
        for control in project.parsed_label_config.values()
        for given in control["inputs"]
        if given.get("value")
    )
    name = next(variables, None)
    if name is None:
        raise ValueError("the labelling config names no variable that a line could be")
    return [{"data": {name: line}} for line in content.decode().splitlines()]


READERS: dict[str, Callable[[bytes, Project], list[Any]]] = {
    ".json": _json,
    ".ndjson": _lines,
    ".jsonl": _lines,
    ".csv": _csv,
    ".tsv": _tsv,
    ".txt": _text,
}
LINE_BY_LINE = frozenset({".csv", ".tsv", ".txt"})


def read(form: Form, project: Project) -> Upload:
    """The tasks of all files, in order. ValidationError names a file that cannot be read, or that
    has no key in common with those before it.
    """
    if form.files:
        named = [(str(file.name), file.read()) for file in form.files]
    elif form.url.lstrip().startswith(("[", "{")):
        named = [(INLINE, form.url.encode("utf-8", "surrogatepass"))]
    else:
        raise ValidationError([NOT_FETCHED if form.url else NO_DATA])
    for name, _ in named:
        if _suffix(name) not in READERS:
            raise ValidationError([f"{_suffix(name)} extension is not supported"])
    items: list[Any] = []
    common: list[str] = []
    for name, content in named:
        found = _tasks(name, content, project)
        columns = _columns(found)
        if common and columns:
            _refuse_strangers(name, columns, common)
            common = [column for column in common if column in columns]
        items += found
        common = common or columns
    formats = Counter(_suffix(name) for name, _ in named)
    return Upload(items, dict(formats), common)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _tasks(name: str, content: bytes, project: Project) -> list[Any]:
    try:
        return READERS[_suffix(name)](content, project)
    except (ParseError, ValueError) as exc:
        reason = exc.detail if isinstance(exc, ParseError) else str(exc).strip()
        raise ValidationError([f"Failed to parse input file {name}: {reason}"]) from None


def _columns(items: Sequence[Any]) -> list[str]:
    """The keys of the first task's data."""
    first = items[0] if items else None
    if not isinstance(first, dict):
        return []
    data = first.get("data")
    return list(data if isinstance(data, dict) else first)


def _refuse_strangers(name: str, columns: Iterable[str], common: Sequence[str]) -> None:
    if not set(common).intersection(columns):
        raise ValidationError(
            [
                "You're trying to import inconsistent data:\n"
                f'uploading tabular data from "{name}" with data key(s) "{",".join(columns)}",'
                f' clashes with data key(s) found from other files:\n"{",".join(common)}"'
            ]
        )


def batches(body: Incoming, upload: Upload | None, fields: Sequence[str]) -> Batches:
    """What an import of tasks brings, in order. ValidationError for a document that is no task and
    no list of them.
    """
    found = body.batches()
    if found is None:
        items = upload.items if upload else tasks.task_list(body.document)
        found = bodies.in_batches(items)
    return _preannotated(found, fields) if fields else found


def _preannotated(found: Batches, fields: Sequence[str]) -> Batches:
    with bodies.ended(found):
        for batch in found:
            yield map(partial(preannotated, fields=fields), batch)


def preannotated(item: Any, fields: Sequence[str]) -> Any:
    """A task whose data's `fields` are moved into a prediction each; Refused where one is not
    there.
    """
    if not isinstance(item, dict):
        return item
    inner = item.get("data")
    data = dict(inner if isinstance(inner, dict) else item)
    missing = [field for field in fields if field not in data]
    if missing:
        return Refused(f'Task[data] has no field "{missing[0]}"')
    return {"data": data, "predictions": [{"result": data.pop(field)} for field in fields]}
