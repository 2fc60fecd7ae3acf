"""Models of one project and version side by side: the latest finished evaluation of each."""

from evals.documents import comparison as wire_models
from evals.documents import panels
from evals.documents.comparison import Contender
from evals.models import ModelEval
from predictions.models import Project

EXCLUSIONS = {
    ModelEval.Status.RUNNING: "its evaluation is still running",
    ModelEval.Status.FAILED: "its evaluation failed",
}


def comparison(project: Project, version: str, metric: str | None) -> panels.Document:
    """Every model with an evaluation of that version, best first. One statement.

    A model is shown by its latest finished evaluation; without one it stays in the list with the
    reason. Nothing is evaluated for it.
    """
    found = ModelEval.objects.filter(project=project, version_id=version).order_by("-id")
    latest: dict[str, ModelEval] = {}
    for one in found:
        name = model_name(one)
        kept = latest.get(name)
        if kept is None or (not _is_done(kept) and _is_done(one)):
            latest[name] = one
    wanted = metric or wire_models.default_frontier_metric(e.task_type for e in latest.values())
    contenders = [_contender(name, one) for name, one in latest.items()]
    contenders.sort(key=lambda c: -(c.metrics.get(wanted) or 0.0))
    return wire_models.comparison(wanted, contenders)


def model_name(found: ModelEval) -> str:
    """Its model's id, else the version of the predictions, else its own id."""
    return found.model_id or found.model_version or found.eval_id


def _is_done(found: ModelEval) -> bool:
    return found.status == ModelEval.Status.DONE


def _contender(name: str, found: ModelEval) -> Contender:
    metrics = found.summary["metrics"] if _is_done(found) and found.summary else {}
    exclusion = None if _is_done(found) else EXCLUSIONS[ModelEval.Status(found.status)]
    return Contender(
        name, found.eval_id, metrics, latency_ms=found.median_latency_ms, exclusion=exclusion
    )
