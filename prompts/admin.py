"""What operators see of prompts and runs. Read-only but for cancelling: `runs` and `catalogue`
alone write these tables, and keys are not shown."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.desk import WorkspaceAdmin, roles_of
from prompts import runs
from prompts.models import (
    FailedPrediction,
    ModelRun,
    Prompt,
    PromptVersion,
    ProviderConnection,
)


class ReadOnly(WorkspaceAdmin):
    """Rows of the caller's workspaces, to look at."""

    # From the model to its workspace, as a lookup.
    workspace: ClassVar[str] = "workspace"

    def scope(self, request: HttpRequest) -> Q:
        return Q(**{f"{self.workspace}_id__in": list(roles_of(request))})

    def workspace_id_of(self, obj: Any) -> int:
        for name in self.workspace.split("__")[:-1]:
            obj = getattr(obj, name)
        return int(obj.workspace_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Prompt)
class PromptAdmin(ReadOnly):
    list_display = ("id", "title", "skill_name", "updated_at")
    search_fields = ("title",)


@admin.register(PromptVersion)
class PromptVersionAdmin(ReadOnly):
    workspace = "parent_model__workspace"
    list_display = ("id", "title", "parent_model", "provider_model_id", "updated_at")
    list_select_related = ("parent_model",)


@admin.register(ProviderConnection)
class ProviderConnectionAdmin(ReadOnly):
    list_display = ("id", "provider", "endpoint", "budget_total_spent", "budget_limit")
    exclude = ("encrypted_secrets",)


@admin.register(ModelRun)
class ModelRunAdmin(ReadOnly):
    workspace = "project__workspace"
    list_display = ("id", "status", "model_version", "project", "done", "cost_usd", "created_at")
    list_select_related = ("model_version", "project")
    actions = ("cancel",)

    @admin.display(description="done")
    def done(self, run: ModelRun) -> str:
        return f"{run.total_predictions} + {run.total_failed} failed / {run.total_tasks}"

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, chosen: QuerySet[ModelRun]) -> None:
        mine = [run for run in chosen if super(ReadOnly, self).has_change_permission(request, run)]
        n = sum(runs.cancel(run.pk) for run in mine)
        messages.success(request, f"{n} runs are canceled.")


@admin.register(FailedPrediction)
class FailedPredictionAdmin(ReadOnly):
    workspace = "project__workspace"
    list_display = ("id", "error_type", "message", "task", "model_run", "created_at")
