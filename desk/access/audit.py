"""The desk's pages of the audit trail: for reading alone."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import AuditEntry
from desk.workspace_admin import OWNERS, WorkspaceAdmin, pretty, time_ago, workspaces_of


class SubjectFilter(admin.SimpleListFilter):
    """What was acted upon: the first word of an action."""

    title = "subject"
    parameter_name = "subject"
    SUBJECTS: ClassVar[dict[str, str]] = {
        "login": "logins and logouts",
        "key": "keys",
        "refresh_token": "refresh tokens",
        "workspace": "workspaces and members",
        "user": "people",
        "project": "projects",
        "version": "versions",
        "selection": "selections",
        "annotations": "bulk marks of ground truth",
        "tasks": "imports of tasks",
        "dataset": "loads of ground truth and detections",
        "predictions": "imports and exports of predictions",
        "export": "downloads of exports",
        "evaluation": "evaluations",
        "prompt": "prompts",
        "run": "runs",
        "connection": "provider connections",
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.SUBJECTS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value not in self.SUBJECTS:
            return queryset
        return queryset.filter(action__startswith=f"{value}.")


class AgeFilter(admin.SimpleListFilter):
    """How old a row may be."""

    title = "date"
    parameter_name = "days"
    DAYS: ClassVar[dict[str, str]] = {"1": "last day", "7": "last 7 days", "30": "last 30 days"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.DAYS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (value := self.value()) not in self.DAYS:
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - timedelta(days=int(value)))


@admin.register(AuditEntry)
class AuditDesk(WorkspaceAdmin):
    """The audit trail. Owners read that of their workspaces, superusers all of it."""

    writers = OWNERS
    list_display = ("at", "actor", "via", "action", "target", "address")
    list_filter = (SubjectFilter, AgeFilter)
    search_fields = ("actor", "target")
    sortable_by = ()
    ordering = ("-id",)
    fields = (
        "at", "actor", "via", "token_id", "action", "target", "shown_details", "address",
        "request_id",
    )  # fmt: skip
    readonly_fields = fields

    def workspace_id_of(self, obj: AuditEntry) -> int:
        return obj.workspace_id or 0

    def scope(self, request: HttpRequest) -> Q:
        """Of the workspaces that the caller owns."""
        return Q(workspace_id__in=workspaces_of(request, OWNERS))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_role(request, obj, OWNERS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="time")
    def at(self, entry: AuditEntry) -> SafeString | str:
        return time_ago(entry.created_at)

    @admin.display(description="details")
    def shown_details(self, entry: AuditEntry) -> SafeString:
        return pretty(entry.details)
