"""What narrows a list of the desk: served by an index, or looking at the newest rows alone."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest

from accounts.desk import is_superuser, roles_of
from predictions import queries
from predictions.models import Project
from predictions.serializers import MAX_BIGINT

# Choices a filter spells out; an id in the address reaches the others.
MAX_CHOICES = 200


def projects_of(request: HttpRequest) -> list[int]:
    """Ids of the projects in the caller's workspaces. One statement a request.

    As a list: the planner then knows how few they are, and takes the index that begins with them.
    """
    known: list[int] | None = getattr(request, "desk_projects", None)
    if known is None:
        rows = Project.objects.filter(workspace_id__in=list(roles_of(request)))
        known = list(rows.values_list("pk", flat=True))
        request.desk_projects = known  # type: ignore[attr-defined]
    return known


class ProjectFilter(admin.SimpleListFilter):
    """The newest projects that the caller sees."""

    title = "project"
    parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Named by title."""
        projects = admin.site.get_model_admin(Project).get_queryset(request).order_by("-id")
        rows = projects.values_list("pk", "title", "slug")[:MAX_CHOICES]
        return [(str(pk), title or slug) for pk, title, slug in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows of the chosen project; none for text that is no id."""
        value = self.value()
        if value is None:
            return queryset
        is_id = value.isdecimal() and int(value) <= MAX_BIGINT
        return queryset.filter(project_id=int(value)) if is_id else queryset.none()


class VersionFilter(admin.SimpleListFilter):
    """Model versions of the chosen project: it appears once a project is chosen."""

    title = "model version"
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """In alphabetical order."""
        chosen = request.GET.get(ProjectFilter.parameter_name, "")
        if not chosen.isdecimal() or int(chosen) > MAX_BIGINT:
            return []
        if not is_superuser(request) and int(chosen) not in projects_of(request):
            return []
        names = queries.version_names(int(chosen), limit=MAX_CHOICES)
        return [(name, name or "(none)") for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By the index on the first 200 characters."""
        value = self.value()
        if value is None or "\0" in value:
            return queryset
        start = Left("model_version", 200)
        chosen: QuerySet[Any] = queryset.alias(version_start=start).filter(version_start=value)
        return chosen
