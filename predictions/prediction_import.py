"""The one place that stores many rows at once: imports of predictions, and of whole tasks.

An import is one transaction, written with COPY under ids reserved beforehand, so that the answer
can name them in the order of the request. Every bad item is found before anything is written.
"""

import io
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, connection, transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions import labelling, queries
from predictions.models import Project
from predictions.results import Refused, bulk_json_text, region_list

# How many reasons an answer spells out; the rest are counted.
MAX_REASONS = 100
# The version of imported predictions that name none: the peer's word, on its import routes only.
UNNAMED_VERSION = "undefined"

COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = b"\\N"


@dataclass(slots=True)
class Report:
    """What is wrong with which items of an import."""

    noun: str
    reasons: dict[int, list[str]] = field(default_factory=dict)

    def add(self, index: int, reason: str) -> None:
        self.reasons.setdefault(index, []).append(reason)

    def messages(self) -> list[str]:
        """`<Noun> <index>: <reason>`, at most MAX_REASONS, then how many there are in all."""
        named = [
            f"{self.noun} {index}: {reason}"
            for index, reasons in self.reasons.items()
            for reason in reasons
        ]
        if len(named) <= MAX_REASONS:
            return named
        count = (
            f"{len(self.reasons):,} bad items in all; the first {MAX_REASONS} reasons are named."
        )
        return [*named[:MAX_REASONS], count]

    def raise_if_any(self) -> None:
        if self.reasons:
            raise ValidationError(self.messages())

    def skipped(self) -> list[dict[str, Any]]:
        """The bad items one by one, for an import that stores the good ones."""
        return [{"index": index, "errors": errors} for index, errors in self.reasons.items()]


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """A prediction ready for COPY: `result` is JSON text."""

    index: int
    task_id: int
    result: bytes
    score: float | None
    model_version: str | None


def escaped(text: str | None) -> bytes:
    """A text column of COPY's text format."""
    return NULL if text is None else text.translate(COPY_ESCAPES).encode()


def escaped_json(text: bytes) -> bytes:
    """A jsonb column of COPY's text format: JSON has no raw tabs or newlines, only backslashes."""
    return text.replace(b"\\", b"\\\\")


def number(value: float | None) -> bytes:
    """A numeric column of COPY's text format."""
    return NULL if value is None else repr(value).encode()


def copy(table: str, columns: str, lines: Iterable[bytes]) -> None:
    """Appends rows to a table. IntegrityError and DataError as for an INSERT."""
    with connection.cursor() as cursor:
        buffer = io.BytesIO(b"".join(lines))
        cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", buffer)


def reserve_ids(table: str, n: int) -> list[int]:
    """The next n ids of a table, ascending. One statement."""
    row = queries.fetch_one(
        "SELECT array_agg(nextval(pg_get_serial_sequence(%s, 'id'))) FROM generate_series(1, %s)",
        [table, n],
    )
    return list(row[0] or []) if row else []


def _score(value: Any) -> float | None:
    """The score as a float. Refused unless it is a finite number, numeric text or null."""
    if value is None:
        return None
    if isinstance(value, int | float | str):
        with suppress(ValueError, OverflowError):
            score = float(value)
            if math.isfinite(score):
                return score
    raise Refused(f"Score must be a valid number, got {value!r:.100}")


def _model_version(item: dict[str, Any]) -> str | None:
    """The version as text. Refused unless it is text without NUL, or null."""
    version = item.get("model_version", UNNAMED_VERSION)
    if version is None or (isinstance(version, str) and "\0" not in version):
        return version
    raise Refused(f"model_version must be text, got {type(version).__name__}")


def _regions(project: Project, item: dict[str, Any]) -> list[dict[str, Any]]:
    if "result" not in item:
        raise Refused("Missing required field 'result'")
    if item["result"] is None:
        raise Refused("'result' may not be null")
    regions = region_list(item["result"])
    return labelling.expand(project.label_config, item["result"]) if regions is None else regions


def prediction_row(project: Project, item: Any, index: int, task_id: int) -> PredictionRow:
    """The row for an item whose task is known. Refused with all that is wrong, `; ` between."""
    if project.validate_predictions:
        score = item.get("score")
        found = labelling.problems(project.label_config, item.get("result"), score)
        if found:
            raise Refused("; ".join(found))
    return PredictionRow(
        index=index,
        task_id=task_id,
        result=bulk_json_text(_regions(project, item)),
        score=_score(item.get("score")),
        model_version=_model_version(item),
    )


def _known_tasks(project: Project, items: Sequence[Any]) -> set[int]:
    named = {
        item["task"]
        for item in items
        if isinstance(item, dict) and type(item.get("task")) is int and 0 < item["task"] < 2**63
    }
    rows = queries.fetch_all(
        "SELECT id FROM predictions_task WHERE project_id = %s AND id = ANY(%s)",
        [project.pk, list(named)],
    )
    return {row[0] for row in rows}


def _check(project: Project, items: Sequence[Any], report: Report) -> list[PredictionRow]:
    known = _known_tasks(project, items)
    rows = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            report.add(index, f"Expected an object, got {type(item).__name__}")
            continue
        task = item.get("task")
        if "task" not in item:
            report.add(index, "Missing required field 'task'")
        elif type(task) is not int or task not in known:
            report.add(index, f"Invalid task ID {task!r:.100} - task not found in project")
        else:
            try:
                rows.append(prediction_row(project, item, index, task))
            except Refused as exc:
                report.add(index, str(exc))
    return rows


def _refuse_repeats(rows: Sequence[PredictionRow], report: Report) -> None:
    """With upsert the same task and version twice would have the request overwrite itself."""
    first: dict[tuple[int, str | None], int] = {}
    for row in rows:
        key = (row.task_id, row.model_version)
        if first.setdefault(key, row.index) != row.index:
            report.add(row.index, f"Repeats task and model_version of item {first[key]}")


def _delete_replaced(project: Project, rows: Sequence[PredictionRow]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM predictions_prediction p
            USING unnest(%s::bigint[], %s::text[]) AS k(task_id, model_version)
            WHERE p.project_id = %s AND p.task_id = k.task_id
              AND p.model_version IS NOT DISTINCT FROM k.model_version
            """,
            [[r.task_id for r in rows], [r.model_version for r in rows], project.pk],
        )


def _lock_tasks(task_ids: Iterable[int]) -> None:
    """Writers that replace predictions of one task wait for each other, in one order."""
    queries.fetch_all(
        "SELECT 1 FROM predictions_task WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [sorted(set(task_ids))],
    )


PREDICTION_COPY = (
    "id, task_id, project_id, result, model_version, score, mislabeling, created_at, updated_at"
)


def _store_predictions(project_id: int, rows: Sequence[PredictionRow]) -> list[int]:
    ids = reserve_ids("predictions_prediction", len(rows))
    place = str(project_id).encode()
    versions = {row.model_version: escaped(row.model_version) for row in rows}
    copy(
        "predictions_prediction",
        PREDICTION_COPY,
        (
            b"%d\t%d\t%b\t%b\t%b\t%b\t0\tnow\tnow\n"
            % (
                id_,
                row.task_id,
                place,
                escaped_json(row.result),
                versions[row.model_version],
                number(row.score),
            )
            for id_, row in zip(ids, rows, strict=True)
        ),
    )
    return ids


def import_predictions(
    project: Project, items: Any, *, skip_bad: bool = False, upsert: bool = False
) -> dict[str, Any]:
    """Stores a list of predictions of one project: all, or with `skip_bad` the good ones.

    `created` and `prediction_ids` (of the stored ones, in the order of the request); with
    `skip_bad` also `skipped`. ValidationError names the bad items by index.
    """
    if not isinstance(items, list):
        raise ValidationError([f"Expected a list of predictions, got {type(items).__name__}."])
    report = Report("Prediction")
    rows = _check(project, items, report)
    if upsert:
        _refuse_repeats(rows, report)
    if not skip_bad:
        report.raise_if_any()
    good = [row for row in rows if row.index not in report.reasons]
    try:
        with transaction.atomic():
            if upsert:
                _lock_tasks(row.task_id for row in good)
                _delete_replaced(project, good)
            ids = _store_predictions(project.pk, good)
    except IntegrityError:
        raise ValidationError(
            ["A task was deleted during the import; nothing is stored."]
        ) from None
    answer: dict[str, Any] = {"created": len(ids), "prediction_ids": ids}
    if skip_bad:
        answer["skipped"] = report.skipped()
    return answer


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
    if lead_time is not None and not isinstance(lead_time, int | float):
        raise Refused("Annotation[lead_time] must be a number")
    return {
        "result": bulk_json_text(entry["result"]),
        "ground_truth": entry.get("ground_truth") is True,
        "was_cancelled": entry.get("was_cancelled") is True,
        "lead_time": None if lead_time is None else float(lead_time),
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


def reserve_inner_ids(project_id: int, n: int) -> int:
    """The first of n new numbers within the project. Commits at once outside a transaction."""
    row = queries.fetch_one(
        "UPDATE predictions_project SET last_inner_id = last_inner_id + %s WHERE id = %s"
        " RETURNING last_inner_id",
        [n, project_id],
    )
    return int(row[0]) - n + 1 if row else 1


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


def _boolean(value: bool) -> bytes:
    return b"t" if value else b"f"


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
                _boolean(annotation["ground_truth"]),
                _boolean(annotation["was_cancelled"]),
                number(annotation["lead_time"]),
                author,
            )
            for task_id, annotation in pairs
        ),
    )


def import_tasks(project: Project, items: Any, access: Access) -> dict[str, Any]:
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
            _store_predictions(project.pk, predictions)
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
