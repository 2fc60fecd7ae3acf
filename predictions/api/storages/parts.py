"""What storages of all types have in requests and in answers."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from predictions.db.storages import imports
from predictions.models import ExportStorage, ImportStorage, Storage
from predictions_api.http.fields import PkField

#: Characters of an expression.
MOST_EXPRESSION = 1000


class StorageSerializer(serializers.Serializer[Any]):
    """Where a storage's files are is said by those that follow."""

    id = serializers.IntegerField(read_only=True)
    type = serializers.CharField(read_only=True, help_text="`localfiles` or `s3`.")
    synchronizable = serializers.BooleanField(required=False)
    title = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=2048
    )
    description = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    created_at = serializers.DateTimeField(read_only=True)
    last_sync = serializers.DateTimeField(read_only=True, allow_null=True)
    last_sync_count = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Tasks that the last synchronisation made, or annotations that it wrote; so far,"
        " while one is under way.",
    )
    last_sync_job = serializers.CharField(read_only=True, allow_null=True, help_text="Null.")
    status = serializers.ChoiceField(choices=Storage.Status.choices, read_only=True)
    traceback = serializers.CharField(
        read_only=True, allow_null=True, help_text="What went wrong, by file."
    )
    meta = serializers.DictField(read_only=True, help_text="Empty.")
    project = PkField()


class ImportedSerializer(StorageSerializer):
    """Which of a storage's files become tasks."""

    regex_filter = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=MOST_EXPRESSION,
        help_text="Of whole paths, in buckets of whole keys, from their beginning; as Postgres"
        " reads expressions.",
    )
    use_blob_urls = serializers.BooleanField(
        required=False,
        help_text="True: each picture or recording, in a bucket each object, is a task. False: each"
        " JSON file holds tasks.",
    )
    recursive_scan = serializers.BooleanField(
        required=False, help_text="Also the folders in the folder."
    )

    def validate_regex_filter(self, value: str | None) -> str | None:
        """ValidationError for what Postgres does not take."""
        if value:
            try:
                imports.matching(value, [""])
            except imports.BadExpression as error:
                raise ValidationError(str(error)) from None
        return value


class ExportedSerializer(StorageSerializer):
    """How annotations are written. Each is a file that is named by its id."""

    can_delete_objects = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text="A synchronisation deletes the files of annotations that were deleted.",
    )
    regex_filter = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=MOST_EXPRESSION,
        help_text="Kept, and without effect.",
    )
    use_blob_urls = serializers.BooleanField(required=False, help_text="Kept, without effect.")

    def validate_can_delete_objects(self, value: bool | None) -> bool:
        return bool(value)


def common(storage: Storage) -> dict[str, Any]:
    """What is answered of every storage, in Label Studio's order."""
    return {
        "id": storage.pk,
        "type": storage.kind,
        "synchronizable": storage.synchronizable,
        "title": storage.title,
        "description": storage.description,
        "created_at": storage.created_at,
        "last_sync": storage.last_sync,
        "last_sync_count": storage.last_sync_count,
        "last_sync_job": None,
        "status": storage.status,
        "traceback": storage.traceback,
        "meta": {},
    }


def imported(storage: ImportStorage) -> dict[str, Any]:
    """What is answered of an import storage besides."""
    return {
        "regex_filter": storage.regex_filter,
        "use_blob_urls": storage.use_blob_urls,
        "recursive_scan": storage.recursive_scan,
        "project": storage.project_id,
    }


def exported(storage: ExportStorage) -> dict[str, Any]:
    """What is answered of an export storage besides."""
    return {
        "regex_filter": storage.regex_filter,
        "use_blob_urls": storage.use_blob_urls,
        "can_delete_objects": storage.can_delete_objects,
        "project": storage.project_id,
    }


class StorageTypeSerializer(serializers.Serializer[Any]):
    """A type of storage that is served."""

    name = serializers.CharField()
    title = serializers.CharField()


TYPES = [
    {"name": Storage.Kind.S3.value, "title": "AWS S3"},
    {"name": Storage.Kind.LOCAL.value, "title": "Local files"},
]
