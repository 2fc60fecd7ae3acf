"""What the pages of import storages and of export storages share."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.serializers import Serializer

from accounts.tokens import Access
from desk.workspace_admin import access_of, became, time_ago
from predictions.api.storages import objects
from predictions.db.storages import rows
from predictions.desk.grid.acts import counted
from predictions.desk.project_rows import LONG_COLUMNS, ProjectRows, checked
from predictions.desk.storages.forms import KEYS, OF_BUCKETS, OF_FOLDERS
from predictions.models import ExportStorage, ImportStorage, Storage

#: What the page says of how a synchronisation stands.
STATES = {
    Storage.Status.INITIALIZED: "not synchronised yet",
    Storage.Status.QUEUED: "waits for a worker",
    Storage.Status.IN_PROGRESS: "a worker is at it",
    Storage.Status.COMPLETED: "done",
    Storage.Status.WITH_ERRORS: "done, some files were left out",
    Storage.Status.FAILED: "failed",
}
S3 = Storage.Kind.S3


class StorageDesk(ProjectRows):
    """Storages of one direction."""

    of: ClassVar[type[ImportStorage] | type[ExportStorage]]
    #: Of the API, by kind.
    serializers: ClassVar[Mapping[str, type[Serializer[Any]]]]
    start: ClassVar[Callable[[int], bool]]
    #: What a deletion leaves.
    stay: ClassVar[str]
    #: Fields of import storages alone that mean something of buckets alone.
    of_buckets: ClassVar[tuple[str, ...]] = OF_BUCKETS

    list_display = ("__str__", "place", "project", "state", "n_done", "synchronized", "created")
    actions = ("synchronize",)
    autocomplete_fields = ("project",)
    belongs_to = "project"
    audited = frozenset({"created", "changed", "deleted"})
    readonly_fields: ClassVar[tuple[str, ...]] = (
        "place", "state", "n_done", "synchronized", "problems", "created",
    )  # fmt: skip

    def columns(self, values: dict[str, Any], access: Access) -> dict[str, Any]:
        """The columns for the values of a folder. ValidationError for one that may not be named."""
        raise NotImplementedError

    def audit_target(self, obj: Any) -> str:
        return f"{self.audited_as.replace('_', ' ')} {obj.pk}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With its root, whose path begins the folder's."""
        return super().get_queryset(request).select_related("root")

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("traceback", "sealed_keys", *LONG_COLUMNS)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Those of the storage's kind; for whoever only reads, without what is no column."""
        if obj is None:
            return self.fields
        others = OF_FOLDERS if obj.kind == S3 else self.of_buckets
        left = [name for name in self.fields if name not in {"kind", *others}]
        if self.has_change_permission(request, obj):
            return left
        left = [name for name in left if name not in {*OF_FOLDERS, *OF_BUCKETS, "synchronize"}]
        return [*left[:1], "place", *left[1:]]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Stores what the API would; ValidationError for what it refuses."""
        access = access_of(request, obj.project.workspace_id, field="project")
        known = rows.storages(self.of, access.workspace_id)
        stored = known.get(pk=obj.pk) if change else None
        kind = stored.kind if stored else form.cleaned_data["kind"] or Storage.Kind.LOCAL
        others = OF_FOLDERS if kind == S3 else self.of_buckets
        names = {*form.changed_data} - {"kind", "synchronize", *others}
        values = {name: form.cleaned_data[name] for name in names}
        if any(values.get(name) for name in KEYS):
            values |= {name: form.cleaned_data[name] for name in KEYS}
        values["project"] = obj.project_id
        columns = self._accepted(values, kind, stored, access)
        project_id = columns.pop("project")
        if stored is None:
            columns["kind"] = kind
            made = rows.create(self.of, project_id, columns, user_id=access.user_id)
            became(obj, made.pk)
        else:
            rows.update(stored, columns)
        if form.cleaned_data["synchronize"]:
            self._start(request, obj)

    def _accepted(
        self, values: dict[str, Any], kind: str, stored: Any, access: Access
    ) -> dict[str, Any]:
        try:
            made = self.serializers[kind](stored, data=values, partial=stored is not None)
            accepted = checked(made)
            if kind != S3:
                return self.columns(accepted, access)
            columns = objects.placed(accepted, stored)
            objects.check(self.of, columns, stored)
        except PermissionDenied as refused:
            raise ValidationError({"s3_endpoint": [str(refused)]}) from None
        return columns

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """What came of it stays."""
        rows.delete(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Says what stays."""
        names, counts, missing, protected = super().get_deleted_objects(objs, request)
        stay = [f"{row}. {self.stay}" for row in objs]
        return names if missing else stay, counts, missing, protected

    def _start(self, request: HttpRequest, row: Any) -> bool:
        is_asked = type(self).start(row.pk)
        if is_asked:
            self.record(request, row, "synchronized")
        return is_asked

    @admin.action(description="Synchronise", permissions=["change"])
    def synchronize(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Queues each that is not under way."""
        n = 0
        for row in queryset:
            access_of(request, row.project.workspace_id, field="project")
            n += self._start(request, row)
        text = (
            f"{counted(n, 'storage')} will be synchronised by a worker; reload the list to see how"
            " it goes."
        )
        messages.info(request, text if n else "They are being synchronised already.")

    @admin.display(description="place")
    def place(self, row: Any) -> str:
        return rows.path_of(row)

    @admin.display(description="state")
    def state(self, row: Any) -> str:
        return STATES[Storage.Status(row.status)]

    @admin.display(description="done the last time")
    def n_done(self, row: Any) -> str:
        return "-" if row.last_sync_count is None else f"{row.last_sync_count:,}"

    @admin.display(description="last synchronised")
    def synchronized(self, row: Any) -> SafeString | str:
        return time_ago(row.last_sync)

    @admin.display(description="what went wrong")
    def problems(self, row: Any) -> SafeString | str:
        """By file, as the worker noted it."""
        if not row.traceback:
            return "-"
        return format_html('<pre class="whitespace-pre-wrap break-words">{}</pre>', row.traceback)
