"""The endpoints of storages of all types, and of the types that there are."""

from __future__ import annotations  # `list` is a method here

from collections.abc import Callable
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from predictions.api.parameters import StorageListParameters
from predictions.api.storages import folders, objects, parts
from predictions.api.storages.schema import listed, types
from predictions.api.storages.viewset import Columns
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db.places import project_exists
from predictions.db.storages import rows
from predictions.models import ExportStorage, ImportStorage
from predictions_api.http.parameters import ordered


class EveryStorageViewSet(Rows):
    """Storages of all types."""

    queryset = ImportStorage.objects.none()
    serializer_class = parts.StorageSerializer
    model: ClassVar[type[ImportStorage] | type[ExportStorage]]
    #: How each type is answered.
    documents: ClassVar[dict[str, Callable[[Any], Columns]]]

    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        asked = StorageListParameters.read(request.query_params)
        project_id = asked["project"]
        workspace_id = self.access().workspace_id
        if not project_exists(project_id, workspace_id=workspace_id):
            raise NotFound(NO_PROJECT)
        mine = rows.storages(self.model, workspace_id).filter(project_id=project_id)
        found = ordered(mine, asked["ordering"])
        return json_response([self.documents[row.kind](row) for row in found])


@listed(
    "import",
    {
        ImportStorage.Kind.S3.value: objects.ImportBucketSerializer,
        ImportStorage.Kind.LOCAL.value: folders.ImportFolderSerializer,
    },
)
class EveryImportStorageViewSet(EveryStorageViewSet):
    """Import storages."""

    model = ImportStorage
    documents: ClassVar = {
        ImportStorage.Kind.S3.value: objects.import_document,
        ImportStorage.Kind.LOCAL.value: folders.import_document,
    }


@listed(
    "export",
    {
        ExportStorage.Kind.S3.value: objects.ExportBucketSerializer,
        ExportStorage.Kind.LOCAL.value: folders.ExportFolderSerializer,
    },
)
class EveryExportStorageViewSet(EveryStorageViewSet):
    """Export storages."""

    model = ExportStorage
    documents: ClassVar = {
        ExportStorage.Kind.S3.value: objects.export_document,
        ExportStorage.Kind.LOCAL.value: folders.export_document,
    }


class StorageTypesViewSet(Rows):
    """The types that are served."""

    queryset = ImportStorage.objects.none()
    serializer_class = parts.StorageTypeSerializer

    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(parts.TYPES)


@types("import")
class ImportStorageTypesViewSet(StorageTypesViewSet):
    """Of import storages."""


@types("export")
class ExportStorageTypesViewSet(StorageTypesViewSet):
    """Of export storages."""
