"""Pages of export storages."""

from typing import Any

from django.contrib import admin

from accounts.tokens import Access
from predictions.api.storages import folders, objects
from predictions.desk.storages.forms import OF_BUCKETS, ExportForm
from predictions.desk.storages.pages import StorageDesk
from predictions.exports.storages import start
from predictions.models import ExportStorage


@admin.register(ExportStorage)
class ExportStorageDesk(StorageDesk):
    """Folders and buckets that the annotations of a project are written to."""

    form = ExportForm
    of = ExportStorage
    serializers = {
        ExportStorage.Kind.LOCAL: folders.ExportFolderSerializer,
        ExportStorage.Kind.S3: objects.ExportBucketSerializer,
    }
    start = start.synchronize
    stay = "The files that it wrote stay."
    when_empty = (
        "An export storage is a folder on the server, or a bucket: each annotation of a project is"
        " written to it as a file. Register a folder with manage.py image_root add --writable, then"
        " add it here."
    )
    audited_as = "export_storage"
    fields = (
        "project", "kind", "path", *OF_BUCKETS, "title", "description", "can_delete_objects",
        "synchronize", "state", "n_done", "synchronized", "problems", "created",
    )  # fmt: skip

    def columns(self, values: dict[str, Any], access: Access) -> dict[str, Any]:
        return folders.placed(values, workspace_id=access.workspace_id, is_written=True)
