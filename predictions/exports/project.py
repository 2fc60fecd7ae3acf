"""A whole project as a file: tasks with full predictions or annotations, or another tool's format.

The types are called as Label Studio calls them, and written by `types/`: nothing that task data
names is opened, on disk or in the network. Files name images after their task.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.db.documents import Document
from predictions.db.task_pages import with_children
from predictions.db.tasks import ChosenTasks, tasks_after
from predictions.db.versions import OneVersion, has_several_versions
from predictions.exports.sizes import sized
from predictions.exports.types import coco, masks, tables, voc, yolo
from predictions.exports.types.archive import Entry, zipped
from predictions.exports.types.given import given_of, values_of
from predictions.exports.types.objects import Picture, Scheme, picture_of, scheme_of
from predictions.models import Project
from predictions_api.http.rendering import dumps
from predictions_api.http.storable import json_value

SOURCES = ("predictions", "annotations")
# The suffix of each type's file.
TYPES = {
    "JSON": "json",
    "JSON_MIN": "json",
    "CSV": "csv",
    "TSV": "tsv",
    "COCO": "zip",
    "VOC": "zip",
    "YOLO": "zip",
    "YOLO_OBB": "zip",
    "BRUSH_TO_PNG": "zip",
    "BRUSH_TO_NUMPY": "zip",
    "BRUSH_TO_COCO": "zip",
}
CONTENT_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "zip": "application/zip",
}
OF_MASKS = frozenset({"BRUSH_TO_PNG", "BRUSH_TO_NUMPY", "BRUSH_TO_COCO"})
SEPARATORS = {"CSV": ",", "TSV": "\t"}
PAGE_TASKS = 200

Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is exported of a project, as what."""

    export_type: str
    #: `predictions` or `annotations`.
    source: str
    #: Only these tasks; empty for all.
    task_ids: tuple[int, ...] = ()
    #: Also tasks that have nothing of the source.
    all_tasks: bool = False
    #: Of the predictions only these; None for all.
    version: OneVersion | None = None
    #: Of a table: no cell is a formula to a spreadsheet.
    escape: bool = False

    @property
    def chosen(self) -> ChosenTasks:
        """Which tasks are read."""
        if self.all_tasks:
            return ChosenTasks(self.task_ids)
        return ChosenTasks(self.task_ids, self.source, self.version)

    @property
    def suffix(self) -> str:
        """Of the file."""
        return TYPES[self.export_type]


def check(project: Project, export_type: str) -> None:
    """ValidationError where the labelling config has nothing that the type could hold."""
    if not _suits(export_type, _scheme(project)):
        message = f"{export_type} does not suit the project's labelling config."
        raise ValidationError({"exportType": [message]})


def suiting(project: Project) -> list[str]:
    """The types that the project can be exported as, those that suit any config first."""
    scheme = _scheme(project)
    return [name for name in TYPES if _suits(name, scheme)]


def _suits(export_type: str, scheme: Scheme | None) -> bool:
    if TYPES[export_type] != "zip":
        return True
    if scheme is None:
        return False
    return export_type not in OF_MASKS or "brush" in scheme.shapes


def _scheme(project: Project) -> Scheme | None:
    return scheme_of(project.label_config, project.parsed_label_config)


def documents_of(
    project: Project, chosen: ChosenTasks, only: OneVersion | None = None
) -> Iterator[Document]:
    """The chosen tasks in id order, each with its full predictions and annotations; with `only`
    no predictions but that version's.

    Three statements a page; memory holds a page.
    """
    after = 0
    while tasks := tasks_after(project.pk, after, limit=PAGE_TASKS, chosen=chosen):
        for task in with_children(tasks, only):
            shown = {
                key: task[key]
                for key in ("id", "data", "meta", "created_at", "updated_at", "inner_id", "project")
            }
            if task["tags"]:
                shown["tags"] = task["tags"]
            yield {**shown, "annotations": task["annotations"], "predictions": task["predictions"]}
        after = tasks[-1]["id"]


def pieces(project: Project, wanted: Wanted, advance: Advance = lambda n: None) -> Iterator[bytes]:
    """The file as a stream; `advance` is told of each task."""
    if wanted.export_type == "JSON":
        return _json(project, wanted, advance)
    tasks = _tasks(project, wanted, advance)
    if wanted.suffix == "zip":
        return zipped(_entries(project, wanted, tasks))
    records = tables.records(tasks, wanted.source, project.parsed_label_config)
    if wanted.export_type == "JSON_MIN":
        return tables.json_min(records)
    separator = SEPARATORS[wanted.export_type]
    return tables.table(records, wanted.source, separator, escape=wanted.escape)


def _json(project: Project, wanted: Wanted, advance: Advance) -> Iterator[bytes]:
    """A JSON array of tasks; of the two kinds of children only the source's, whole."""
    other = "annotations" if wanted.source == "predictions" else "predictions"
    opening = b"["
    for task in documents_of(project, wanted.chosen, wanted.version):
        del task[other]
        yield opening + dumps(task)
        opening = b","
        advance(1)
    yield b"[]" if opening == b"[" else b"]"


def _tasks(project: Project, wanted: Wanted, advance: Advance) -> Iterator[dict[str, Any]]:
    """Tasks as JSON values. One whose annotations were all cancelled has none."""
    of = values_of if wanted.suffix == "zip" else json_value
    for document in documents_of(project, wanted.chosen, wanted.version):
        task: dict[str, Any] = of(dumps(document))
        advance(1)
        if wanted.all_tasks or given_of(task, wanted.source):
            yield task


def _entries(project: Project, wanted: Wanted, tasks: Iterator[dict[str, Any]]) -> Iterator[Entry]:
    scheme = _scheme(project)
    if scheme is None:
        # Its labelling config was changed since it was checked.
        return iter(())
    pictures: Iterator[Picture] = (
        picture_of(task, wanted.source, scheme, size)
        for task, size in sized(tasks, lambda task: task, scheme)
    )
    if wanted.export_type in {"COCO", "BRUSH_TO_COCO"}:
        return coco.entries(pictures, scheme)
    if wanted.export_type == "BRUSH_TO_PNG":
        return masks.entries(pictures, scheme, masks.png, "png")
    if wanted.export_type == "BRUSH_TO_NUMPY":
        return masks.entries(pictures, scheme, masks.npy, "npy")
    with_versions = (
        wanted.source == "predictions"
        and wanted.version is None
        and has_several_versions(project.pk)
    )
    if wanted.export_type == "VOC":
        return voc.entries(pictures, scheme, with_versions=with_versions)
    is_turned = wanted.export_type == "YOLO_OBB"
    return yolo.entries(pictures, scheme, with_versions=with_versions, is_turned=is_turned)


def write(
    project: Project, wanted: Wanted, target: Path, advance: Advance = lambda n: None
) -> None:
    """Writes the file."""
    with target.open("wb") as file:
        file.writelines(pieces(project, wanted, advance))
