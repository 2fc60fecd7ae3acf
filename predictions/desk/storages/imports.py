"""Pages of import storages."""

from typing import Any

from django.contrib import admin

from accounts.tokens import Access
from predictions.api.storages import folders, objects
from predictions.desk.storages.forms import OF_BUCKETS, ImportForm
from predictions.desk.storages.pages import StorageDesk
from predictions.imports.folders import start
from predictions.models import ImportStorage


@admin.register(ImportStorage)
class ImportStorageDesk(StorageDesk):
    """Folders and buckets whose files become tasks of a project."""

    form = ImportForm
    of = ImportStorage
    serializers = {
        ImportStorage.Kind.LOCAL: folders.ImportFolderSerializer,
        ImportStorage.Kind.S3: objects.ImportBucketSerializer,
    }
    start = start.synchronize
    stay = "The tasks that were made of its files stay."
    of_buckets = (*OF_BUCKETS, "presign", "presign_ttl")
    when_empty = (
        "An import storage is a folder on the server, or a bucket: each file in it becomes a task"
        " of a project. Register a folder with manage.py image_root add, then add it here."
    )
    audited_as = "import_storage"
    fields = (
        "project", "kind", "path", *OF_BUCKETS, "title", "description", "use_blob_urls",
        "recursive_scan", "regex_filter", "presign", "presign_ttl", "synchronize", "state",
        "n_done", "synchronized", "problems", "created",
    )  # fmt: skip

    def columns(self, values: dict[str, Any], access: Access) -> dict[str, Any]:
        return folders.placed(values, workspace_id=access.workspace_id)
