"""A whole project as a file: tasks with full predictions or annotations, or what
`label_studio_sdk.converter` makes of them.

The converter opens what task data names, on disk or in the network. It therefore never sees such a
value: each is replaced by a plain name, made of the task's id and the end of the value, that is no
path and no address.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import orjson
from rest_framework.exceptions import ValidationError

from predictions.db.documents import Document
from predictions.db.task_pages import with_children
from predictions.db.tasks import tasks_after
from predictions.models import Project
from predictions_api.http.rendering import dumps

SOURCES = ("predictions", "annotations")
# What the converter writes for each type: one file, or a folder that is sent as an archive.
CONVERTED = {"JSON_MIN": "json", "CSV": "csv", "COCO": "zip", "YOLO": "zip", "VOC": "zip"}
TYPES = {"JSON": "json", **CONVERTED}
CONTENT_TYPES = {"json": "application/json", "csv": "text/csv", "zip": "application/zip"}
# Types whose converter looks for the image itself.
OF_IMAGES = frozenset({"COCO", "YOLO", "VOC"})
# Up to so many tasks the file is made while the caller waits.
AT_ONCE_TASKS = 1000
PAGE_TASKS = 200
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

Advance = Callable[[int], object]


def check(project: Project, export_type: str) -> None:
    """ValidationError where the labelling config has nothing that the type could hold."""
    if export_type in CONVERTED and export_type not in _converter(project).supported_formats:
        message = f"{export_type} does not suit the project's labelling config."
        raise ValidationError({"exportType": [message]})


def _converter(project: Project) -> Any:
    from label_studio_sdk.converter import Converter

    return Converter(
        project.parsed_label_config,
        project_dir=None,
        download_resources=False,
        # Nothing on this disk may be read for a task.
        local_files_resolver=lambda path: None,
    )


def documents_of(project: Project) -> Iterator[Document]:
    """The project's tasks in id order, each with its full predictions and annotations.

    Three statements a page; memory holds a page.
    """
    after = 0
    while tasks := tasks_after(project.pk, after, limit=PAGE_TASKS):
        for task in with_children(tasks):
            shown = {
                key: task[key]
                for key in ("id", "data", "meta", "created_at", "updated_at", "inner_id", "project")
            }
            yield {**shown, "annotations": task["annotations"], "predictions": task["predictions"]}
        after = tasks[-1]["id"]


def json_pieces(
    project: Project, source: str, advance: Advance = lambda n: None
) -> Iterator[bytes]:
    """A JSON array of tasks; of the two kinds of children only the source's, whole."""
    other = "annotations" if source == "predictions" else "predictions"
    opening = b"["
    for task in documents_of(project):
        del task[other]
        yield opening + dumps(task)
        opening = b","
        advance(1)
    yield b"[]" if opening == b"[" else b"]"


def plain_name(task_id: int, value: str) -> str:
    """A file name for what a task's data names: no path, no address, no file of ours."""
    end = value.partition("?")[0].rstrip("/").rpartition("/")[2]
    return f"{task_id}-{UNSAFE.sub('_', end)[-100:].strip('.') or 'item'}"


def _defused(task_id: int, value: Any) -> Any:
    """The value without anything that could be opened."""
    if isinstance(value, str):
        return plain_name(task_id, value)
    if isinstance(value, list):
        return [_defused(task_id, entry) for entry in value]
    return value


def _for_converter(task: Document, source: str, *, of_images: bool) -> Document:
    """The task as converters read it: what the source names stands under `annotations`."""
    plain: Document = orjson.loads(dumps(task))
    if source == "predictions":
        plain["annotations"] = [
            {**p, "completed_by": {}, "was_cancelled": False} for p in plain["predictions"]
        ]
    del plain["predictions"]
    if of_images:
        plain["data"] = {key: _defused(plain["id"], value) for key, value in plain["data"].items()}
    return plain


def write(
    project: Project,
    export_type: str,
    source: str,
    target: Path,
    advance: Advance = lambda n: None,
) -> None:
    """Writes the file. Raises what the converter raises for results it cannot convert."""
    if export_type == "JSON":
        with target.open("wb") as file:
            file.writelines(json_pieces(project, source, advance))
        return
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "tasks"), Path(folder, "made")
        given.mkdir()
        made.mkdir()
        for task in documents_of(project):
            plain = _for_converter(task, source, of_images=export_type in OF_IMAGES)
            (given / f"{plain['id']:020}.json").write_bytes(orjson.dumps(plain))
            advance(1)
        _converter(project).convert(str(given), str(made), export_type, is_dir=True)
        _collect(made, target, archive=CONVERTED[export_type] == "zip")


def _collect(made: Path, target: Path, *, archive: bool) -> None:
    files = sorted(path for path in made.rglob("*") if path.is_file())
    if not archive:
        shutil.copyfile(files[0], target)
        return
    with ZipFile(target, "w", ZIP_DEFLATED) as packed:
        for path in files:
            packed.write(path, path.relative_to(made))
