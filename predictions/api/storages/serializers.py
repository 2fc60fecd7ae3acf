"""What requests about import storages may hold, and what is answered of one."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from predictions.db.pictures import storages
from predictions.models import ImportStorage
from predictions_api.http.fields import PkField

TYPE = "localfiles"
NO_FOLDER = (
    "No registered folder of the workspace is this, or around it; `manage.py image_root add DIR"
    " --workspace SLUG` registers one."
)
#: Characters of an expression.
MOST_EXPRESSION = 1000


class ImportStorageSerializer(serializers.Serializer[ImportStorage]):
    """A folder of the server's whose files become tasks of a project."""

    id = serializers.IntegerField(read_only=True)
    type = serializers.CharField(read_only=True, help_text="`localfiles`.")
    synchronizable = serializers.BooleanField(required=False)
    title = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=2048
    )
    description = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    created_at = serializers.DateTimeField(read_only=True)
    last_sync = serializers.DateTimeField(read_only=True, allow_null=True)
    last_sync_count = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Tasks that the last one made."
    )
    last_sync_job = serializers.CharField(read_only=True, allow_null=True, help_text="Null.")
    status = serializers.ChoiceField(choices=ImportStorage.Status.choices, read_only=True)
    traceback = serializers.CharField(
        read_only=True, allow_null=True, help_text="What went wrong, by file."
    )
    meta = serializers.DictField(read_only=True, help_text="Empty.")
    path = serializers.CharField(
        help_text="A folder that `manage.py image_root add` registered for the workspace, or one"
        " below it."
    )
    regex_filter = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=MOST_EXPRESSION,
        help_text="Of whole paths, from their beginning; as Postgres reads expressions.",
    )
    use_blob_urls = serializers.BooleanField(
        required=False,
        help_text="True: each picture or recording is a task. False: each JSON file holds tasks.",
    )
    recursive_scan = serializers.BooleanField(
        required=False, help_text="Also the folders in the folder."
    )
    project = PkField()

    def validate_regex_filter(self, value: str | None) -> str | None:
        """ValidationError for what Postgres does not take."""
        if value:
            try:
                storages.matching(value, [""])
            except storages.BadExpression as error:
                raise ValidationError(str(error)) from None
        return value


def placed(values: dict[str, Any], *, workspace_id: int) -> dict[str, Any]:
    """The values with the columns `root` and `folder` for a `path`. ValidationError for a folder
    that is in no image root of the workspace.
    """
    if "path" not in values:
        return values
    rest = {name: value for name, value in values.items() if name != "path"}
    place = storages.place_of(values["path"], workspace_id=workspace_id)
    if place is None:
        raise ValidationError({"path": [NO_FOLDER]})
    return {**rest, "root": place[0], "folder": place[1]}


class ImportStorageTypeSerializer(serializers.Serializer[Any]):
    """A type of storage that is served."""

    name = serializers.CharField()
    title = serializers.CharField()


def document(storage: ImportStorage) -> dict[str, Any]:
    """The storage as it is answered."""
    return {
        "id": storage.pk,
        "type": TYPE,
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
        "path": storages.path_of(storage),
        "regex_filter": storage.regex_filter,
        "use_blob_urls": storage.use_blob_urls,
        "recursive_scan": storage.recursive_scan,
        "project": storage.project_id,
    }
