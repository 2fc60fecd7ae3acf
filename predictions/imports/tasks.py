"""Imports of whole tasks, with the predictions and annotations inside them.

An import is one transaction, written batch by batch; a bad item undoes it all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import BooleanField

from accounts.tokens import Access
from predictions.db.curation.tags import tag_new_tasks
from predictions.db.imports import (
    PredictionRow,
    TaskRow,
    copy_lines,
    name_first_version,
    prediction_copy,
    store_annotations,
    store_tasks,
)
from predictions.db.imports import record_created as record_predictions
from predictions.db.projects import Author
from predictions.db.tasks import record_created, reserve_inner_ids
from predictions.imports.bodies import Batches, ended, in_batches
from predictions.imports.predictions import prediction_row, refuse_misspelt
from predictions.imports.problems import Report
from predictions.imports.task_names import external_id
from predictions.imports.task_tags import tags_of
from predictions.models import Project
from predictions.regions import task_data
from predictions.regions.lists import id_number, region_list
from predictions_api.http.storable import Refused, bulk_json_text, finite_number
from predictions_api.names import by_letters
from predictions_api.postgres.copying import Copy
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import reserve_ids

FLAG = BooleanField(allow_null=True)
# What is read of a task, and of an annotation inside it.
OF_TASK = by_letters(["data", "meta", "predictions", "annotations", "tags", "external_id"])
OF_ANNOTATION = by_letters(["result", "ground_truth", "was_cancelled", "lead_time"])
# Of one import: a quarter of Label Studio's limit, in its words; stored in ten seconds or so.
MOST_TASKS = 250_000
TOO_MANY = "Maximum task number is {most}, current task number is {n}"
# What Label Studio's storages say of it; its import route takes all of it for data.
WITHOUT_DATA = 'If you use "{name}" field in the task, you must put "data" field in the task too'
# As exports before Label Studio 1.0 call them: passed over, their ground truth would be lost.
COMPLETIONS = 'Task[completions] is not read: its name is "annotations" since Label Studio 1.0'
NO_TASKS = "load_tasks: No tasks added"


def _unwrapped(item: dict[str, Any]) -> dict[str, Any]:
    """A task as `{"data": ..., ...}`: a flat object is its data. Refused for annotations and
    predictions that nothing would read.
    """
    if _hold_regions(item.get("completions")):
        raise Refused(COMPLETIONS)
    if isinstance(item.get("data"), dict):
        return item
    for name in ("annotations", "predictions"):
        if _hold_regions(item.get(name)):
            raise Refused(WITHOUT_DATA.format(name=name))
    return {"data": item}


def _hold_regions(value: Any) -> bool:
    """Whether it is a list of annotations or predictions."""
    return isinstance(value, list) and any(
        isinstance(one, dict) and "result" in one for one in value
    )


def _objects(task: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The task's list of objects under a key, in the order of their ids where all have one; [] for
    absent or null.
    """
    found = task.get(key) or []
    if not isinstance(found, list):
        raise Refused(f"Task[{key}] must be list")
    if not all(isinstance(entry, dict) for entry in found):
        raise Refused(f"Task[{key}] must hold objects only")
    # The newest counts, wherever an export has it in its list.
    ids = [(id_number(entry.get("id")), n) for n, entry in enumerate(found)]
    known = [(number, n) for number, n in ids if number is not None]
    return [found[n] for _, n in sorted(known)] if len(known) == len(found) else found


def _task_row(project: Project, item: Any, index: int) -> TaskRow:
    if not isinstance(item, dict):
        raise Refused(f"Task must be an object, got {type(item).__name__}")
    task = _unwrapped(item)
    if task is item:
        refuse_misspelt(item, OF_TASK, "Task")
    meta = task.get("meta") or {}
    if not isinstance(meta, dict):
        raise Refused("Task[meta] must be an object")
    # A flat object is data alone, whatever it calls its keys.
    name = None if task["data"] is item else task.get("external_id")
    predictions = _objects(task, "predictions")
    annotations = _objects(task, "annotations")
    for kind, entries in (("Prediction", predictions), ("Annotation", annotations)):
        for entry in entries:
            if "result" not in entry:
                raise Refused(f'{kind} must have "result" fields :: {entry!r:.200}')
    for entry in annotations:
        if not isinstance(entry["result"], list) or region_list(entry["result"]) is None:
            raise Refused("Annotation[result] must be list")
    made: dict[str, Any] = {
        "meta": bulk_json_text(meta),
        "external_id": None if name is None else external_id(name),
        "predictions": [
            prediction_row(project, _without_neighbors(entry), index, 0) for entry in predictions
        ],
        "annotations": [_annotation(entry) for entry in annotations],
        "tags": tags_of(task),
    }
    # Last: what is wrong with the rest is said rather than what the data lacks.
    data = task_data.checked(task["data"], project.label_config)
    return TaskRow(data=bulk_json_text(data), **made)


def _without_neighbors(entry: dict[str, Any]) -> dict[str, Any]:
    """The prediction without its nearest tasks: their ids are those of where it was exported."""
    return {**entry, "neighbors": None} if entry.get("neighbors") is not None else entry


def _annotation(entry: dict[str, Any]) -> dict[str, Any]:
    refuse_misspelt(entry, OF_ANNOTATION, "Annotation")
    lead_time = entry.get("lead_time")
    if lead_time is not None:
        lead_time = finite_number(lead_time)
        if lead_time is None:
            raise Refused("Annotation[lead_time] must be a number")
    return {
        "result": bulk_json_text(entry["result"]),
        "ground_truth": _flag(entry, "ground_truth"),
        "was_cancelled": _flag(entry, "was_cancelled"),
        "lead_time": lead_time,
    }


def _flag(entry: dict[str, Any], name: str) -> bool:
    """True, false, or what stands for it where an annotation is posted: 1, "true" and so on."""
    told: Any = entry.get(name)
    try:
        return bool(FLAG.to_internal_value(told))
    except ValidationError:
        raise Refused(f"Annotation[{name}] must be true or false") from None


def _rows(
    project: Project, batch: Iterable[Any], counter: Iterator[int], report: Report
) -> list[TaskRow]:
    """The batch's good tasks. Asks the database nothing."""
    rows = []
    for item, index in zip(batch, counter, strict=False):
        try:
            if isinstance(item, Refused):
                raise item
            rows.append(_task_row(project, item, index))
        except Refused as exc:
            report.add(index, str(exc))
    return rows


@dataclass(slots=True)
class Stored:
    """What an import has stored so far."""

    task_ids: list[int] = field(default_factory=list)
    n_predictions: int = 0
    n_annotations: int = 0
    last_version: str = ""


def task_list(document: Any) -> list[Any]:
    """The tasks of a document: a list, or one. ValidationError for anything else."""
    if isinstance(document, dict):
        return [document]
    if not isinstance(document, list):
        raise ValidationError([f"Expected a list of tasks, got {type(document).__name__}."])
    _refuse_many(len(document))
    return document


def _refuse_many(n_tasks: int) -> None:
    if n_tasks > MOST_TASKS:
        raise ValidationError([TOO_MANY.format(most=MOST_TASKS, n=n_tasks)])


def store(project: Project, items: Any, access: Access | Author) -> dict[str, Any]:
    """Stores a list of tasks, or one, as `store_batches`."""
    return store_batches(project, in_batches(task_list(items)), access)


def store_batches(
    project: Project, batches: Batches, access: Access | Author, *, commits: bool = True
) -> dict[str, Any]:
    """Stores tasks with the predictions and annotations inside them: all or nothing.

    The counts and `task_ids` in the order of the request; ValidationError names the bad items by
    index, or says that there are none. Without `commits` all is checked and counted, and nothing
    stored: the counts of annotations and predictions are None, as Label Studio's. One transaction;
    memory holds a batch, and 40 bytes a task for its id. Two imports of tasks into one project
    wait for each other, for the numbers within it.
    """
    report = Report("Error at item")
    stored = Stored()
    counter = count()
    n_tasks = 0
    with ended(batches), transaction.atomic(), prediction_copy() as predictions:
        for batch in batches:
            rows = _rows(project, batch, counter, report)
            n_tasks += len(rows)
            _refuse_many(n_tasks)
            predictions.wait()
            if rows and not report and commits:
                _store_batch(project, rows, access, stored, predictions)
        predictions.wait()
        report.raise_if_any()
        if not n_tasks:
            raise ValidationError([NO_TASKS])
        if stored.last_version:
            name_first_version(project, stored.last_version)
    return {
        "task_count": n_tasks,
        "annotation_count": stored.n_annotations if commits else None,
        "prediction_count": stored.n_predictions if commits else None,
        "task_ids": stored.task_ids,
    }


def _store_batch(
    project: Project, rows: Sequence[TaskRow], access: Access | Author, stored: Stored, copier: Copy
) -> None:
    first = reserve_inner_ids(project.pk, len(rows))
    task_ids = store_tasks(project.pk, rows, first)
    record_created(task_ids, project_id=project.pk, access=access)
    stored.task_ids += task_ids
    pairs = list(zip(task_ids, rows, strict=True))
    tag_new_tasks([(id_, row.tags) for id_, row in pairs], project_id=project.pk)
    annotations = [(id_, annotation) for id_, row in pairs for annotation in row.annotations]
    if annotations:
        store_annotations(project.pk, access.user_id, annotations)
        stored.n_annotations += len(annotations)
    predictions = [_placed(row, id_) for id_, task in pairs for row in task.predictions]
    if predictions:
        slot = slots.of_project(project.pk)
        ids = reserve_ids("predictions_prediction", len(predictions), slot=slot)
        if access.is_heard:
            record_predictions(ids, project)
        copier.send(copy_lines(project.pk, predictions, ids))
        stored.n_predictions += len(predictions)
        versions = (p.model_version for p in reversed(predictions) if p.model_version)
        stored.last_version = next(versions, stored.last_version)


def _placed(row: PredictionRow, task_id: int) -> PredictionRow:
    row.task = task_id
    return row
