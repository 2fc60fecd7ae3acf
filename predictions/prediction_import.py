"""The one place that stores many predictions of a project at once.

An import is one transaction, written with COPY. Every bad item is found before anything is
written; `Report` and `PredictionRow` serve the import of whole tasks, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from predictions import ingest, labelling, queries
from predictions.copying import copy, escaped, escaped_json, number, reserve_ids
from predictions.models import Project
from predictions.results import Refused, bulk_json_text, finite_number, json_text, region_list

# How many reasons an answer spells out; the rest are counted.
MAX_REASONS = 100
# The version of imported predictions that name none: the peer's word, on its import routes only.
UNNAMED_VERSION = "undefined"


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


def _score(value: Any) -> float | None:
    """The score as a float. Refused unless it is a finite number, numeric text or null."""
    if value is None:
        return None
    score = finite_number(value)
    if score is None:
        raise Refused(f"Score must be a valid number, got {value!s:.100}")
    return score


def _model_version(item: dict[str, Any]) -> str | None:
    """The version as text. Refused unless it is text that can be stored, or null."""
    version = item.get("model_version", UNNAMED_VERSION)
    if version is None:
        return None
    if not isinstance(version, str):
        raise Refused(f"model_version must be text, got {type(version).__name__}")
    json_text(version)
    return version


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


PREDICTION_COPY = (
    "id, task_id, project_id, result, model_version, score, mislabeling, created_at, updated_at"
)


def copy_rows(project_id: int, rows: Sequence[PredictionRow]) -> list[int]:
    """Writes rows of one project; their ids, in order. IntegrityError if a task is gone."""
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


def store(
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
                pairs = [(row.task_id, row.model_version) for row in good]
                queries.lock_tasks([row.task_id for row in good], workspace_id=project.workspace_id)
                ingest.delete_versions(pairs, workspace_id=project.workspace_id)
            ids = copy_rows(project.pk, good)
    except IntegrityError:
        raise ValidationError(
            ["A task was deleted during the import; nothing is stored."]
        ) from None
    answer: dict[str, Any] = {"created": len(ids), "prediction_ids": ids}
    if skip_bad:
        answer["skipped"] = report.skipped()
    return answer
