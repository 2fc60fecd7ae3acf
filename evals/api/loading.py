"""Starts evaluations of versions that were just loaded, for the room that loads them."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse
from rest_framework.exceptions import ValidationError

from evals.api.serializers import ComputeSerializer
from evals.documents.refusals import Refusal
from evals.jobs import requests
from evals.jobs.following import follow
from evals.models import ModelEval
from predictions.models import Project


def start(
    project: Project, model_version: str, *, watch: Callable[[float], object] | None
) -> dict[str, Any]:
    """See `predictions.imports.datasets.evaluation.Starter`."""
    serializer = ComputeSerializer(data={"project": str(project.pk), "modelVersion": model_version})
    try:
        serializer.is_valid(raise_exception=True)
        made = requests.create(serializer.validated_data, workspace_id=project.workspace_id)
    except Refusal as exc:
        raise ValidationError([str(exc.detail)]) from None
    if watch is not None:
        follow(made, watch)
        if made.status == ModelEval.Status.FAILED:
            raise ValidationError([f"{made.eval_id} failed: {made.failure_reason}"])
    return {
        "evalId": made.eval_id,
        "url": reverse("admin:evals_modeleval_overview", args=[made.eval_id]),
    }
