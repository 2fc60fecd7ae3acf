"""Models of one project and version side by side: the latest finished evaluation of each."""

import math
from typing import Any

from evals.documents import comparison as documents
from evals.documents.comparison import Comparison, Contender
from evals.models import ModelEval
from evals.reports.terms import differing_terms, has_other_ground_truth, is_of_all
from predictions.models import Project

EXCLUSIONS = {
    ModelEval.Status.RUNNING: "its evaluation is still running",
    ModelEval.Status.FAILED: "its evaluation failed",
}
#: Metrics that are the same whatever matches at the evaluation's own IoU.
WITHOUT_THRESHOLD = frozenset({"mAP", "mAP5095", "mAP75", "mIoU"})
OF_MATCHING = frozenset({"matching", "iouThreshold", "iouInclusive"})


def comparison(project: Project, version: str, metric: str | None) -> Comparison:
    """Every model with an evaluation of that version, best first. One statement.

    A model is shown by its latest finished evaluation, of all tasks and classes if there is one;
    without one it stays in the list with the reason, and so it does if that measured something else
    than the newest of these. Nothing is evaluated for it.
    """
    rows = ModelEval.objects.filter(project=project, version_id=version).order_by("-id")
    latest: dict[str, ModelEval] = {}
    for evaluation in sorted(rows, key=_standing, reverse=True):
        latest.setdefault(model_name(evaluation), evaluation)
    newest = max(filter(_is_done, latest.values()), key=_standing, default=None)
    wanted = metric or documents.default_frontier_metric(newest.task_type if newest else None)
    contenders = [_contender(name, one, newest, wanted) for name, one in latest.items()]
    contenders.sort(key=lambda c: _place(c, wanted))
    return documents.comparison(wanted, contenders)


def _place(contender: Contender, metric: str) -> float:
    """Best first; those without the metric last."""
    value = contender.metrics.get(metric)
    return math.inf if value is None else -documents.better_by(metric, value)


def _standing(evaluation: ModelEval) -> tuple[bool, bool, int]:
    """The higher, the rather it stands for its model."""
    return _is_done(evaluation), is_of_all(evaluation), evaluation.pk


def model_name(evaluation: ModelEval) -> str:
    """The evaluation's model id, else its model version, else its own id."""
    return evaluation.model_id or evaluation.model_version or evaluation.eval_id


def _is_done(evaluation: ModelEval) -> bool:
    return evaluation.status == ModelEval.Status.DONE


def _contender(
    name: str, evaluation: ModelEval, newest: ModelEval | None, metric: str
) -> Contender:
    metrics = _metrics(evaluation.summary) if _is_done(evaluation) and evaluation.summary else {}
    exclusion, has_other = None, False
    if not _is_done(evaluation):
        exclusion = EXCLUSIONS[ModelEval.Status(evaluation.status)]
    elif newest is not None:
        exclusion = _difference(evaluation, newest, metric)
        has_other = has_other_ground_truth(evaluation, newest)
    return Contender(
        name,
        evaluation.eval_id,
        metrics,
        latency_ms=evaluation.median_latency_ms,
        exclusion=exclusion,
        has_other_ground_truth=has_other,
    )


def _metrics(summary: dict[str, Any]) -> dict[str, float | None]:
    """Those of the summary, and what the kind is known by; in place of the F1 at one confidence,
    where it is F1 itself.
    """
    metrics = dict(summary["metrics"])
    primary = summary["headline"].get("primary")
    if primary is not None and primary["name"] in documents.PRIMARY:
        metrics[primary["name"]] = primary["value"]
    return metrics


def _difference(evaluation: ModelEval, newest: ModelEval, metric: str) -> str | None:
    """Why its metric cannot be compared with the newest one's; None where it can."""
    terms = differing_terms(evaluation, newest)
    if metric in WITHOUT_THRESHOLD:
        terms = [name for name in terms if name not in OF_MATCHING]
    if not terms:
        return None
    return f"its evaluation has another {', '.join(terms)} than {newest.eval_id}"
