"""Pages of import storages. What the form says goes through the API's serializer."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from desk.workspace_admin import DeskForm, access_of, became, time_ago
from predictions.api.storages.folders import ImportFolderSerializer, placed
from predictions.db.storages import rows
from predictions.desk.grid.acts import counted
from predictions.desk.project_rows import LONG_COLUMNS, ProjectRows, checked
from predictions.imports.folders import start
from predictions.models import ImportStorage

#: What the page says of how a synchronisation stands.
STATES = {
    ImportStorage.Status.INITIALIZED: "not synchronised yet",
    ImportStorage.Status.QUEUED: "waits for a worker",
    ImportStorage.Status.IN_PROGRESS: "a worker reads the folder",
    ImportStorage.Status.COMPLETED: "done",
    ImportStorage.Status.WITH_ERRORS: "done, some files were left out",
    ImportStorage.Status.FAILED: "failed",
}


class StorageForm(DeskForm):
    """Which folder, and which of its files."""

    path = forms.CharField(
        label="Folder",
        widget=UnfoldAdminTextInputWidget,
        help_text="On the server: a folder that manage.py image_root add registered for the"
        " workspace, or one below it.",
    )
    synchronize = forms.BooleanField(
        label="Synchronise now",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Looks for files without a task as soon as this is saved.",
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        is_known = self.instance.pk is not None
        self.initial["synchronize"] = not is_known
        if is_known:
            self.initial["path"] = rows.path_of(self.instance)

    class Meta:
        model = ImportStorage
        fields = (
            "project", "title", "description", "use_blob_urls", "recursive_scan", "regex_filter",
        )  # fmt: skip
        labels = {
            "use_blob_urls": "Each picture or recording is a task",
            "recursive_scan": "Folders in the folder, too",
            "regex_filter": "Only files whose path matches",
        }
        help_texts = {
            "use_blob_urls": "Switched off, the folder's JSON files are read, which hold tasks.",
            "recursive_scan": "",
            "regex_filter": "A regular expression of Postgres, of the whole path from its"
            r" beginning, such as .*\.jpg",
        }
        widgets = {
            "title": UnfoldAdminTextInputWidget,
            "regex_filter": UnfoldAdminTextInputWidget,
        }


@admin.register(ImportStorage)
class StorageDesk(ProjectRows):
    """Folders of the server whose files become tasks of a project."""

    form = StorageForm
    when_empty = (
        "An import storage is a folder on the server: each file in it becomes a task of a project."
        " Register the folder with manage.py image_root add, then add it here."
    )
    list_display = ("__str__", "place", "project", "state", "n_made", "synchronized", "created")
    actions = ("synchronize",)
    autocomplete_fields = ("project",)
    fields = (
        "project", "path", *StorageForm.Meta.fields[1:], "synchronize", "state", "n_made",
        "synchronized", "problems", "created",
    )  # fmt: skip
    belongs_to = "project"
    audited_as = "import_storage"
    audited = frozenset({"created", "changed", "deleted"})
    readonly_fields: ClassVar[tuple[str, ...]] = (
        "place", "state", "n_made", "synchronized", "problems", "created",
    )  # fmt: skip

    def audit_target(self, obj: ImportStorage) -> str:
        return f"import storage {obj.pk}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With its root, whose path begins the folder's."""
        return super().get_queryset(request).select_related("root")

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("traceback", *LONG_COLUMNS)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """For whoever only reads, without what is no column of the row."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fields
        left = [name for name in self.fields if name not in {"path", "synchronize"}]
        return [*left[:1], "place", *left[1:]]

    def save_model(self, request: HttpRequest, obj: ImportStorage, form: Any, change: bool) -> None:
        """Stores what the API would; ValidationError for what it refuses."""
        access = access_of(request, obj.project.workspace_id, field="project")
        stored = (
            rows.storages(ImportStorage, access.workspace_id).get(pk=obj.pk) if change else None
        )
        columns = {*StorageForm.Meta.fields, "path"}
        values = {name: form.cleaned_data[name] for name in form.changed_data if name in columns}
        values["project"] = obj.project_id
        accepted = placed(
            checked(ImportFolderSerializer(stored, data=values, partial=change)),
            workspace_id=access.workspace_id,
        )
        project_id = accepted.pop("project")
        if stored is None:
            made = rows.create(ImportStorage, project_id, accepted, user_id=access.user_id)
            became(obj, made.pk)
        else:
            rows.update(stored, accepted)
        if form.cleaned_data["synchronize"]:
            self._start(request, obj)

    def delete_model(self, request: HttpRequest, obj: ImportStorage) -> None:
        """Its tasks stay."""
        rows.delete(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Says that tasks stay."""
        names, counts, missing, protected = super().get_deleted_objects(objs, request)
        stay = [f"{row}. The tasks that were made of its files stay." for row in objs]
        return names if missing else stay, counts, missing, protected

    def _start(self, request: HttpRequest, row: ImportStorage) -> bool:
        is_asked = start.synchronize(row.pk)
        if is_asked:
            self.record(request, row, "synchronized")
        return is_asked

    @admin.action(description="Synchronise", permissions=["change"])
    def synchronize(self, request: HttpRequest, queryset: QuerySet[ImportStorage]) -> None:
        """Looks for files without a task in each folder."""
        n = 0
        for row in queryset:
            access_of(request, row.project.workspace_id, field="project")
            n += self._start(request, row)
        text = (
            f"{counted(n, 'folder')} will be read by a worker; reload the list to see how it goes."
        )
        messages.info(request, text if n else "They are being synchronised already.")

    @admin.display(description="folder")
    def place(self, row: ImportStorage) -> str:
        return rows.path_of(row)

    @admin.display(description="state")
    def state(self, row: ImportStorage) -> str:
        return STATES[ImportStorage.Status(row.status)]

    @admin.display(description="new tasks of the last time")
    def n_made(self, row: ImportStorage) -> str:
        return "-" if row.last_sync_count is None else f"{row.last_sync_count:,}"

    @admin.display(description="last synchronised")
    def synchronized(self, row: ImportStorage) -> SafeString | str:
        return time_ago(row.last_sync)

    @admin.display(description="what went wrong")
    def problems(self, row: ImportStorage) -> SafeString | str:
        """By file, as the worker noted it."""
        if not row.traceback:
            return "-"
        return format_html('<pre class="whitespace-pre-wrap break-words">{}</pre>', row.traceback)
