"""`RecordedAdmin`: what is done at the desk, in the audit trail."""

from typing import Any, ClassVar

from django.http import HttpRequest
from unfold.admin import ModelAdmin

from accounts import audit


class RecordedAdmin(ModelAdmin):  # type: ignore[misc]
    """The admin of a model whose rows belong to workspaces; their owners read what is done to them.

    Django calls the `log_` methods once a request, within its transaction.
    """

    #: What of `created`, `changed` and `deleted` the audit trail records of a single row; that a
    #: selection of several was deleted, it always records.
    audited: ClassVar[frozenset[str]] = frozenset()
    #: How the audit trail calls a row; the model's name if empty.
    audited_as: ClassVar[str] = ""

    def workspace_id_of(self, obj: Any) -> int:
        """The id of the workspace that the row belongs to."""
        raise NotImplementedError

    def record(self, request: HttpRequest, obj: Any, act: str, **details: Any) -> None:
        """Writes what was done to a row into the audit trail."""
        audit.by_request(
            request,
            f"{self.audited_as or self.opts.model_name}.{act}",
            target=self.audit_target(obj),
            workspace_id=self.audited_in(obj),
            **details,
        )

    def audit_target(self, obj: Any) -> str:
        """How the audit trail names the row."""
        return f"{self.audited_as or self.opts.model_name} {obj.pk}: {obj}"

    def audited_in(self, obj: Any) -> int | None:
        """The workspace whose owners read what happens to the row; None for superusers alone."""
        return self.workspace_id_of(obj)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's history, and the audit trail."""
        if "created" in self.audited:
            self.record(request, obj, "created", changes=message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's history, and the audit trail unless nothing changed."""
        if "changed" in self.audited and message:
            self.record(request, obj, "changed", changes=message)
        return super().log_change(request, obj, message)

    def log_in_history(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's history alone, for one of several rows that the request records at once."""
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Django's history, and the audit trail: one row for a whole selection."""
        rows = list(queryset)
        if len(rows) == 1 and "deleted" in self.audited:
            self.record(request, rows[0], "deleted")
        elif len(rows) > 1:
            places = {self.audited_in(row) for row in rows}
            audit.by_request(
                request,
                "selection.deleted",
                target=f"{len(rows)} {self.opts.verbose_name_plural}",
                workspace_id=places.pop() if len(places) == 1 else None,
                ids=[row.pk for row in rows],
            )
        return super().log_deletions(request, queryset)
