"""Models of one project and version side by side: the latest finished evaluation of each."""

from evals.documents import comparison as documents
from evals.documents.comparison import Comparison, Contender
from evals.models import ModelEval
from predictions.models import Project

EXCLUSIONS = {
    ModelEval.Status.RUNNING: "its evaluation is still running",
    ModelEval.Status.FAILED: "its evaluation failed",
}


def comparison(project: Project, version: str, metric: str | None) -> Comparison:
    """Every model with an evaluation of that version, best first. One statement.

    A model is shown by its latest finished evaluation; without one it stays in the list with the
    reason. Nothing is evaluated for it.
    """
    rows = ModelEval.objects.filter(project=project, version_id=version).order_by("-id")
    latest: dict[str, ModelEval] = {}
    for evaluation in rows:
        name = model_name(evaluation)
        kept = latest.get(name)
        if kept is None or (not _is_done(kept) and _is_done(evaluation)):
            latest[name] = evaluation
    wanted = metric or documents.default_frontier_metric(e.task_type for e in latest.values())
    contenders = [_contender(name, one) for name, one in latest.items()]
    contenders.sort(key=lambda c: -(c.metrics.get(wanted) or 0.0))
    return documents.comparison(wanted, contenders)


def model_name(evaluation: ModelEval) -> str:
    """The evaluation's model id, else its model version, else its own id."""
    return evaluation.model_id or evaluation.model_version or evaluation.eval_id


def _is_done(evaluation: ModelEval) -> bool:
    return evaluation.status == ModelEval.Status.DONE


def _contender(name: str, evaluation: ModelEval) -> Contender:
    metrics = evaluation.summary["metrics"] if _is_done(evaluation) and evaluation.summary else {}
    exclusion = None if _is_done(evaluation) else EXCLUSIONS[ModelEval.Status(evaluation.status)]
    return Contender(
        name,
        evaluation.eval_id,
        metrics,
        latency_ms=evaluation.median_latency_ms,
        exclusion=exclusion,
    )
