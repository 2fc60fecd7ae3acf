"""The one place that stores whole tasks, with the predictions and annotations inside them.

An import is one transaction. Every bad item is found before anything is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions.copying import boolean, copy, escaped_json, number, reserve_ids
from predictions.curate import reserve_inner_ids
from predictions.models import Project
from predictions.prediction_import import PredictionRow, Report, copy_rows, prediction_row
from predictions.results import Refused, bulk_json_text, finite_number, region_list


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task ready for COPY, with what stands inside it; the JSON columns are text."""

    data: bytes
    meta: bytes
    predictions: list[PredictionRow]
    annotations: list[dict[str, Any]]


def _unwrapped(item: dict[str, Any]) -> dict[str, Any]:
    """A task as `{"data": ..., ...}`: a flat object is its data."""
    is_wrapped = isinstance(item.get("data"), dict)
    return item if is_wrapped else {"data": item}


def _objects(task: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The task's list of objects under a key; [] for absent or null."""
    found = task.get(key) or []
    if not isinstance(found, list):
        raise Refused(f"Task[{key}] must be list")
    if not all(isinstance(entry, dict) for entry in found):
        raise Refused(f"Task[{key}] must hold objects only")
    return found


def _task_row(project: Project, item: Any, index: int) -> TaskRow:
    if not isinstance(item, dict):
        raise Refused(f"Task must be an object, got {type(item).__name__}")
    task = _unwrapped(item)
    meta = task.get("meta") or {}
    if not isinstance(meta, dict):
        raise Refused("Task[meta] must be an object")
    predictions = _objects(task, "predictions")
    annotations = _objects(task, "annotations")
    for kind, entries in (("Prediction", predictions), ("Annotation", annotations)):
        for entry in entries:
            if "result" not in entry:
                raise Refused(f'{kind} must have "result" fields :: {entry!r:.200}')
    for entry in annotations:
        if not isinstance(entry["result"], list) or region_list(entry["result"]) is None:
            raise Refused("Annotation[result] must be list")
    return TaskRow(
        data=bulk_json_text(task["data"]),
        meta=bulk_json_text(meta),
        predictions=[prediction_row(project, entry, index, 0) for entry in predictions],
        annotations=[_annotation(entry) for entry in annotations],
    )


def _annotation(entry: dict[str, Any]) -> dict[str, Any]:
    lead_time = entry.get("lead_time")
    if lead_time is not None:
        lead_time = finite_number(lead_time)
        if lead_time is None:
            raise Refused("Annotation[lead_time] must be a number")
    return {
        "result": bulk_json_text(entry["result"]),
        "ground_truth": entry.get("ground_truth") is True,
        "was_cancelled": entry.get("was_cancelled") is True,
        "lead_time": lead_time,
    }


def _checked_tasks(project: Project, items: Sequence[Any]) -> list[TaskRow]:
    report = Report("Error at item")
    rows = []
    for index, item in enumerate(items):
        try:
            rows.append(_task_row(project, item, index))
        except Refused as exc:
            report.add(index, str(exc))
    report.raise_if_any()
    return rows


def _store_tasks(project_id: int, rows: Sequence[TaskRow], first_inner_id: int) -> list[int]:
    ids = reserve_ids("predictions_task", len(rows))
    place = str(project_id).encode()
    copy(
        "predictions_task",
        "id, project_id, data, meta, inner_id, overlap, created_at, updated_at",
        (
            b"%d\t%b\t%b\t%b\t%d\t1\tnow\tnow\n"
            % (id_, place, escaped_json(row.data), escaped_json(row.meta), first_inner_id + n)
            for n, (id_, row) in enumerate(zip(ids, rows, strict=True))
        ),
    )
    return ids


def _store_annotations(
    project_id: int, user_id: int, pairs: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    place, author = str(project_id).encode(), str(user_id).encode()
    copy(
        "predictions_annotation",
        "task_id, project_id, result, ground_truth, was_cancelled, lead_time, completed_by_id,"
        " unique_id, created_at, updated_at",
        (
            b"%d\t%b\t%b\t%b\t%b\t%b\t%b\t\\N\tnow\tnow\n"
            % (
                task_id,
                place,
                escaped_json(annotation["result"]),
                boolean(annotation["ground_truth"]),
                boolean(annotation["was_cancelled"]),
                number(annotation["lead_time"]),
                author,
            )
            for task_id, annotation in pairs
        ),
    )


def store(project: Project, items: Any, access: Access) -> dict[str, Any]:
    """Stores tasks with the predictions and annotations inside them: all or nothing.

    A list, or one object. The counts and `task_ids` in the order of the request; ValidationError
    names the bad items by index.
    """
    if isinstance(items, dict):
        items = [items]
    if not isinstance(items, list):
        raise ValidationError([f"Expected a list of tasks, got {type(items).__name__}."])
    if not items:
        raise ValidationError(["load_tasks: No tasks added"])
    rows = _checked_tasks(project, items)
    first = reserve_inner_ids(project.pk, len(rows))
    with transaction.atomic():
        task_ids = _store_tasks(project.pk, rows, first)
        predictions = _placed(rows, task_ids)
        annotations = [
            (task_id, annotation)
            for task_id, row in zip(task_ids, rows, strict=True)
            for annotation in row.annotations
        ]
        if predictions:
            copy_rows(project.pk, predictions)
            _name_first_version(project, predictions)
        if annotations:
            _store_annotations(project.pk, access.user_id, annotations)
    return {
        "task_count": len(rows),
        "annotation_count": len(annotations),
        "prediction_count": len(predictions),
        "task_ids": task_ids,
    }


def _placed(rows: Sequence[TaskRow], task_ids: Sequence[int]) -> list[PredictionRow]:
    return [
        PredictionRow(p.index, task_id, p.result, p.score, p.model_version)
        for task_id, row in zip(task_ids, rows, strict=True)
        for p in row.predictions
    ]


def _name_first_version(project: Project, predictions: Sequence[PredictionRow]) -> None:
    """An import with predictions sets the project's version where it has none."""
    version = next((p.model_version for p in reversed(predictions) if p.model_version), None)
    if version:
        Project.objects.filter(pk=project.pk, model_version="").update(model_version=version)
