"""Prompts, versions and provider connections: parse, call, respond. Runs are in `run_views`."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import access_of
from predictions.api.serializers import ProjectSerializer
from predictions.api.viewset import NO_PROJECT, Rows
from predictions.db.queries import project_totals
from predictions.models import Project
from predictions_api.http.fields import unknown_pk
from predictions_api.http.pagination import NumberedPages
from predictions_api.http.query import a_flag, an_id, given
from prompts.api import filters
from prompts.api import schema as docs
from prompts.api.serializers import (
    OrderedExamplesSerializer,
    PromptDetailSerializer,
    PromptSerializer,
    PromptVersionSerializer,
    RefineSerializer,
    TryTaskSerializer,
)
from prompts.api.serializers_providers import ProviderConnectionSerializer
from prompts.db import prompts, queries
from prompts.models import Prompt, PromptVersion, Provider, ProviderConnection, Refinement
from prompts.refinement import requests
from prompts.runs import preview

NO_PROMPT = "No ModelInterface matches the given query."
NO_VERSION = "No ThirdPartyModelVersion matches the given query."
NO_CONNECTION = "No ModelProviderConnection matches the given query."
NO_REFINEMENT = "No refinement matches the given query."


class PromptRows(Rows):
    """What the views of this room share: their scopes, and rows that belong to the caller."""

    read_scope = "predictions:read"
    write_scope = "prompts:run"

    @property
    def workspace_id(self) -> int:
        return access_of(self.request).workspace_id

    def prompt(self) -> Prompt:
        found = queries.prompts(self.workspace_id).filter(pk=self.row_id("prompt_pk")).first()
        if found is None:
            raise NotFound(NO_PROMPT)
        return found

    def version(self) -> PromptVersion:
        rows = queries.versions(self.row_id("prompt_pk"), workspace_id=self.workspace_id)
        found = rows.filter(pk=self.row_id("version_pk")).first()
        if found is None:
            raise NotFound(NO_VERSION)
        return found

    def project(self, project_id: int) -> Project:
        found = queries.project(project_id, workspace_id=self.workspace_id)
        if found is None:
            raise NotFound(NO_PROJECT)
        return found

    def asked_project(self, name: str) -> Project:
        """The project the query names; else the prompt's first. ValidationError without one."""
        project_id = an_id(self.request.query_params, name)
        if project_id is not None:
            found = queries.project(project_id, workspace_id=self.workspace_id)
            if found is None:
                raise ValidationError({name: [unknown_pk(project_id)]})
            return found
        first = self.prompt().associated_projects.order_by("id").first()
        if first is None:
            raise ValidationError({name: ["This field is required."]})
        return first


class PromptViewSet(PromptRows):
    """Prompts."""

    queryset = Prompt.objects.none()
    serializer_class = PromptSerializer
    pagination_class = NumberedPages

    @docs.PROMPT_LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        rows = queries.prompts(self.workspace_id).order_by("-id")
        if text := given(request.query_params, "search"):
            rows = rows.filter(title__icontains=text)
        rows = filters.ordered(rows, request.query_params, filters.PROMPT_ORDERINGS)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(PromptDetailSerializer(page, many=True).data)

    @docs.PROMPT_CREATE
    def create(self, request: Request, **kwargs: Any) -> Response:
        prompt = prompts.create_prompt(self.checked(PromptSerializer), self.access())
        return Response(PromptSerializer(prompt).data, status.HTTP_201_CREATED)

    @docs.PROMPT_GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(PromptDetailSerializer(self.prompt()).data)

    @docs.PROMPT_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        prompt = self.prompt()
        values = self.checked(PromptSerializer, partial=True)
        prompts.update_prompt(prompt, values, self.access())
        return Response(PromptSerializer(self.prompt()).data)

    @docs.PROMPT_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        prompts.delete("prompts_prompt", self.prompt().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.PROMPT_DUPLICATE
    def duplicate(self, request: Request, **kwargs: Any) -> Response:
        copy = prompts.duplicate_prompt(self.prompt(), self.access())
        return Response(PromptSerializer(copy).data, status.HTTP_201_CREATED)

    @docs.COMPATIBLE_PROJECTS
    def compatible_projects(self, request: Request, **kwargs: Any) -> Response:
        rows = filters.compatible_projects(request.query_params, workspace_id=self.workspace_id)
        page = self.paginate_queryset(rows) or []
        shown = [{**ProjectSerializer(row).data, **project_totals(row.pk)} for row in page]
        return self.get_paginated_response(shown)

    @docs.VERSION_NAME
    def default_version_name(self, request: Request, **kwargs: Any) -> Response:
        title = prompts.default_version_title(self.prompt())
        return Response({"default_model_version_name": title, "message": ""})


class VersionViewSet(PromptRows):
    """Versions of a prompt."""

    queryset = PromptVersion.objects.none()
    serializer_class = PromptVersionSerializer
    pagination_class = None

    @docs.VERSION_LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        prompt = self.prompt()
        rows = queries.versions(prompt.pk, workspace_id=self.workspace_id)
        rows = filters.ordered(rows, request.query_params, filters.VERSION_ORDERINGS)
        return Response(PromptVersionSerializer(rows, many=True).data)

    @docs.VERSION_CREATE
    def create(self, request: Request, **kwargs: Any) -> Response:
        prompt = self.prompt()
        values = self.checked(PromptVersionSerializer)
        version = prompts.create_version(prompt, values, self.access())
        return self._shown(prompt.pk, version.pk, status.HTTP_201_CREATED)

    def _shown(self, prompt_id: int, version_id: int, code: int = 200) -> Response:
        version = queries.versions(prompt_id, workspace_id=self.workspace_id).get(pk=version_id)
        return Response(PromptVersionSerializer(version).data, code)

    @docs.VERSION_GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(PromptVersionSerializer(self.version()).data)

    @docs.VERSION_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        values = self.checked(PromptVersionSerializer, partial=True)
        prompts.update_version(version, values)
        return self._shown(version.parent_model_id, version.pk)

    @docs.VERSION_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        prompts.delete("prompts_promptversion", self.version().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.COST_ESTIMATE
    def cost_estimate(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        project = self.asked_project("project_id")
        subset = filters.asked_subset(request.query_params, project)
        return Response(preview.cost_estimate(version, project, subset))

    @docs.PREDICTION_COUNT
    def prediction_count(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        project = self.asked_project("project")
        clause = filters.asked_subset(request.query_params, project)
        return Response(queries.prediction_counts(clause, version.pk))

    @docs.PREVIEW
    def prompt_preview(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        task_id = an_id(request.query_params, "task")
        if task_id is None:
            task_id = queries.first_task_id(self.asked_project("project").pk)
        return Response(preview.preview(version, task_id or 0))

    @docs.TRY_TASK
    def try_task(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        return Response(preview.try_task(version, self.checked(TryTaskSerializer)["task"]))

    @docs.FEW_SHOT
    def few_shot_examples(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        project = self.asked_project("project")
        return Response(preview.few_shot_examples(version, project))

    @docs.FEW_SHOT_ORDER
    def reorder_examples(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        project = self.asked_project("project")
        prompts.order_examples(version, self.checked(OrderedExamplesSerializer)["task_ids"])
        return Response(preview.few_shot_examples(version, project))

    @docs.REFINE
    def refine(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        values = self.checked(RefineSerializer)
        wants_later = a_flag(request.query_params, "async")
        refinement = requests.begin(version, values, self.access(), later=wants_later)
        return Response(shown(refinement), status.HTTP_201_CREATED)

    @docs.REFINED
    def refined(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        refinement = requests.find(version, given(request.query_params, "refinement_job_id"))
        if refinement is None:
            raise NotFound(NO_REFINEMENT)
        is_running = refinement.status in {"Pending", "InProgress"}
        code = status.HTTP_202_ACCEPTED if is_running else status.HTTP_200_OK
        return Response(shown(refinement), code)


class ProviderConnectionViewSet(PromptRows):
    """Connections to providers. Keys go in and never come out."""

    queryset = ProviderConnection.objects.none()
    serializer_class = ProviderConnectionSerializer
    pagination_class = None

    def get_object(self) -> ProviderConnection:
        row = queries.connections(self.workspace_id).filter(pk=self.row_id()).first()
        if row is None:
            raise NotFound(NO_CONNECTION)
        return row

    @docs.CONNECTION_LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        rows = queries.connections(self.workspace_id).order_by("id")
        rows = filters.ordered(rows, request.query_params, filters.CONNECTION_ORDERINGS)
        return Response(ProviderConnectionSerializer(rows, many=True).data)

    @docs.CONNECTION_CREATE
    def create(self, request: Request, **kwargs: Any) -> Response:
        values = self.checked(ProviderConnectionSerializer)
        row = prompts.create_connection(values, self.access())
        return Response(ProviderConnectionSerializer(row).data, status.HTTP_201_CREATED)

    @docs.CONNECTION_GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(ProviderConnectionSerializer(self.get_object()).data)

    @docs.CONNECTION_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        row = self.get_object()
        serializer = ProviderConnectionSerializer(row, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        prompts.update_connection(row, serializer.validated_data)
        return Response(ProviderConnectionSerializer(row).data)

    @docs.CONNECTION_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        prompts.delete("prompts_providerconnection", self.get_object().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.PROVIDER_CHOICES
    def provider_choices(self, request: Request, **kwargs: Any) -> Response:
        return Response({"provider_choices": list(Provider.values)})


def shown(refinement: Refinement) -> dict[str, Any]:
    """The document of a refinement; its prompt is empty until there is one."""
    versions = queries.versions(
        refinement.version.parent_model_id,
        workspace_id=refinement.version.parent_model.workspace_id,
    )
    made = refinement.new_version
    cost = refinement.total_cost
    return {
        "prompt": made.prompt if made else "",
        "title": made.title if made else None,
        "reasoning": refinement.reasoning or refinement.error or None,
        "previous_version": PromptVersionSerializer(versions.get(pk=refinement.version_id)).data,
        "refinement_job_id": str(refinement.pk),
        "refinement_status": refinement.status,
        "total_cost": None if cost is None else f"{cost:.6f}",
    }
