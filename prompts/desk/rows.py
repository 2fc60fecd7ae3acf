"""What the pages of prompts, versions, runs and connections share."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from desk.workspace_admin import WorkspaceAdmin, time_ago
from prompts.db.prompts import delete


class ReadOnlyRows:
    """Rows that the desk only shows; not a page by itself."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EditedRows(WorkspaceAdmin):
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
        delete(obj._meta.db_table, obj.pk)

    @admin.display(description="created")
    def created(self, row: Any) -> SafeString | str:
        return time_ago(row.created_at)

    @admin.display(description="updated")
    def updated(self, row: Any) -> SafeString | str:
        return time_ago(row.updated_at)


def changed_values(form: Any) -> dict[str, Any]:
    """The changed values as a request would hold them: ids, not rows."""
    values = {name: form.cleaned_data[name] for name in form.changed_data}
    return {name: getattr(value, "pk", value) for name, value in values.items()}
