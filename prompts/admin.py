"""Pages for prompts, their versions, runs, failures and provider connections.

Forms only collect values: the serializers of the API check them and `catalogue` stores them.
Runs and failures are only looked at, but for what a run's own page offers. Keys go in and never
come out.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminPasswordWidget

from desk.workspace_admin import (
    CODE,
    BoundedChangeList,
    DeskForm,
    View,
    WorkspaceAdmin,
    access_of,
    became,
    roles_of,
    time_ago,
)
from predictions.desk.filters import ProjectFilter, projects_of
from predictions.desk.project_rows import ProjectRows, checked
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.wording import number
from prompts.api.serializers import PromptSerializer, PromptVersionSerializer
from prompts.api.serializers_providers import SECRETS, ProviderConnectionSerializer
from prompts.db import prompts
from prompts.desk import run_page
from prompts.desk.filters import (
    CreatedFilter,
    PromptProjectFilter,
    ProviderFilter,
    RunFilter,
    StatusFilter,
    VersionProjectFilter,
)
from prompts.models import (
    FailedPrediction,
    ModelRun,
    Prompt,
    PromptVersion,
    ProviderConnection,
)


class Looked:
    """Rows that the desk only shows; not a page by itself."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Kept(WorkspaceAdmin):
    """Rows that members edit: what the form changed goes through the API's serializer."""

    list_select_related: ClassVar[tuple[str, ...]]
    ordering = ("-id",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what lists and forms show; Django asks no further once something is named."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("created_by", *self.list_select_related)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """With all that belongs to it, in one statement."""
        prompts.delete(obj._meta.db_table, obj.pk)

    @admin.display(description="created")
    def created(self, row: Any) -> SafeString | str:
        return time_ago(row.created_at)

    @admin.display(description="updated")
    def updated(self, row: Any) -> SafeString | str:
        return time_ago(row.updated_at)


def sent(form: Any) -> dict[str, Any]:
    """The changed values as a request would hold them: ids, not rows."""
    values = {name: form.cleaned_data[name] for name in form.changed_data}
    return {name: getattr(value, "pk", value) for name, value in values.items()}


class PromptForm(DeskForm):
    """A prompt's settings."""

    class Meta:
        model = Prompt
        fields = (
            "workspace", "title", "description", "skill_name", "associated_projects",
            "input_fields", "output_classes",
        )  # fmt: skip


@admin.register(Prompt)
class PromptDesk(Kept):
    """Prompts."""

    form = PromptForm
    list_display = ("title", "workspace", "skill_name", "created", "updated")
    list_filter = (PromptProjectFilter, CreatedFilter)
    list_select_related = ("workspace",)
    search_fields = ("title",)
    fields = (*PromptForm.Meta.fields, "created", "created_by")
    readonly_fields: ClassVar[tuple[str, ...]] = ("created", "created_by")

    def workspace_id_of(self, obj: Prompt) -> int:
        return obj.workspace_id

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A prompt stays in its workspace."""
        return self.readonly_fields if obj is None else ("workspace", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Prompt, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, obj.workspace_id, field="workspace")
        values = sent(form)
        values.pop("workspace", None)
        if "associated_projects" in values:
            values["associated_projects"] = [row.pk for row in values["associated_projects"]]
        accepted = checked(PromptSerializer(data=values, partial=change))
        if change:
            prompts.update_prompt(Prompt.objects.get(pk=obj.pk), accepted, access)
        else:
            became(obj, prompts.create_prompt(accepted, access).pk)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """`save_model` has stored the projects, too."""


class VersionForm(DeskForm):
    """A wording and its model."""

    class Meta:
        model = PromptVersion
        fields = (
            "parent_model", "title", "prompt", "provider", "provider_model_id",
            "model_provider_connection", "max_few_shot_examples",
        )  # fmt: skip
        labels = {"parent_model": "Prompt", "provider_model_id": "Model"}
        widgets = {"prompt": CODE}


@admin.register(PromptVersion)
class VersionDesk(Kept):
    """Versions of prompts."""

    form = VersionForm
    list_display = ("title", "of_prompt", "provider_model_id", "created", "updated")
    list_filter = (VersionProjectFilter, CreatedFilter)
    list_select_related = ("parent_model",)
    search_fields = ("title", "parent_model__title")
    autocomplete_fields = ("parent_model",)
    fields = (*VersionForm.Meta.fields, "created", "created_by")
    readonly_fields: ClassVar[tuple[str, ...]] = ("created", "created_by")

    def workspace_id_of(self, obj: PromptVersion) -> int:
        return obj.parent_model.workspace_id

    def scope(self, request: HttpRequest) -> Q:
        return Q(parent_model__workspace_id__in=list(roles_of(request)))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A version stays with its prompt."""
        return self.readonly_fields if obj is None else ("parent_model", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: PromptVersion, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, self.workspace_id_of(obj), field="parent_model")
        values = sent(form)
        values.pop("parent_model", None)
        accepted = checked(PromptVersionSerializer(data=values, partial=change))
        if change:
            stored = PromptVersion.objects.select_related("parent_model").get(pk=obj.pk)
            prompts.update_version(stored, accepted)
        else:
            became(obj, prompts.create_version(obj.parent_model, accepted, access).pk)

    @admin.display(description="prompt")
    def of_prompt(self, version: PromptVersion) -> str:
        return version.parent_model.title


def _key(label: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Empty: what is stored stays. It is never shown.",
    )


class ConnectionForm(DeskForm):
    """How to reach a provider; keys can be entered, and are not shown."""

    api_key = _key("API key")
    auth_token = _key("Auth token")
    google_application_credentials = _key("Google application credentials")

    class Meta:
        model = ProviderConnection
        fields = (
            "workspace", "provider", "endpoint", "deployment_name", "google_project_id",
            "google_location", "budget_limit", "budget_reset_period", "budget_alert_threshold",
            "prompt_price_usd_per_million", "completion_price_usd_per_million", "request_params",
            "max_concurrency",
        )  # fmt: skip


@admin.register(ProviderConnection)
class ConnectionDesk(Kept):
    """Connections to providers."""

    form = ConnectionForm
    list_display = ("name", "workspace", "spent", "max_concurrency", "created", "updated")
    list_filter = (ProviderFilter, CreatedFilter)
    list_select_related = ("workspace",)
    search_fields = ("endpoint", "deployment_name")
    readonly_fields: ClassVar[tuple[str, ...]] = ("spent", "created", "created_by")
    fields = (
        *ConnectionForm.Meta.fields[:3], *SECRETS, *ConnectionForm.Meta.fields[3:],
        "spent", "created", "created_by",
    )  # fmt: skip

    def workspace_id_of(self, obj: ProviderConnection) -> int:
        return obj.workspace_id

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without places for keys, for whoever only reads."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fields
        return [name for name in self.fields if name not in SECRETS]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A connection stays in its workspace."""
        return self.readonly_fields if obj is None else ("workspace", *self.readonly_fields)

    def save_model(
        self, request: HttpRequest, obj: ProviderConnection, form: Any, change: bool
    ) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, obj.workspace_id, field="workspace")
        values = sent(form)
        values.pop("workspace", None)
        stored = ProviderConnection.objects.get(pk=obj.pk) if change else None
        accepted = checked(ProviderConnectionSerializer(stored, data=values, partial=change))
        if stored is not None:
            prompts.update_connection(stored, accepted)
        else:
            became(obj, prompts.create_connection(accepted, access).pk)

    @admin.display(description="connection")
    def name(self, row: ProviderConnection) -> str:
        return str(row)

    @admin.display(description="spent in the period")
    def spent(self, row: ProviderConnection) -> str:
        limit = "" if row.budget_limit is None else f" of ${row.budget_limit:g}"
        return f"${row.budget_total_spent:.4f}{limit}"


class RunChangeList(BoundedChangeList):
    """Runs, each leading to its own page."""

    def url_for_result(self, result: ModelRun) -> str:
        return reverse("admin:prompts_modelrun_page", args=[result.pk])


@admin.register(ModelRun)
class RunDesk(Looked, ProjectRows):
    """Runs."""

    list_display = ("run", "shown_status", "version", "project", "done", "cost", "created")
    list_filter = (ProjectFilter, StatusFilter, CreatedFilter)

    def scope(self, request: HttpRequest) -> Q:
        return Q(project_id__in=projects_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(
            "project", "created_by", "model_version__parent_model",
            "model_version__model_provider_connection",
        ).defer("project__parsed_label_config", "task_ids")  # fmt: skip

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return RunChangeList

    def pages(self) -> Mapping[str, tuple[str, View]]:
        return {
            "page": ("<int:pk>/", self.page),
            "progress": ("<int:pk>/progress/", self.progress),
            "cancel": ("<int:pk>/cancel/", self.cancel),
            "retry": ("<int:pk>/retry/", self.retry),
        }

    def may_edit(self, request: HttpRequest, run: ModelRun) -> bool:
        """Whether the caller may cancel and retry it."""
        return self._has_role(request, run, self.writers)

    def page(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """How the run is doing."""
        run = self.found(request, pk=pk)
        answer: HttpResponseBase = run_page.page(
            self, request, run, may_edit=self.may_edit(request, run)
        )
        return answer

    def progress(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The same as JSON."""
        return run_page.progress_answer(self.found(request, pk=pk))

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Ends it."""
        run = self.found(request, pk=pk)
        return run_page.cancel(request, run, may_edit=self.may_edit(request, run))

    def retry(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Begins another over what it left."""
        run = self.found(request, pk=pk)
        return run_page.retry(request, run, may_edit=self.may_edit(request, run))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """Its own page instead of a form."""
        is_id = object_id.isdecimal() and int(object_id) <= MAX_BIGINT
        run = self.found(request, pk=int(object_id) if is_id else 0)
        return redirect("admin:prompts_modelrun_page", run.pk)

    @admin.display(description="run")
    def run(self, row: ModelRun) -> str:
        return f"Run {row.pk}"

    @admin.display(description="status")
    def shown_status(self, row: ModelRun) -> SafeString:
        tones = {"Completed": "desk-good", "Failed": "desk-bad", "Canceled": "desk-warn"}
        return format_html('<span class="{}">{}</span>', tones.get(row.status, ""), row.status)

    @admin.display(description="version")
    def version(self, row: ModelRun) -> str:
        return row.model_version.full_title

    @admin.display(description="tasks done")
    def done(self, row: ModelRun) -> str:
        done = f"{number(row.total_predictions + row.total_failed)} of {number(row.total_tasks)}"
        return f"{done}, {number(row.total_failed)} failed" if row.total_failed else done

    @admin.display(description="cost")
    def cost(self, row: ModelRun) -> str:
        return f"${row.cost_usd:.4f}" if row.cost_usd else "-"


@admin.register(FailedPrediction)
class FailedPredictionDesk(Looked, ProjectRows):
    """Why tasks of runs have no prediction."""

    list_display = ("kind", "summary", "task", "of_run", "project", "created")
    list_filter = (ProjectFilter, RunFilter, CreatedFilter)
    fields = ("error_type", "message", "task", "model_run", "project", "created")
    readonly_fields = ("created",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("project", "task", "model_run").only(
            "error_type", "message", "created_at", "model_version_id", "model_run__status",
            "task__project_id", "project__title", "project__slug", "project__workspace_id",
        )  # fmt: skip

    @admin.display(description="type")
    def kind(self, row: FailedPrediction) -> str:
        return row.error_type or "(none)"

    @admin.display(description="message")
    def summary(self, row: FailedPrediction) -> str:
        return row.message[:120] + ("…" if len(row.message) > 120 else "")

    @admin.display(description="run")
    def of_run(self, row: FailedPrediction) -> SafeString:
        url = reverse("admin:prompts_modelrun_page", args=[row.model_run_id])
        return format_html('<a class="desk-link" href="{}">Run {}</a>', url, row.model_run_id)
