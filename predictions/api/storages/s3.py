"""The endpoints of storages in buckets."""

from typing import Any

from predictions.api.storages import objects
from predictions.api.storages.schema import described
from predictions.api.storages.viewset import Columns, StorageViewSet
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
