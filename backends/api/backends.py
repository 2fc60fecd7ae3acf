"""The endpoints of ML backends: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from accounts import audit
from backends.api import ml_schema as docs
from backends.api.backend_documents import (
    BackendSerializer,
    InteractiveSerializer,
    TrainSerializer,
    as_sent,
    document,
)
from backends.api.ml_parameters import CheckParameters, ListParameters, TestParameters
from backends.asking.faults import Fault
from backends.db import endpoints
from backends.delivery import signatures
from backends.jobs import state, training
from backends.models import Endpoint
from backends.reaching import checks, direct, registration, sent_tasks
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.models import MLBackend, Project, Task
from predictions_api.http.fields import MAX_BIGINT, unknown_pk
from predictions_api.http.parameters import ID_TEXT

NO_BACKEND = "No MLBackend matches the given query."
NO_TASK = "No Task matches the given query."
QUEUED = "The training is queued; the state of the backend tells how it went."


class BackendRows(Rows):
    """Backends of the caller's workspace."""

    queryset = MLBackend.objects.none()
    serializer_class: type[Serializer[Any]] = BackendSerializer
    pagination_class = None

    def backend(self, name: str = "pk") -> MLBackend:
        """The backend in the path. NotFound where the workspace has none of that id."""
        return self.row_of(endpoints.backends(self.access().workspace_id), NO_BACKEND, name)

    def project_of(self, project_id: Any) -> Project | None:
        """A project of the workspace."""
        rows = Project.objects.filter(workspace_id=self.access().workspace_id, pk=project_id)
        return rows.first()


class BackendViewSet(BackendRows):
    """Model servers that are asked for predictions."""

    list_name = "ML Backend List"
    detail_name = "ML Backend Detail"

    @docs.BACKEND_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        asked = ListParameters.read(request.query_params)
        text = asked["project"] or ""
        is_id = ID_TEXT.fullmatch(text) and int(text) <= MAX_BIGINT
        project = self.project_of(int(text)) if is_id else None
        if project is None:
            raise NotFound(NO_PROJECT)
        rows = endpoints.backends(project.workspace_id).filter(project=project)
        if asked["is_interactive"] in {"true", "false"}:
            wanted = asked["is_interactive"] == "true"
            of_kind = rows.filter(endpoint__is_interactive=wanted)
            rows = of_kind if wanted else of_kind | rows.filter(endpoint=None)
        if asked["check"]:
            checks.look(rows)
        return json_response([document(row) for row in rows.all()])

    @docs.BACKEND_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        serializer = BackendSerializer(data=as_sent(request.data))
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        project_id = values.pop("project")
        project = self.project_of(project_id)
        if project is None:
            raise ValidationError({"project": [unknown_pk(project_id)]})
        try:
            values = registration.for_new(project, values)
        except checks.Unfit as unfit:
            raise ValidationError([str(unfit)]) from None
        secret = signatures.new_secret()
        with transaction.atomic():
            backend = endpoints.create(project, values, self.access(), secret=secret)
            audit.by_request(
                request, "backend.created", target=f"ML backend {backend.pk}", project=project.pk
            )
        return self._answer(backend.pk, status.HTTP_201_CREATED)

    def _answer(self, backend_id: int, code: int = status.HTTP_200_OK) -> HttpResponse:
        row = endpoints.backends(self.access().workspace_id).get(pk=backend_id)
        return json_response(document(row), code)

    @docs.BACKEND_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        backend = self.backend()
        if CheckParameters.read(request.query_params)["check"]:
            checks.look([backend])
        return self._answer(backend.pk)

    @docs.BACKEND_PUT
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    @docs.BACKEND_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        backend = self.backend()
        serializer = BackendSerializer(backend, data=as_sent(self.request.data), partial=partial)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        values.pop("project", None)
        try:
            values, is_moved = registration.for_change(backend, values)
        except checks.Unfit as unfit:
            raise ValidationError([str(unfit)]) from None
        with transaction.atomic():
            endpoints.update(self.backend(), values, self.access(), secret=signatures.new_secret())
            if is_moved:
                endpoints.note(backend.pk, Endpoint.State.CONNECTED)
            audit.by_request(
                self.request,
                "backend.changed",
                target=f"ML backend {backend.pk}",
                changes=sorted(values),
            )
        return self._answer(backend.pk)

    @docs.BACKEND_DELETE
    @audit.recorded("backend.deleted", "ML backend {pk}")
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        backend = self.backend()
        state.cancel_all(backend.pk)
        endpoints.delete(backend)
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)

    @docs.VERSIONS
    @action(detail=True)
    def versions(self, request: Request, **kwargs: Any) -> HttpResponse:
        found = direct.versions(self.backend())
        told = {"message": found.message} if found.message else {}
        return json_response({"versions": found.versions, **told})

    @docs.INTERACTIVE
    @action(detail=True, methods=["post"], url_path="interactive-annotating")
    def interactive(self, request: Request, **kwargs: Any) -> HttpResponse:
        backend = self.backend()
        serializer = InteractiveSerializer(data=as_sent(request.data))
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        task_id = self._task(backend, values["task"])
        if not endpoints.endpoint_of(backend).is_interactive:
            return json_response({"errors": [direct.NOT_INTERACTIVE]})
        try:
            return json_response({"data": direct.interactive(backend, task_id, values["context"])})
        except Fault as fault:
            return json_response({"errors": [str(fault)]})

    def _task(self, backend: MLBackend, task_id: int) -> int:
        """The id of a task of the backend's project. NotFound for any other."""
        known = (
            0 < task_id <= MAX_BIGINT
            and Task.objects.filter(pk=task_id, project_id=backend.project_id).exists()
        )
        if not known:
            raise NotFound(NO_TASK)
        return task_id

    @docs.PREDICT_TEST
    @action(detail=True, methods=["post"], url_path="predict/test", url_name="predict-test")
    def predict_test(self, request: Request, **kwargs: Any) -> HttpResponse:
        backend = self.backend()
        asked = TestParameters.read(request.query_params)
        if asked["task"] is None and not asked["random"]:
            raise ValidationError(["Name a task with ?task=, or ask for any with ?random=true."])
        if asked["task"] is not None:
            task_id: int | None = self._task(backend, asked["task"])
        else:
            task_id = sent_tasks.any_task(backend.project_id)
        if task_id is None:
            raise ValidationError(["The project has no tasks."])
        try:
            tried = direct.tried(backend, task_id)
        except Fault as fault:
            raise ValidationError([f"The backend did not answer. {fault}"]) from None
        return json_response(
            {
                "status": status.HTTP_200_OK,
                "error_message": None,
                "url": backend.url,
                "task": task_id,
                "request": direct.as_json(tried.request),
                "response": tried.response,
            }
        )

    @docs.TRAIN
    @action(detail=True, methods=["post"])
    @audit.recorded("backend.trained", "ML backend {pk}")
    def train(self, request: Request, **kwargs: Any) -> HttpResponse:
        backend = self.backend()
        serializer = TrainSerializer(data=as_sent(request.data or {}))
        serializer.is_valid(raise_exception=True)
        training.ask(
            backend.pk,
            use_ground_truth=serializer.validated_data["use_ground_truth"],
            user_id=self.access().user_id,
        )
        return json_response({"detail": QUEUED})
