"""The projects' endpoints: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpResponse
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from predictions.api import idempotency
from predictions.api.parameters import ModelVersionParameters, ProjectListParameters
from predictions.api.schema import projects as docs
from predictions.api.serializers import ModelVersionField, ProjectSerializer
from predictions.api.viewset import (
    NO_PROJECT,
    Rows,
    committed_with_its_answer,
    json_response,
    refuse_misspelt,
)
from predictions.db import projects, versions
from predictions.db.documents import Document
from predictions.models import Project
from predictions_api.http.fields import refuse_unread
from predictions_api.http.pagination import NumberedPages
from predictions_api.http.parameters import NoParameters, ordered
from predictions_api.http.storable import Refused, json_text


class ProjectViewSet(Rows):
    """Projects: their labelling config, their settings, and what can be done with them whole."""

    queryset = Project.objects.none()
    list_name = "Project List Api"
    detail_name = "Project Api"
    serializer_class = ProjectSerializer
    pagination_class = NumberedPages

    def get_queryset(self) -> Any:
        rows = Project.objects.filter(workspace_id=self.access().workspace_id)
        pinned = F("pinned_at").desc(nulls_last=True)
        return rows.select_related("created_by").order_by(pinned, "-id")

    def get_object(self) -> Project:
        project: Project | None = self.get_queryset().filter(pk=self.row_id()).first()
        if project is None:
            raise NotFound(NO_PROJECT)
        return project

    def _document(self, project: Project, *, counted: bool) -> Document:
        totals = projects.project_totals(project.pk) if counted else {}
        return {**ProjectSerializer(project).data, **totals}

    @docs.PROJECT_LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        asked = ProjectListParameters.read(request.query_params)
        page = self.paginate_queryset(self._chosen(asked)) or []
        include = asked["include"]
        is_counted = not include or not projects.COUNTS.isdisjoint(include)
        ids = [project.pk for project in page]
        totals = projects.totals_of_projects(ids) if is_counted else {}
        shown = [{**ProjectSerializer(p).data, **totals.get(p.pk, {})} for p in page]
        if include:
            shown = [{n: p[n] for n in ["id", *include] if n in p} for p in shown]
        return self.get_paginated_response(shown)

    def _chosen(self, asked: Mapping[str, Any]) -> QuerySet[Project]:
        rows: QuerySet[Project] = self.get_queryset()
        if asked["title"]:
            rows = rows.filter(title__icontains=asked["title"])
        if asked["search"]:
            text = asked["search"]
            rows = rows.filter(Q(title__icontains=text) | Q(description__icontains=text))
        if asked["ids"] is not None:
            rows = rows.filter(pk__in=asked["ids"])
        if asked["archived"]:
            rows = rows.none()
        if asked["filter"] != "all":
            rows = rows.filter(pinned_at__isnull=asked["filter"] == "exclude_pinned")
        return ordered(rows, asked["ordering"])

    @docs.PROJECT_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        return idempotency.once(request, self._create)

    @committed_with_its_answer
    def _create(self) -> HttpResponse:
        refuse_misspelt(ProjectSerializer, self.request.data)
        serializer = ProjectSerializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        project = projects.create_project(
            serializer.validated_data, self.access(), parsed=serializer.parsed
        )
        return json_response(self._document(project, counted=False), status.HTTP_201_CREATED)

    @docs.PROJECT_GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(self._document(self.get_object(), counted=True))

    @docs.PROJECT_PUT
    @audit.recorded("project.changed", "project {pk}")
    def update(self, request: Request, **kwargs: Any) -> Response:
        return self._update(partial=False)

    @docs.PROJECT_PATCH
    @audit.recorded("project.changed", "project {pk}")
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> Response:
        project = self.get_object()
        refuse_misspelt(ProjectSerializer, self.request.data)
        serializer = ProjectSerializer(project, data=self.request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        projects.update_project(project, values, parsed=serializer.parsed)
        audit.note(self.request, changes=sorted(values))
        return Response(self._document(project, counted=True))

    @docs.PROJECT_DELETE
    @audit.recorded("project.deleted", "project {pk}")
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        projects.delete_project(self.get_object().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.MODEL_VERSIONS_LIST
    @action(detail=True, url_path="model-versions", name="Project Model Versions")
    def model_versions(self, request: Request, **kwargs: Any) -> HttpResponse:
        project = self.get_object()
        asked = ModelVersionParameters.read(request.query_params)
        found = versions.model_versions(project.pk, limit=asked["limit"])
        if not asked["extended"]:
            counts = Counter[str]()  # null and "null" are one key
            for v in found:
                counts[str_or_null(v.model_version)] += v.count
            return json_response(counts)
        static = [
            {"model_version": v.model_version, "count": v.count, "latest": v.latest} for v in found
        ]
        live = None
        if asked["include_live_models"]:
            live = list(project.ml_backends.values("id", "title", "url", "model_version"))
        return json_response({"static": static, "live": live})

    @docs.MODEL_VERSIONS_DELETE
    @model_versions.mapping.delete
    @audit.recorded("version.deleted")
    def delete_model_version(self, request: Request, **kwargs: Any) -> HttpResponse:
        project, body = self.get_object(), request.data
        if not isinstance(body, dict) or "model_version" not in body:
            raise ValidationError(["model_version param is required"])
        refuse_unread(body, ["model_version"])
        NoParameters.read_strictly(request.query_params)
        version = body["model_version"]
        if version is not None:
            try:
                version = ModelVersionField().run_validation(version)
                json_text(version)
            except Refused as exc:
                raise ValidationError({"model_version": [str(exc)]}) from None
            except ValidationError as exc:
                raise ValidationError({"model_version": exc.detail}) from None
        deleted = versions.delete_version(project.pk, version, self.access())
        audit.note(request, target=f"project {project.pk}", version=version, predictions=deleted)
        return json_response({"deleted_predictions": deleted})


def str_or_null(version: str | None) -> str:
    """A version as an object's key; Label Studio calls null "null"."""
    return "null" if version is None else version
