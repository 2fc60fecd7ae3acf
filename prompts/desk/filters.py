"""What the lists of prompts, runs and connections at the desk are narrowed by."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from predictions.desk.filters import ProjectFilter
from predictions_api.http.fields import MAX_BIGINT
from prompts.models import ModelRun, Provider

Choices = list[tuple[str, str]]


class CreatedFilter(admin.SimpleListFilter):
    """How long ago a row was made."""

    title = "created"
    parameter_name = "created"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("1", "in the last day"), ("7", "in 7 days"), ("30", "in 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows not older than that; all of them for other text."""
        if self.value() not in {"1", "7", "30"}:
            return queryset
        since = timezone.now() - timedelta(days=int(self.value() or 0))
        return queryset.filter(created_at__gte=since)


class StatusFilter(admin.SimpleListFilter):
    """A run's status."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(status.value, status.label) for status in ModelRun.Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of the chosen one."""
        return queryset.filter(status=self.value()) if self.value() else queryset


class ProviderFilter(admin.SimpleListFilter):
    """A connection's provider."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(provider.value, provider.label) for provider in Provider]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of the chosen one."""
        return queryset.filter(provider=self.value()) if self.value() else queryset


class PromptProjectFilter(ProjectFilter):
    """Prompts that are for a project."""

    through: ClassVar[str] = "associated_projects"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """None for text that is no id."""
        value = self.value()
        if value is None:
            return queryset
        is_id = value.isdecimal() and int(value) <= MAX_BIGINT
        return queryset.filter(**{self.through: int(value)}) if is_id else queryset.none()


class VersionProjectFilter(PromptProjectFilter):
    """Versions of prompts that are for a project."""

    through = "parent_model__associated_projects"


class RunFilter(admin.SimpleListFilter):
    """Failures of the run that the address names."""

    title = "run"
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        named = request.GET.get(self.parameter_name, "")
        return [(named, f"run {named}")] if named.isdecimal() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By prompts_failed_run_idx."""
        value = self.value() or ""
        is_id = value.isdecimal() and int(value) <= MAX_BIGINT
        return queryset.filter(model_run_id=int(value)) if is_id else queryset
