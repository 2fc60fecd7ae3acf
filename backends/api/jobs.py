"""The endpoints of prediction jobs: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.http import HttpResponse
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts import audit
from backends.api import ml_schema as docs
from backends.api.backend_documents import as_sent
from backends.api.backends import BackendRows
from backends.api.job_documents import JobSerializer, NewJobSerializer
from backends.api.ml_parameters import (
    FailureListParameters,
    JobListParameters,
    PredictParameters,
)
from backends.db import items, jobs
from backends.db.items import Clause
from backends.jobs import start, state
from backends.models import PredictionJob
from predictions.api.idempotency import once
from predictions.api.viewset import json_response
from predictions.filters.tasks import of_selection
from predictions.models import MLBackend
from predictions_api.http.fields import unknown_pk
from predictions_api.http.parameters import NoParameters

NO_JOB = "No PredictionJob matches the given query."

ALL_TASKS = "All tasks are asked about: leave the body out. POST …/prediction-jobs/ chooses tasks."


class JobViewSet(BackendRows):
    """Jobs of a backend."""

    queryset: Any = PredictionJob.objects.none()
    serializer_class = JobSerializer

    def job(self, backend: MLBackend) -> PredictionJob:
        """The job in the path. NotFound where the backend has none of that id."""
        return self.row_of(jobs.of_backend(backend.pk), NO_JOB)

    @docs.JOB_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        rows = jobs.of_backend(self.backend("backend_pk").pk)
        asked = JobListParameters.read(request.query_params)
        if asked["status"]:
            rows = rows.filter(status=asked["status"])
        if asked["after"]:
            rows = rows.filter(pk__lt=asked["after"])
        return json_response([jobs.document(job) for job in rows[: asked["limit"]]])

    @docs.JOB_CREATE
    @audit.recorded("prediction_job.created")
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        backend = self.backend("backend_pk")
        NoParameters.read_strictly(request.query_params)
        serializer = NewJobSerializer(data=as_sent(request.data or {}))
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data

        def made() -> HttpResponse:
            retried = self._retried(backend, values)
            tasks = self._tasks(backend, values, retried)
            chosen = {name: values[name] for name in ("force", "batch_size")}
            return self._started(backend, tasks, **chosen, retry_of=retried)

        return once(request, made)

    def _started(self, backend: MLBackend, tasks: Clause, **how: Any) -> HttpResponse:
        """The answer that a new job about the tasks is."""
        job = start.create(backend, tasks, user_id=self.access().user_id, **how)
        audit.note(self.request, target=f"prediction job {job.pk}", backend=backend.pk)
        return json_response(jobs.document(job), status.HTTP_202_ACCEPTED)

    def _retried(self, backend: MLBackend, values: dict[str, Any]) -> PredictionJob | None:
        if "retry_of" not in values:
            return None
        found = jobs.of_backend(backend.pk).filter(pk=values["retry_of"]).first()
        if found is None:
            raise ValidationError({"retry_of": [unknown_pk(values["retry_of"])]})
        return found

    def _tasks(
        self, backend: MLBackend, values: dict[str, Any], retried: PredictionJob | None
    ) -> Clause:
        if retried is not None:
            return jobs.failed_in(retried)
        if "tasks" in values:
            return start.named_tasks(backend, values["tasks"])
        if "selectedItems" in values or "filters" in values:
            given: Any = self.request.data
            body = {"selectedItems": {"all": True}, **given}
            return jobs.filtered(
                backend.project_id, of_selection(body, project_id=backend.project_id)
            )
        return jobs.every_task(backend.project_id)

    @docs.JOB_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(jobs.document(self.job(self.backend("backend_pk"))))

    @docs.JOB_CANCEL
    @action(detail=True, methods=["post"])
    @audit.recorded("prediction_job.cancelled", "prediction job {pk}")
    def cancel(self, request: Request, **kwargs: Any) -> HttpResponse:
        job = self.job(self.backend("backend_pk"))
        is_canceled = state.cancel(job.pk)
        job.refresh_from_db()
        if not is_canceled:
            raise ValidationError([f"The job has ended already: {job.status}."])
        return json_response(jobs.document(job))

    @docs.JOB_FAILURES
    @action(detail=True)
    def failures(self, request: Request, **kwargs: Any) -> HttpResponse:
        job = self.job(self.backend("backend_pk"))
        asked = FailureListParameters.read(request.query_params)
        found = items.failures(job.pk, after=asked["after"] or 0, limit=asked["limit"])
        return json_response(found)

    @docs.PREDICT_ALL
    @audit.recorded("prediction_job.created")
    def predict(self, request: Request, **kwargs: Any) -> HttpResponse:
        backend = self.backend()
        asked = PredictParameters.read_strictly(request.query_params)
        if request.data:
            raise ValidationError([ALL_TASKS])

        def made() -> HttpResponse:
            tasks = jobs.every_task(backend.project_id)
            return self._started(backend, tasks, batch_size=asked["batch_size"])

        return once(request, made)
