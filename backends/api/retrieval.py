"""The Data Manager's action that gets predictions of backends: jobs, and a wait for them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts import audit
from accounts.authentication import access_of
from backends.api.backend_documents import as_sent
from backends.db import endpoints, items, jobs
from backends.jobs import start, state
from backends.models import PredictionJob
from predictions.api.task_actions import RoomAction, selection
from predictions.api.viewset import json_response
from predictions.models import MLBackend, Project
from predictions_api.http.fields import MAX_BIGINT, unknown_pk
from predictions_api.http.storable import finite_number, whole_within

NAME = "retrieve_tasks_predictions"
NO_BACKEND = "The project has no ML backend; register one at /api/ml/."
MOST_WAIT_S = 30.0
LOOK_S = 0.05
WAIT = "Seconds, from 0 to 30."


def retrieve(request: Request, project_id: int) -> HttpResponse:
    """A job for each backend that predicts for the project; 200 if they end within the wait, else
    202.
    """
    access = access_of(request)
    project = Project.objects.get(pk=project_id, workspace_id=access.workspace_id)
    wait_s = _wait_s(request)
    body = as_sent(request.data) or {}
    if not isinstance(body, Mapping):
        raise ValidationError([f"Expected an object, got {type(body).__name__}."])
    selected = {"selectedItems": {"all": True}, **body}
    tasks = jobs.filtered(project_id, selection(request, selected, project_id))
    with transaction.atomic():
        made = [
            start.create(backend, tasks, user_id=access.user_id)
            for backend in _backends(project, body)
        ]
        audit.by_request(
            request,
            f"selection.{NAME}",
            target=f"project {project_id}",
            tasks=made[0].total_tasks,
            jobs=[job.pk for job in made],
        )
    return _answer(_ended(made, wait_s))


def _wait_s(request: Request) -> float:
    text = request.query_params.get("wait")
    if not text:
        return float(settings.ML_RETRIEVE_WAIT_S)
    wait_s = finite_number(text)
    if wait_s is None or not 0 <= wait_s <= MOST_WAIT_S:
        raise ValidationError({"wait": [WAIT]})
    return wait_s


def _backends(project: Project, body: Mapping[str, Any]) -> list[MLBackend]:
    """The one that the body names, or those that predict for the project. ValidationError where
    there is none.
    """
    named = body.get("ml_backend")
    if named is None:
        found = endpoints.chosen(project)
        if not found:
            raise ValidationError([NO_BACKEND])
        return found
    if whole_within(named, 1, MAX_BIGINT) is None:
        raise ValidationError({"ml_backend": ["The id of a backend of the project."]})
    rows = endpoints.backends(project.workspace_id).filter(project=project, pk=named)
    if not rows:
        raise ValidationError({"ml_backend": [unknown_pk(named)]})
    return list(rows)


def _ended(made: Sequence[PredictionJob], wait_s: float) -> list[PredictionJob]:
    """The jobs once all have ended, or as they are when the time is over."""
    until = time.monotonic() + wait_s
    ids = [job.pk for job in made]
    while True:
        found = list(PredictionJob.objects.filter(pk__in=ids).order_by("pk"))
        is_open = any(job.status in state.OPEN for job in found)
        left_s = until - time.monotonic()
        if not is_open or left_s <= 0:
            return found
        time.sleep(min(LOOK_S, left_s))


def _answer(found: Sequence[PredictionJob]) -> HttpResponse:
    selected = max((job.total_tasks for job in found), default=0)
    document = {
        "processed_items": selected,
        "detail": _retrieved(found),
        "jobs": [jobs.document(job) for job in found],
    }
    if any(job.status in state.OPEN for job in found):
        document["detail"] = (
            "The backends are being asked in the background; the jobs tell how far they are."
        )
        return json_response(document, status.HTTP_202_ACCEPTED)
    failed = [job for job in found if job.failed_tasks]
    if failed:
        n_failed = sum(job.failed_tasks for job in failed)
        reason = items.first_failure(failed[0].pk)
        document["detail"] = f"{document['detail']}; {n_failed} tasks failed: {reason}"
    return json_response(document)


def _retrieved(found: Sequence[PredictionJob]) -> str:
    """How many predictions came, as Label Studio says it, and of how many tasks none had to."""
    told = f"Retrieved {sum(job.total_predictions for job in found)} predictions"
    skipped = sum(job.skipped_tasks for job in found)
    return f"{told}; {skipped} tasks were passed over" if skipped else told


ACTION = RoomAction(
    title="Retrieve Predictions",
    order=90,
    permission="predictions.any",
    text="Ask the project's ML backends about the selected tasks. It goes on in the background"
    " where it takes longer; tasks that have predictions of the backend's version are passed over.",
    answer=retrieve,
)
