"""The prediction store's endpoints: parse, call, respond.

Answers leave as bytes made from rows (`documents`), not through the serializers, which say what a
request may hold and what the schema promises.
"""

from __future__ import annotations  # `list` is a method here

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from accounts.authentication import access_of
from accounts.tokens import Access
from predictions import (
    curate,
    documents,
    filters,
    idempotency,
    ingest,
    prediction_import,
    queries,
    task_import,
)
from predictions import schema as docs
from predictions.documents import Document
from predictions.filters import a_flag, a_limit
from predictions.models import Annotation, Prediction, Project, Task
from predictions.parsing import BulkJSONParser
from predictions.results import Refused, json_text
from predictions.serializers import (
    MAX_BIGINT,
    PK_TEXT,
    AnnotationSerializer,
    PredictionSerializer,
    ProjectSerializer,
    TaskDetailSerializer,
    TaskSerializer,
)
from predictions_api.pagination import NumberedPages
from predictions_api.rendering import dumps

NO_PROJECT = "No Project matches the given query."
NO_PROJECT_NAMED = {"detail": "Neither project nor view id specified"}


def json_response(document: Any, status_code: int = status.HTTP_200_OK) -> HttpResponse:
    """JSON bytes, past the renderer: the negotiation has already let only JSON through."""
    return HttpResponse(dumps(document), status=status_code, content_type="application/json")


class Rows(GenericViewSet[Any]):
    """What every view here shares: the caller's access and ids that cannot overflow a bigint."""

    def access(self) -> Access:
        return access_of(self.request)

    def row_id(self, name: str = "pk") -> int:
        """The id in the path; 0, which no row has, where it is beyond any id.

        NotFound where it is no whole number.
        """
        text = self.kwargs[name]
        if not PK_TEXT.fullmatch(text):
            raise NotFound
        row_id = int(text)
        return row_id if 0 < row_id <= MAX_BIGINT else 0

    def checked(
        self, serializer_class: type[Serializer[Any]], *, partial: bool = False
    ) -> dict[str, Any]:
        """The validated body. ValidationError otherwise."""
        return validated(serializer_class, self.request.data, partial=partial)


@cache
def validator(serializer_class: type[Serializer[Any]], *, partial: bool) -> Serializer[Any]:
    """A serializer to validate with, made once: its fields keep nothing between calls, and
    copying them for each request took longer than everything else the request does here.
    """
    return serializer_class(partial=partial)


def validated(
    serializer_class: type[Serializer[Any]], body: Any, *, partial: bool = False
) -> dict[str, Any]:
    """The validated body. ValidationError otherwise."""
    if body is None:
        raise ValidationError(["No data provided"])
    values: dict[str, Any] = validator(serializer_class, partial=partial).run_validation(body)
    return values


class PredictionViewSet(Rows):
    """Predictions, one by one and as lists."""

    queryset = Prediction.objects.none()
    serializer_class = PredictionSerializer

    def get_object(self) -> Document:
        found = queries.prediction(self.row_id(), workspace_id=self.access().workspace_id)
        if found is None:
            raise NotFound(ingest.NO_PREDICTION)
        return found

    @docs.PREDICTION_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        workspace_id = self.access().workspace_id
        wanted = filters.predictions(request.query_params, workspace_id=workspace_id)
        answer = self._streamed if wanted.is_whole_project else self._page
        response = answer(wanted)
        if wanted.wants_count:
            count = queries.count_predictions(wanted.clauses, wanted.params)
            response["X-Total-Count"] = str(count)
        return response

    def _streamed(self, wanted: filters.PredictionFilter) -> HttpResponseBase:
        """Chunk by chunk; a list that fits the first chunk goes out whole, with its length."""
        chunks = queries.stream_predictions(*wanted.sql())
        first = next(chunks, [])
        if len(first) < queries.CHUNK:
            chunks.close()
            return self._whole(first, wanted)
        return StreamingHttpResponse(json_array(first, chunks), content_type="application/json")

    def _page(self, wanted: filters.PredictionFilter) -> HttpResponseBase:
        rows = queries.predictions_page(*wanted.sql())
        if wanted.limit is None or len(rows) <= wanted.limit:
            return self._whole(rows, wanted)
        rows = rows[: wanted.limit]
        response = self._whole(rows, wanted)
        if wanted.ordering in {"id", "-id"}:
            response["Link"] = f'<{self._next_url(rows[-1]["id"])}>; rel="next"'
        return response

    def _next_url(self, after: int) -> str:
        query = self.request.query_params.copy()
        query["after"] = str(after)
        return self.request.build_absolute_uri(f"?{urlencode(list(query.items()))}")

    def _whole(self, rows: Sequence[Document], wanted: filters.PredictionFilter) -> HttpResponse:
        if not rows:
            filters.refuse_unknown(wanted, workspace_id=self.access().workspace_id)
        return json_response(rows)

    @docs.PREDICTION_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        return idempotency.once(request, self._create)

    def _create(self) -> HttpResponse:
        upsert = a_flag(self.request.query_params, "upsert")
        if isinstance(self.request.data, list):
            return self._create_many(upsert=upsert)
        values = self.checked(PredictionSerializer)
        store = ingest.replace if upsert else ingest.create
        return json_response(store(values, self.access()), status.HTTP_201_CREATED)

    def _create_many(self, *, upsert: bool) -> HttpResponse:
        many: list[dict[str, Any]] = []
        errors: list[Any] = []
        for body in self.request.data:
            try:
                many.append(validated(PredictionSerializer, body))
                errors.append({})
            except ValidationError as exc:
                errors.append(exc.detail)
        if any(errors):
            raise ValidationError(errors)
        stored = ingest.create_many(many, self.access(), upsert=upsert)
        return json_response(stored, status.HTTP_201_CREATED)

    @docs.PREDICTION_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(self.get_object())

    @docs.PREDICTION_PUT
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    @docs.PREDICTION_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        access, row_id = self.access(), self.row_id()
        target = queries.target_of_prediction(row_id, workspace_id=access.workspace_id)
        if target is None:
            raise NotFound(ingest.NO_PREDICTION)
        values = self.checked(PredictionSerializer, partial=partial)
        return json_response(ingest.update(row_id, values, access, target))

    @docs.PREDICTION_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        ingest.delete(self.row_id(), self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)


def json_array(first: list[Document], rest: Iterator[list[Document]]) -> Iterator[bytes]:
    """One JSON array in pieces, a piece a chunk."""
    yield documents.as_json(first)[:-1]
    for chunk in rest:
        yield b"," + documents.as_json(chunk)[1:-1]
    yield b"]"


class TaskViewSet(Rows):
    """Tasks, with what was predicted and annotated on them."""

    queryset = Task.objects.none()
    serializer_class = TaskSerializer
    DEFAULT_PAGE_SIZE: ClassVar[int] = 100

    def get_object(self) -> Document:
        return curate.existing_task(self.row_id(), self.access())

    @docs.TASK_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        project_id = filters.an_id(request.query_params, "project")
        if project_id is None:
            return json_response(NO_PROJECT_NAMED, status.HTTP_404_NOT_FOUND)
        return self._page(project_id)

    @docs.PROJECT_TASK_LIST
    def list_of_project(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._page(self.row_id("project_pk"), bare=True)

    def _page(self, project_id: int, *, bare: bool = False) -> HttpResponse:
        query, workspace_id = self.request.query_params, self.access().workspace_id
        if not queries.project_exists(project_id, workspace_id=workspace_id):
            raise NotFound(NO_PROJECT)
        size = a_limit(query, "page_size", most=1000) or self.DEFAULT_PAGE_SIZE
        page = page_number(query)
        tasks = queries.task_page(
            workspace_id=workspace_id,
            project_id=project_id,
            limit=size,
            offset=(page - 1) * size,
        )
        if not tasks and page > 1:
            # The peer's client reads pages until it meets this.
            raise NotFound("Invalid page.")
        shown = self._shown(tasks)
        if bare:
            return json_response(shown)
        totals = queries.project_totals(project_id)
        return json_response(
            {
                "total_annotations": totals["total_annotations_number"],
                "total_predictions": totals["total_predictions_number"],
                "total": totals["task_number"],
                "tasks": shown,
            }
        )

    def _shown(self, tasks: Sequence[Document]) -> Sequence[Document]:
        """Full tasks with `fields=all`; only the keys that `include` names, where it names any."""
        query = self.request.query_params
        wants_children = query.get("fields") == "all"
        include = [name for name in (query.get("include") or "").split(",") if name]
        shown = queries.with_children(tasks) if wants_children or include else tasks
        if not include:
            return shown
        return [{name: task[name] for name in include if name in task} for task in shown]

    @docs.TASK_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        task = curate.create_task(self.checked(TaskSerializer), self.access())
        return json_response(task, status.HTTP_201_CREATED)

    @docs.TASK_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(queries.with_children([self.get_object()])[0])

    @docs.TASK_PUT
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    @docs.TASK_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        self.get_object()
        values = self.checked(TaskSerializer, partial=partial)
        return json_response(curate.update_task(self.row_id(), values, self.access()))

    @docs.TASK_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        curate.delete_task(self.row_id(), self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)


class AnnotationViewSet(Rows):
    """What people drew: listed and created under their task, read and changed by their id."""

    queryset = Annotation.objects.none()
    serializer_class = AnnotationSerializer

    def get_object(self) -> Document:
        return curate.existing_annotation(self.row_id(), self.access())

    @docs.ANNOTATION_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        task = curate.existing_task(self.row_id("task_pk"), self.access())
        return json_response(queries.annotations_of_tasks([task["id"]]))

    @docs.ANNOTATION_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        access, task_id = self.access(), self.row_id("task_pk")
        curate.existing_task(task_id, access)
        annotation = curate.create_annotation(task_id, self.checked(AnnotationSerializer), access)
        return json_response(annotation, status.HTTP_201_CREATED)

    @docs.ANNOTATION_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(self.get_object())

    @docs.ANNOTATION_PUT
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    @docs.ANNOTATION_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        self.get_object()
        values = self.checked(AnnotationSerializer, partial=partial)
        return json_response(curate.update_annotation(self.row_id(), values, self.access()))

    @docs.ANNOTATION_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        curate.delete_annotation(self.row_id(), self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProjectViewSet(Rows):
    """Projects: their labelling config, their settings, and what can be done with them whole."""

    queryset = Project.objects.none()
    serializer_class = ProjectSerializer
    pagination_class = NumberedPages

    def get_queryset(self) -> Any:
        projects = Project.objects.filter(workspace_id=self.access().workspace_id)
        return projects.select_related("created_by").order_by("-id")

    def get_object(self) -> Project:
        project: Project | None = self.get_queryset().filter(pk=self.row_id()).first()
        if project is None:
            raise NotFound(NO_PROJECT)
        return project

    def _document(self, project: Project, *, counted: bool) -> Document:
        totals = queries.project_totals(project.pk) if counted else {}
        return {**ProjectSerializer(project).data, **totals}

    @docs.PROJECT_LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self._ordered(self.get_queryset())) or []
        include = [name for name in request.query_params.get("include", "").split(",") if name]
        if include:
            whole = [self._document(project, counted=False) for project in page]
            shown = [{n: p[n] for n in ["id", *include] if n in p} for p in whole]
        else:
            totals = queries.totals_of_projects([project.pk for project in page])
            shown = [{**ProjectSerializer(p).data, **totals.get(p.pk, {})} for p in page]
        return self.get_paginated_response(shown)

    def _ordered(self, projects: Any) -> Any:
        query = self.request.query_params
        if title := filters.given(query, "title"):
            projects = projects.filter(title__icontains=title)
        if ids := filters.given(query, "ids"):
            wanted = [int(i) for i in ids.split(",") if filters.ID_TEXT.fullmatch(i)]
            projects = projects.filter(pk__in=wanted)
        return projects

    @docs.PROJECT_CREATE
    def create(self, request: Request, **kwargs: Any) -> Response:
        serializer = ProjectSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        project = curate.create_project(
            serializer.validated_data, self.access(), parsed=serializer.parsed
        )
        return Response(self._document(project, counted=False), status.HTTP_201_CREATED)

    @docs.PROJECT_GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(self._document(self.get_object(), counted=True))

    @docs.PROJECT_PUT
    def update(self, request: Request, **kwargs: Any) -> Response:
        return self._update(partial=False)

    @docs.PROJECT_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> Response:
        project = self.get_object()
        serializer = ProjectSerializer(project, data=self.request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        curate.update_project(project, serializer.validated_data, parsed=serializer.parsed)
        return Response(self._document(project, counted=False))

    @docs.PROJECT_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        curate.delete_project(self.get_object().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.MODEL_VERSIONS_LIST
    def model_versions(self, request: Request, **kwargs: Any) -> HttpResponse:
        project, query = self.get_object(), request.query_params
        extended = a_flag(query, "extended")
        live = a_flag(query, "include_live_models")
        found = queries.model_versions(project.pk, limit=a_limit(query))
        if not extended:
            return json_response({str_or_null(v.model_version): v.count for v in found})
        static = [
            {"model_version": v.model_version, "count": v.count, "latest": v.latest} for v in found
        ]
        backends = list(project.ml_backends.values("id", "title", "url", "model_version"))
        return json_response({"static": static, "live": backends if live else None})

    @docs.MODEL_VERSIONS_DELETE
    def delete_model_version(self, request: Request, **kwargs: Any) -> HttpResponse:
        project, body = self.get_object(), request.data
        if not isinstance(body, dict) or "model_version" not in body:
            raise ValidationError(["model_version param is required"])
        version = body["model_version"]
        if version is not None and not isinstance(version, str):
            raise ValidationError({"model_version": ["Not a valid string."]})
        try:
            json_text(version)
        except Refused as exc:
            raise ValidationError({"model_version": [str(exc)]}) from None
        return json_response({"deleted_predictions": ingest.delete_version(project.pk, version)})


def page_number(query: Mapping[str, str]) -> int:
    """The page asked for, 1 by default. NotFound, as for one past the end, if it is no number."""
    try:
        return a_limit(query, "page", most=2**31) or 1
    except ValidationError:
        raise NotFound("Invalid page.") from None


def str_or_null(version: str | None) -> str:
    """A version as an object's key; the peer's word for null is "null"."""
    return "null" if version is None else version


class ImportViewSet(Rows):
    """Many rows in one request."""

    queryset = Project.objects.none()
    parser_classes = [BulkJSONParser]
    serializer_class = TaskDetailSerializer

    def _project(self) -> Project:
        found = Project.objects.filter(
            pk=self.row_id(), workspace_id=self.access().workspace_id
        ).first()
        if found is None:
            raise NotFound(NO_PROJECT)
        return found

    @docs.IMPORT_PREDICTIONS
    def import_predictions(self, request: Request, **kwargs: Any) -> HttpResponse:
        project = self._project()
        on_error = request.query_params.get("on_error", "fail")
        if on_error not in {"fail", "skip"}:
            raise ValidationError({"on_error": [filters.INVALID_CHOICE]})
        upsert = a_flag(request.query_params, "upsert")

        def store() -> HttpResponse:
            answer = prediction_import.store(
                project, request.data, skip_bad=on_error == "skip", upsert=upsert
            )
            return json_response(answer, status.HTTP_201_CREATED)

        return idempotency.once(request, store)

    @docs.IMPORT_TASKS
    def import_tasks(self, request: Request, **kwargs: Any) -> HttpResponse:
        project = self._project()
        wants_ids = a_flag(request.query_params, "return_task_ids")

        def store() -> HttpResponse:
            started = time.perf_counter()
            done = task_import.store(project, request.data, self.access())
            task_ids = done.pop("task_ids")
            answer = {
                **done,
                "duration": time.perf_counter() - started,
                "file_upload_ids": [],
                "could_be_tasks_list": False,
                "found_formats": [],
                "data_columns": [],
            }
            if wants_ids:
                answer["task_ids"] = task_ids
            return json_response(answer, status.HTTP_201_CREATED)

        return idempotency.once(request, store)
