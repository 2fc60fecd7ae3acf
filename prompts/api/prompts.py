"""The endpoints of prompts, their versions and provider connections: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from collections.abc import Mapping
from typing import Any

from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.authentication import access_of
from predictions.api.serializers import ProjectSerializer
from predictions.api.viewset import NO_PROJECT, Rows, committed_with_its_answer
from predictions.db.projects import project_totals
from predictions.models import Project
from predictions_api.http.fields import unknown_pk
from predictions_api.http.pagination import NumberedPages
from predictions_api.http.parameters import ordered
from predictions_api.wording import usd
from prompts.api import filters
from prompts.api import schema as docs
from prompts.api.parameters import (
    CompatibleProjectParameters,
    ConnectionListParameters,
    CostParameters,
    CountParameters,
    ExampleParameters,
    PreviewParameters,
    PromptListParameters,
    RefinedParameters,
    RefineParameters,
    VersionListParameters,
)
from prompts.api.serializers.prompts import (
    OrderedExamplesSerializer,
    PromptDetailSerializer,
    PromptSerializer,
    PromptVersionSerializer,
    RefineSerializer,
    TryTaskSerializer,
)
from prompts.api.serializers.providers import ProviderConnectionSerializer
from prompts.asking.providers import IsUnwanted
from prompts.db import prompts, queries
from prompts.models import Prompt, PromptVersion, Provider, ProviderConnection, Refinement
from prompts.refinement import requests
from prompts.runs import preview

NO_PROMPT = "No ModelInterface matches the given query."
NO_VERSION = "No ThirdPartyModelVersion matches the given query."
NO_CONNECTION = "No ModelProviderConnection matches the given query."
NO_REFINEMENT = "No refinement matches the given query."


def _client_of(request: Request) -> IsUnwanted | None:
    """Tells whether the client has left; None under a server that cannot say."""
    found: IsUnwanted | None = getattr(request.META.get("gunicorn.socket"), "has_left", None)
    return found


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

    def asked_project(self, asked: Mapping[str, Any], name: str = "project") -> Project:
        """The project the query names; else the prompt's first. ValidationError without one."""
        project_id = asked[name]
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
    lookup_url_kwarg = "prompt_pk"
    lookup_value_regex = "[0-9]+"
    serializer_class = PromptSerializer
    pagination_class = NumberedPages

    @docs.PROMPT_LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        rows = queries.prompts(self.workspace_id).order_by("-id")
        asked = PromptListParameters.read(request.query_params)
        if asked["search"]:
            rows = rows.filter(title__icontains=asked["search"])
        rows = ordered(rows, asked["ordering"])
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(PromptDetailSerializer(page, many=True).data)

    @docs.PROMPT_CREATE
    @committed_with_its_answer
    def create(self, request: Request, **kwargs: Any) -> Response:
        prompt = prompts.create_prompt(self.checked(PromptSerializer), self.access())
        return Response(PromptSerializer(prompt).data, status.HTTP_201_CREATED)

    @docs.PROMPT_GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(PromptDetailSerializer(self.prompt()).data)

    @docs.PROMPT_PATCH
    @committed_with_its_answer
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        prompt = self.prompt()
        values = self.checked(PromptSerializer, partial=True)
        prompts.update_prompt(prompt, values, self.access())
        return Response(PromptSerializer(self.prompt()).data)

    @docs.PROMPT_DELETE
    @audit.recorded("prompt.deleted", "prompt {prompt_pk}")
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        prompts.delete("prompts_prompt", self.prompt().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.PROMPT_DUPLICATE
    @action(detail=True, methods=["post"])
    @committed_with_its_answer
    def duplicate(self, request: Request, **kwargs: Any) -> Response:
        copy = prompts.duplicate_prompt(self.prompt(), self.access())
        return Response(PromptSerializer(copy).data, status.HTTP_201_CREATED)

    @docs.COMPATIBLE_PROJECTS
    @action(detail=False, url_path="compatible-projects")
    def compatible_projects(self, request: Request, **kwargs: Any) -> Response:
        asked = CompatibleProjectParameters.read(request.query_params)
        rows = filters.compatible_projects(asked, workspace_id=self.workspace_id)
        page = self.paginate_queryset(rows) or []
        shown = [{**ProjectSerializer(row).data, **project_totals(row.pk)} for row in page]
        return self.get_paginated_response(shown)

    @docs.VERSION_NAME
    @action(detail=True, url_path="get-default-version-name")
    def default_version_name(self, request: Request, **kwargs: Any) -> Response:
        title = prompts.default_version_title(self.prompt())
        return Response({"default_model_version_name": title, "message": ""})


class VersionViewSet(PromptRows):
    """Versions of a prompt."""

    queryset = PromptVersion.objects.none()
    lookup_url_kwarg = "version_pk"
    lookup_value_regex = "[0-9]+"
    serializer_class = PromptVersionSerializer
    pagination_class = None

    @docs.VERSION_LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        prompt = self.prompt()
        rows = queries.versions(prompt.pk, workspace_id=self.workspace_id)
        rows = ordered(rows, VersionListParameters.read(request.query_params)["ordering"])
        return Response(PromptVersionSerializer(rows, many=True).data)

    @docs.VERSION_CREATE
    @committed_with_its_answer
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
    @committed_with_its_answer
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        values = self.checked(PromptVersionSerializer, partial=True)
        prompts.update_version(version, values)
        return self._shown(version.parent_model_id, version.pk)

    @docs.VERSION_DELETE
    @audit.recorded("version.deleted", "version {version_pk} of prompt {prompt_pk}")
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        prompts.delete("prompts_promptversion", self.version().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.COST_ESTIMATE
    @action(detail=True, url_path="cost-estimate")
    def cost_estimate(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        asked = CostParameters.read_strictly(request.query_params)
        project = self.asked_project(asked, "project_id")
        subset = filters.asked_subset(request.query_params, project)
        return Response(preview.cost_estimate(version, project, subset))

    @docs.PREDICTION_COUNT
    @action(detail=True, url_path="prediction-count")
    def prediction_count(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        project = self.asked_project(CountParameters.read_strictly(request.query_params))
        clause = filters.asked_subset(request.query_params, project)
        return Response(queries.prediction_counts(clause, version.pk, project_id=project.pk))

    @docs.PREVIEW
    @action(detail=True, url_path="prompt-preview", url_name="preview")
    def prompt_preview(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        asked = PreviewParameters.read_strictly(request.query_params)
        task_id = asked["task"]
        if task_id is None:
            task_id = queries.first_task_id(self.asked_project(asked).pk)
        return Response(preview.preview(version, task_id or 0))

    @docs.TRY_TASK
    @action(detail=True, methods=["post"], url_path="try-task")
    def try_task(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        task_id = self.checked(TryTaskSerializer)["task"]
        return Response(preview.try_task(version, task_id, is_unwanted=_client_of(request)))

    @docs.FEW_SHOT
    @action(detail=True, url_path="few-shot-examples")
    def few_shot_examples(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        project = self.asked_project(ExampleParameters.read_strictly(request.query_params))
        return Response(preview.few_shot_examples(version, project))

    @docs.FEW_SHOT_ORDER
    @action(detail=True, methods=["post"], url_path="few-shot-examples/reorder")
    def reorder_examples(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        project = self.asked_project(ExampleParameters.read(request.query_params))
        prompts.order_examples(version, self.checked(OrderedExamplesSerializer)["task_ids"])
        return Response(preview.few_shot_examples(version, project))

    @docs.REFINE
    @action(detail=True, methods=["post"])
    def refine(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        values = self.checked(RefineSerializer)
        wants_later = RefineParameters.read(request.query_params)["async"]
        refinement = requests.begin(
            version, values, self.access(), later=wants_later, is_unwanted=_client_of(request)
        )
        return Response(shown(refinement), status.HTTP_201_CREATED)

    @docs.REFINED
    @refine.mapping.get
    def refined(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        asked = RefinedParameters.read(request.query_params)
        refinement = requests.find(version, asked["refinement_job_id"])
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
        rows = ordered(rows, ConnectionListParameters.read(request.query_params)["ordering"])
        return Response(ProviderConnectionSerializer(rows, many=True).data)

    @docs.CONNECTION_CREATE
    @committed_with_its_answer
    @audit.recorded("connection.created")
    def create(self, request: Request, **kwargs: Any) -> Response:
        values = self.checked(ProviderConnectionSerializer)
        row = prompts.create_connection(values, self.access())
        audit.note(request, target=f"provider connection {row.pk}")
        return Response(ProviderConnectionSerializer(row).data, status.HTTP_201_CREATED)

    @docs.CONNECTION_GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(ProviderConnectionSerializer(self.get_object()).data)

    @docs.CONNECTION_PATCH
    @committed_with_its_answer
    @audit.recorded("connection.changed", "provider connection {pk}")
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        row = self.get_object()
        serializer = ProviderConnectionSerializer(row, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        prompts.update_connection(row, serializer.validated_data)
        return Response(ProviderConnectionSerializer(row).data)

    @docs.CONNECTION_DELETE
    @audit.recorded("connection.deleted", "provider connection {pk}")
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
        "total_cost": None if cost is None else usd(cost, digits=6),
    }
