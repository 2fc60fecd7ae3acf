"""The endpoints of storages in buckets, and of the types that there are."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from predictions.api.storages import objects, parts
from predictions.api.storages.schema import described, types
from predictions.api.storages.viewset import Columns, StorageViewSet
from predictions.api.viewset import Rows, json_response
from predictions.exports.storages import start as exports
from predictions.imports.folders import start as imports
from predictions.models import ExportStorage, ImportStorage


class BucketViewSet(StorageViewSet):
    """Buckets."""

    kind = ImportStorage.Kind.S3

    def columns(self, values: Columns, kept: Any) -> Columns:
        columns = objects.placed(values, kept)
        objects.check(self.model, columns, kept)
        return columns


@described(
    objects.ImportBucketSerializer,
    name="s3_import_storage",
    noun="import storage in a bucket",
    stays="its tasks stay",
    create="The bucket is asked first: 400 says why it cannot be used.",
    sync="Makes tasks of what is new in the bucket: objects of which it has made a task are passed"
    " over.",
)
class S3ImportViewSet(BucketViewSet):
    """Buckets whose objects become tasks."""

    queryset = ImportStorage.objects.none()
    serializer_class = objects.ImportBucketSerializer
    model = ImportStorage
    missing = "No S3ImportStorage matches the given query."
    synchronize = staticmethod(imports.synchronize)

    def document(self, storage: Any) -> Columns:
        return objects.import_document(storage)


@described(
    objects.ExportBucketSerializer,
    name="s3_export_storage",
    noun="export storage in a bucket",
    stays="its objects stay",
    create="The bucket is asked first: 400 says why it cannot be used.",
    sync="Writes each annotation of the project as a JSON object whose key is the prefix and its"
    " id.",
)
class S3ExportViewSet(BucketViewSet):
    """Buckets that annotations are written to."""

    queryset = ExportStorage.objects.none()
    serializer_class = objects.ExportBucketSerializer
    model = ExportStorage
    missing = "No S3ExportStorage matches the given query."
    synchronize = staticmethod(exports.synchronize)

    def document(self, storage: Any) -> Columns:
        return objects.export_document(storage)


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
