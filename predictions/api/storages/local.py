"""The endpoints of storages in folders of the server."""

from typing import Any

from predictions.api.storages import folders
from predictions.api.storages.schema import described
from predictions.api.storages.viewset import Columns, StorageViewSet
from predictions.exports.storages import start as exports
from predictions.imports.folders import start as imports
from predictions.models import ExportStorage, ImportStorage


@described(
    folders.ImportFolderSerializer,
    name="import_storage",
    noun="import storage",
    stays="its tasks stay",
    create="Of a folder that a command has registered: no request can name any other one.",
    sync="Makes tasks of what is new in the folder: files of which it has made a task are passed"
    " over.",
)
class LocalImportViewSet(StorageViewSet):
    """Folders whose files become tasks."""

    queryset = ImportStorage.objects.none()
    serializer_class = folders.ImportFolderSerializer
    model = ImportStorage
    kind = ImportStorage.Kind.LOCAL
    missing = "No LocalFilesImportStorage matches the given query."
    synchronize = staticmethod(imports.synchronize)

    def columns(self, values: Columns, kept: Any) -> Columns:
        return folders.placed(values, workspace_id=self.access().workspace_id)

    def document(self, storage: Any) -> Columns:
        return folders.import_document(storage)


@described(
    folders.ExportFolderSerializer,
    name="local_export_storage",
    noun="export storage in a folder",
    stays="its files stay",
    create="In a folder that a command has registered as one that may be written to.",
    sync="Writes each annotation of the project as a JSON file that is named by its id.",
)
class LocalExportViewSet(StorageViewSet):
    """Folders that annotations are written to."""

    queryset = ExportStorage.objects.none()
    serializer_class = folders.ExportFolderSerializer
    model = ExportStorage
    kind = ExportStorage.Kind.LOCAL
    missing = "No LocalFilesExportStorage matches the given query."
    synchronize = staticmethod(exports.synchronize)

    def columns(self, values: Columns, kept: Any) -> Columns:
        workspace_id = self.access().workspace_id
        return folders.placed(values, workspace_id=workspace_id, is_written=True)

    def document(self, storage: Any) -> Columns:
        return folders.export_document(storage)
