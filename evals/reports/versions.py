"""The finished evaluations of a project that one is read against, and its baseline among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evals.models import ModelEval
from evals.reports.comparison import model_name
from evals.reports.terms import differing_terms

#: What the figures of a version are read from, and whether they can be compared.
COLUMNS = (
    "eval_id", "model_id", "model_version", "version_id", "created_at", "is_accepted", "summary",
    "task_type", "origin", "control", "ground_truth", "matching", "iou_threshold", "inclusive",
    "options", "reading", "is_multi_label",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Version:
    """An evaluation of the same project, kind and control."""

    eval_id: str
    name: str
    created_at: datetime
    is_accepted: bool
    #: What its kind is known by, of the split that speaks for it; None without anything to measure.
    value: float | None
    #: By name, as `summary` has them; precision, recall and F1 at its own best confidence.
    metrics: dict[str, Any]
    #: What it measured otherwise than the evaluation in question.
    differing: Sequence[str]


def versions(evaluation: ModelEval, most: int) -> list[Version]:
    """It and the others of its project, kind and control, newest first; one statement, or three.

    Of more than `most` the newest so many, as many up to this one, and the accepted one. Alone
    where its project is deleted.
    """
    if evaluation.project_id is None:
        return [_version(evaluation, evaluation)]
    rows = ModelEval.objects.filter(
        workspace_id=evaluation.workspace_id,
        project_id=evaluation.project_id,
        task_type=evaluation.task_type,
        control=evaluation.control,
        status=ModelEval.Status.DONE,
    ).order_by("-id")
    rows = rows.only(*COLUMNS)
    found = list(rows[:most])
    if len(found) == most:
        # What it is read against by itself is among them, however long ago it was made.
        older = [*rows.filter(pk__lte=evaluation.pk)[:most], *rows.filter(is_accepted=True)]
        by_id = {one.pk: one for one in (*found, *older)}
        found = [by_id[pk] for pk in sorted(by_id, reverse=True)]
    return [_version(one, evaluation) for one in found]


def _version(one: ModelEval, evaluation: ModelEval) -> Version:
    summary = one.summary or {}
    primary = summary.get("headline", {}).get("primary")
    metrics = summary.get("metrics", {})
    return Version(
        eval_id=one.eval_id,
        name=model_name(one),
        created_at=one.created_at,
        is_accepted=one.is_accepted,
        # An imported file says nothing of it: of boxes it is mAP50-95.
        value=metrics.get("mAP5095") if primary is None else primary["value"],
        metrics=metrics,
        differing=differing_terms(evaluation, one),
    )


def baseline_of(evaluation: ModelEval, found: Sequence[Version]) -> Version | None:
    """What it is read against unless asked otherwise: the accepted one; else the newest of another
    version from before it, or of its own; else the oldest after it. None where it is alone.

    `found` are newest first.
    """
    place = next(at for at, one in enumerate(found) if one.eval_id == evaluation.eval_id)
    accepted = [one for one in found if one.is_accepted and one.eval_id != evaluation.eval_id]
    before, after = found[place + 1 :], found[:place][::-1]
    comparable = [one for one in before if not one.differing]
    others = [one for one in comparable if one.name != found[place].name]
    return next(iter([*accepted, *others, *comparable, *before, *after]), None)
