"""Tasks in uploaded files: JSON, JSON Lines, CSV, TSV and plain text, read as Label
Studio reads them.

A file is read and let go of: none is kept, so tasks have no `file_upload`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import SEEK_END, BytesIO, TextIOWrapper
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework.exceptions import ParseError, ValidationError

from predictions.formats.readers.separators import HEADER_BYTES, separator_of
from predictions.formats.table import START_BYTES
from predictions.imports import bodies, tasks
from predictions.imports.bodies import Batches, Form, Incoming
from predictions.imports.datasets import recognition
from predictions.imports.parsing import is_long_array, parse_array, parse_fast
from predictions.imports.tables import table_tasks
from predictions.models import Project
from predictions.regions.config import Config, read_config
from predictions_api import memory
from predictions_api.http.storable import MAX_TEXT_BYTES, Refused, is_number

NO_DATA = "load_tasks: No data found in DATA or in FILES"
NOT_FETCHED = "Addresses are not fetched: send the file itself, or JSON."
# What a form's field `url` is called that holds JSON and no address.
INLINE = "inplace.json"
# Controls whose answers are numbers.
OF_NUMBERS = frozenset({"Rating", "Number"})


@dataclass(frozen=True, slots=True)
class Upload:
    """The tasks of a form's files, once, in the order of the files. `formats` counts the files by
    suffix; `columns` are the keys that all of them have in their first task's data.
    """

    batches: Batches
    formats: dict[str, int]
    columns: list[str]

    @property
    def could_be_tasks_list(self) -> bool:
        """Whether a file's lines were read as tasks."""
        return any(suffix in LINE_BY_LINE for suffix in self.formats)


def _json(file: IO[bytes], project: Project, texts: Set[str]) -> Iterable[Any]:
    memory.hold(_size(file))
    content = file.read()
    if is_long_array(content):
        return parse_array(content)
    document = parse_fast(content)
    return document if isinstance(document, list) else [document]


def _lines(file: IO[bytes], project: Project, texts: Set[str]) -> Iterable[Any]:
    blocks = iter(lambda: file.read(bodies.BLOCK_BYTES), b"")
    return chain.from_iterable(bodies.parsed_lines(bodies.lines(blocks)))


def _size(file: IO[bytes]) -> int:
    size = file.seek(0, SEEK_END)
    file.seek(0)
    return size


def _csv(file: IO[bytes], project: Project, texts: Set[str]) -> Iterable[Any]:
    start = file.read(HEADER_BYTES).decode("utf-8-sig", "replace")
    return table_tasks(file, separator_of(start, ",;"), most_rows=tasks.MOST_TASKS, texts=texts)


def _tsv(file: IO[bytes], project: Project, texts: Set[str]) -> Iterable[Any]:
    return table_tasks(file, "\t", most_rows=tasks.MOST_TASKS, texts=texts)


def _text(file: IO[bytes], project: Project, texts: Set[str]) -> Iterable[Any]:
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
    # Twice: what is no UTF-8 is said before anything is stored.
    for n_lines, _ in enumerate(_text_lines(file)):
        if n_lines == tasks.MOST_TASKS:
            raise ValueError(f"A file may have {tasks.MOST_TASKS:,} rows at most")
    return ({"data": {name: line}} for line in _text_lines(file))


def _text_lines(file: IO[bytes]) -> Iterator[str]:
    """Lines without their ends. ValueError for one that is too long."""
    file.seek(0)
    text = TextIOWrapper(file, encoding="utf-8")
    try:
        while line := text.readline(MAX_TEXT_BYTES):
            if len(line) == MAX_TEXT_BYTES:
                raise ValueError(f"A line is over {MAX_TEXT_BYTES:,} bytes")
            yield line.removesuffix("\n")
    finally:
        # The file is read again, unless the request is over.
        with suppress(ValueError):
            text.detach()


READERS: dict[str, Callable[[IO[bytes], Project, Set[str]], Iterable[Any]]] = {
    ".json": _json,
    ".ndjson": _lines,
    ".jsonl": _lines,
    ".csv": _csv,
    ".tsv": _tsv,
    ".txt": _text,
}
LINE_BY_LINE = frozenset({".csv", ".tsv", ".txt"})


def read(form: Form, project: Project, fields: Sequence[str]) -> Upload:
    """The tasks of all files, in order; a column that is one of the `fields` stays text where a
    control is called so that takes text. ValidationError names a file that cannot be read, or that
    has no key in common with those before it.
    """
    if form.files:
        named = [(str(file.name), _as_file(file)) for file in form.files]
    elif form.url.lstrip().startswith(("[", "{")):
        named = [(INLINE, BytesIO(form.url.encode("utf-8", "surrogatepass")))]
    else:
        raise ValidationError([NOT_FETCHED if form.url else NO_DATA])
    for name, _ in named:
        if _suffix(name) not in READERS:
            raise ValidationError([f"{_suffix(name)} extension is not supported"])
    texts = _names_of_texts(fields, read_config(project.label_config)) if fields else set[str]()
    found: list[Batches] = []
    common: list[str] = []
    for name, file in named:
        recognition.refuse_as_tasks(name, file.read(START_BYTES))
        file.seek(0)
        items, first = _tasks(name, file, project, texts)
        columns = _columns(first)
        if common and columns:
            _refuse_strangers(name, columns, common)
            common = [column for column in common if column in columns]
        found.append(items)
        common = common or columns
    formats = Counter(_suffix(name) for name, _ in named)
    return Upload(bodies.joined(found), dict(formats), common)


def _as_file(upload: "UploadedFile[bytes]") -> IO[bytes]:
    """The file behind an upload, at its start."""
    file: Any = upload.file
    file.seek(0)
    return file  # type: ignore[no-any-return]  # of a library without that type


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _names_of_texts(fields: Sequence[str], config: Config) -> set[str]:
    """Those of the fields that are called as a control whose answers are no numbers: a choice may
    be called `1` or `true`.
    """
    controls = ((field, config.control(field)) for field in fields)
    return {name for name, control in controls if control and control.tag.tag not in OF_NUMBERS}


def _tasks(name: str, file: IO[bytes], project: Project, texts: Set[str]) -> tuple[Batches, Any]:
    """The file's tasks in batches, and the first of them; ValidationError names the file."""
    try:
        found = READERS[_suffix(name)](file, project, texts)
        if isinstance(found, list):
            return bodies.in_batches(found), found[0] if found else None
        items = iter(found)
        first = list(islice(items, 1))
    except (ParseError, ValueError) as exc:
        reason = exc.detail if isinstance(exc, ParseError) else str(exc).strip()
        raise ValidationError([f"Failed to parse input file {name}: {reason}"]) from None
    return bodies.lazy_batches(chain(first, items)), first[0] if first else None


def _columns(first: Any) -> list[str]:
    """The keys of the first task's data."""
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


def batches(
    body: Incoming, upload: Upload | None, fields: Sequence[str], config: Config
) -> Batches:
    """What an import of tasks brings, in order, its `fields` as predictions of a project of this
    config. ValidationError for a document that is no task and no list of them.
    """
    if body.array is not None:
        recognition.refuse_as_tasks(recognition.THE_BODY, bytes(body.array[:START_BYTES]))
    found = upload.batches if upload else body.batches()
    if found is None:
        recognition.refuse_document(body.document)
        found = bodies.in_batches(tasks.task_list(body.document))
    controls = {field for field in fields if config.control(field)}
    return _preannotated(found, fields, controls) if fields else found


def _preannotated(found: Batches, fields: Sequence[str], controls: Set[str]) -> Batches:
    with bodies.ended(found):
        for batch in found:
            yield map(partial(preannotated, fields=fields, controls=controls), batch)


def preannotated(item: Any, fields: Sequence[str], controls: Set[str]) -> Any:
    """A task whose data's `fields` are moved into a prediction each, behind those that are inside
    it; `controls` are those that are called as a control. Refused where one is not there.
    """
    if not isinstance(item, dict):
        return item
    inner = item.get("data")
    data, beside = (dict(inner), item) if isinstance(inner, dict) else (dict(item), {})
    inside = beside.get("predictions") or []
    if not isinstance(inside, list):
        return item  # Refused where tasks are read.
    missing = [field for field in fields if field not in data]
    if missing:
        return Refused(f'Task[data] has no field "{missing[0]}"')
    made = [{"result": _said(field, data.pop(field), controls)} for field in fields]
    return {**beside, "data": data, "predictions": [*inside, *made]}


def _said(field: str, value: Any, controls: Set[str]) -> Any:
    """What a field says; plain text or a number is of the control that is called so, not of the
    first one that takes such a value.
    """
    is_text = isinstance(value, str) and bool(value) and not value.lstrip().startswith(("[", "{"))
    return {field: value} if field in controls and (is_text or is_number(value)) else value
