"""A project's ground truth, or the predictions of one model version, as another tool's data set.

Each format is refused before anything is answered or left on disk where something has no place in
it. Memory holds a page of tasks and the names of the files.
"""

import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from rest_framework.exceptions import ValidationError

from predictions.db.task_pages import naming_facts
from predictions.db.tasks import ChosenTasks, count_chosen
from predictions.db.versions import OneVersion, has_model_version, model_versions
from predictions.exports.datasets import coco, conll, dota, labels, voc, yolo
from predictions.exports.datasets.items import ImageItem, Item, NotHeld, image_items, items
from predictions.exports.formats import gzipped
from predictions.exports.project import documents_of
from predictions.exports.types.archive import PIECE_BYTES, Entry, zipped
from predictions.exports.types.given import values_of
from predictions.exports.types.objects import Scheme, scheme_of
from predictions.models import Project
from predictions_api.http.rendering import dumps

#: Versions that one refusal names.
MOST_NAMED = 20

Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    #: Of the one file that it is; None for a folder of files.
    suffix: str | None
    content_type: str = "application/zip"


FORMATS = {
    "coco": Format("json", "application/json"),
    "yolo": Format(None),
    "yolo-obb": Format(None),
    "voc": Format(None),
    "dota": Format(None),
    "conll": Format("txt", "text/plain; charset=utf-8"),
    "labels-csv": Format("csv", "text/csv; charset=utf-8"),
}


@dataclass(frozen=True, slots=True)
class DataSet:
    """What is written of a project, as what."""

    project: Project
    format: str
    #: The version; None for the ground truth.
    version: OneVersion | None = None
    #: Of a table: no cell is a formula to a spreadsheet.
    escape: bool = False

    @property
    def source(self) -> str:
        """`annotations` or `predictions`."""
        return "annotations" if self.version is None else "predictions"

    @property
    def name(self) -> str:
        """What the file is called, without its suffix."""
        side = "ground-truth" if self.version is None else "predictions"
        return f"project-{self.project.pk}-{side}"

    @property
    def details(self) -> dict[str, Any]:
        """What the audit trail says of it."""
        side = {"version": self.version.name} if self.version else {"ground_truth": True}
        return {"format": self.format, **side}

    @property
    def suffix(self) -> str:
        """Of the file, a zip where it is a folder."""
        return FORMATS[self.format].suffix or "zip"

    @property
    def chosen(self) -> ChosenTasks:
        """Which tasks are read."""
        return ChosenTasks(having=self.source, version=self.version)

    @property
    def is_folder(self) -> bool:
        """Whether it is several files, which are sent as a zip."""
        return FORMATS[self.format].suffix is None

    @property
    def content_type(self) -> str:
        """Of the file."""
        return FORMATS[self.format].content_type

    def count(self) -> int:
        """How many tasks are read."""
        return count_chosen(self.project.pk, self.chosen)


def version_of(project: Project, asked: OneVersion | None) -> OneVersion:
    """The version asked for, or the only one there is.

    ValidationError where there is none, where the project has not the one that is asked for, or
    where it has several and none is asked for; the last two name them.
    """
    known = [one.model_version for one in model_versions(project.pk, limit=MOST_NAMED + 1)]
    if not known:
        raise ValidationError({"model_version": ["The project has no predictions."]})
    named = ", ".join(map(_named, known[:MOST_NAMED])) + (" and more" * (len(known) > MOST_NAMED))
    if asked is None and len(known) > 1:
        message = f"The file has one version, the project several: {named}. Name one."
        raise ValidationError({"model_version": [message]})
    if asked is None:
        return OneVersion(known[0])
    if asked.name not in known and not _has_version(project, asked):
        message = f"The project has no version {_named(asked.name)}, only {named}."
        raise ValidationError({"model_version": [message]})
    return asked


def _has_version(project: Project, asked: OneVersion) -> bool:
    return asked.name is not None and has_model_version(project.pk, asked.name)


def _named(version: str | None) -> str:
    if version is None:
        return "null (model_version__isnull=true)"
    return f"{version!r:.100}"


def open_file(
    wanted: DataSet, advance: Advance = lambda n: None, *, compressed: bool = False
) -> IO[bytes]:
    """The whole file, from its beginning, on disk until it is closed; `advance` is told of each
    task. With `compressed` it is gzipped. ValidationError where the format cannot hold what is
    there.
    """
    # What is refused half-way closes the files of its own at once.
    with ExitStack() as stack, closing(_content(wanted, advance)) as content:
        file: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())
        pieces = zipped(content) if wanted.is_folder else _only(content)
        file.writelines(gzipped(pieces) if compressed else pieces)
        file.seek(0)
        stack.pop_all()
        return file


class Pieces:
    """An open file piece by piece; it is closed at its end, or by whoever gives up before."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._file.closed:
            raise StopIteration
        piece = self._file.read(PIECE_BYTES)
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def write_folder(wanted: DataSet, folder: Path, advance: Advance = lambda n: None) -> None:
    """Writes the files of a format that is a folder below one that is there.

    ValidationError as `open_file`, with what was written until then left behind.
    """
    for name, content in _content(wanted, advance):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(content)


def _only(entries: Iterable[Entry]) -> Iterator[bytes]:
    for _, content in entries:
        yield from content


def _content(wanted: DataSet, advance: Advance) -> Generator[Entry, None, None]:
    """The files; a format that is one has one, without a name."""
    found = items(_tasks(wanted, advance), wanted.version)
    if wanted.format in OF_OTHERS:
        yield "", OF_OTHERS[wanted.format](wanted, found)
        return
    scheme = scheme_of(wanted.project.label_config, wanted.project.parsed_label_config)
    if scheme is None:
        raise _unsuited(wanted)
    facts = naming_facts(wanted.project.pk, scheme.image.path)
    images = image_items(found, scheme, facts)
    if wanted.format == "coco" and wanted.version is not None:
        yield "", coco.results(images, scheme, are_identified=facts.are_identified)
        return
    yield from OF_IMAGES[wanted.format](images, scheme, wanted.version is not None)


def _unsuited(wanted: DataSet) -> NotHeld:
    return NotHeld(f"{wanted.format} does not suit the project's labelling config.")


def _tasks(wanted: DataSet, advance: Advance) -> Iterator[dict[str, Any]]:
    # The tokens of a text depend on all its regions, of whatever version.
    only = None if wanted.format == "conll" else wanted.version
    for document in documents_of(wanted.project, wanted.chosen, only):
        task: dict[str, Any] = values_of(dumps(document))
        advance(1)
        yield task


def _conll(wanted: DataSet, found: Iterator[Item]) -> Iterator[bytes]:
    scheme = conll.scheme_of(wanted.project.label_config)
    if scheme is None:
        raise _unsuited(wanted)
    return conll.pieces(found, scheme)


def _labels(wanted: DataSet, found: Iterator[Item]) -> Iterator[bytes]:
    scheme = labels.scheme_of(wanted.project.label_config)
    if scheme is None:
        raise _unsuited(wanted)
    is_prediction = wanted.version is not None
    return labels.pieces(found, scheme, is_prediction=is_prediction, escape=wanted.escape)


def _coco(images: Iterable[ImageItem], scheme: Scheme, is_said: bool) -> Iterator[Entry]:
    yield "", coco.truths(images, scheme)


def _dota(images: Iterable[ImageItem], scheme: Scheme, is_said: bool) -> Iterator[Entry]:
    write = dota.results if is_said else dota.truths
    return write(images, scheme)


Whole = Callable[[DataSet, Iterator[Item]], Iterator[bytes]]
Entries = Callable[[Iterable[ImageItem], Scheme, bool], Iterator[Entry]]
OF_OTHERS: dict[str, Whole] = {"conll": _conll, "labels-csv": _labels}
OF_IMAGES: dict[str, Entries] = {
    "coco": _coco,
    "yolo": lambda images, scheme, is_said: yolo.entries(images, scheme),
    "yolo-obb": lambda images, scheme, is_said: yolo.turned(images, scheme),
    "voc": lambda images, scheme, is_said: voc.entries(images, scheme),
    "dota": _dota,
}
