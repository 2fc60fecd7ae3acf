"""The one place that makes evaluations to compute, from what a caller asks for."""

from typing import Any

from django.db import transaction

from evals.db import evaluations
from evals.db.label_config import choose
from evals.documents.refusals import EvaluationNotDone, ProjectNotFound, Refusal
from evals.jobs import state, tasks
from evals.models import ModelEval
from predictions.db.versions import has_model_version
from predictions.models import Annotation, Project

NO_GROUND_TRUTH = (
    "The project has no ground truth. Mark annotations as ground truth: "
    'POST /api/tasks/{id}/annotations/ {"result": [...], "ground_truth": true}.'
)


def create(values: dict[str, Any], *, workspace_id: int) -> ModelEval:
    """A new evaluation, queued. A Refusal says what is missing, before anything is stored."""
    project = evaluations.project(values["project"], workspace_id=workspace_id)
    if project is None:
        raise ProjectNotFound()
    chosen = choose(project, task_type=values.get("taskType"), control=values.get("control"))
    _refuse_impossible(project, values["modelVersion"])
    found = state.create(
        workspace_id=workspace_id,
        project=project,
        version_id=values.get("versionId") or values["modelVersion"],
        model_id=values.get("modelId") or None,
        model_version=values["modelVersion"],
        task_type=chosen.task_type,
        control=chosen.control,
        reading=chosen.reading.document(),
        matching=values["matching"],
        iou_threshold=values["iouThreshold"],
        inclusive=values["iouInclusive"],
        confidence=values["confidence"],
        median_latency_ms=values.get("medianLatencyMs"),
        writes_back=values["writeBack"],
    )
    tasks.queue(found.pk)
    return found


def repeat(found: ModelEval) -> None:
    """Computes an evaluation anew. A Refusal where there is nothing to compute it from."""
    if found.origin == ModelEval.Origin.IMPORTED:
        raise Refusal("An imported evaluation cannot be computed again; import its file.")
    if found.project is None:
        raise Refusal("The project was deleted: there is nothing left to evaluate.")
    if found.status == ModelEval.Status.RUNNING:
        raise EvaluationNotDone("It is running. Cancel it first to start anew.")
    with transaction.atomic():
        state.restart(found)
        tasks.queue(found.pk)


def _refuse_impossible(project: Project, version: str) -> None:
    # By the index on (project, task).
    truths = Annotation.objects.filter(project=project, ground_truth=True, was_cancelled=False)
    if not truths.exists():
        raise Refusal(NO_GROUND_TRUTH, "no_ground_truth")
    if not has_model_version(project.pk, version):
        raise Refusal(f"The project has no predictions of version {version!r}.", "no_predictions")
