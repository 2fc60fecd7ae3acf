"""What operators see of prompts and runs. Read-only but for cancelling: `runs` and `catalogue`
alone write these tables, and keys are not shown."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from prompts import runs
from prompts.models import (
    FailedPrediction,
    ModelRun,
    Prompt,
    PromptVersion,
    ProviderConnection,
)


class ReadOnly(ModelAdmin):
    """Rows to look at."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Prompt)
class PromptAdmin(ReadOnly):
    list_display = ["id", "title", "skill_name", "workspace", "updated_at"]
    search_fields = ["title"]


@admin.register(PromptVersion)
class PromptVersionAdmin(ReadOnly):
    list_display = ["id", "title", "parent_model", "provider_model_id", "updated_at"]
    list_select_related = ["parent_model"]


@admin.register(ProviderConnection)
class ProviderConnectionAdmin(ReadOnly):
    list_display = ["id", "provider", "endpoint", "workspace", "budget_total_spent"]
    exclude = ["encrypted_secrets"]


@admin.register(ModelRun)
class ModelRunAdmin(ReadOnly):
    list_display = ["id", "status", "model_version", "project", "done", "cost_usd", "created_at"]
    list_filter = ["status"]
    list_select_related = ["model_version", "project"]
    actions = ["cancel"]

    @admin.display(description="done")
    def done(self, run: ModelRun) -> str:
        return f"{run.total_predictions} + {run.total_failed} failed / {run.total_tasks}"

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, chosen: QuerySet[ModelRun]) -> None:
        n = sum(runs.cancel(run.pk) for run in chosen)
        messages.success(request, f"{n} runs are canceled.")


@admin.register(FailedPrediction)
class FailedPredictionAdmin(ReadOnly):
    list_display = ["id", "error_type", "message", "task", "model_run", "created_at"]
    list_filter = ["error_type"]
