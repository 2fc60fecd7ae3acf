"""What requests about storages in folders of the server may hold, and what is answered of one."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from predictions.api.storages import parts
from predictions.db.storages import rows
from predictions.models import ExportStorage, ImportStorage

NO_FOLDER = (
    "No registered folder of the workspace is this, or around it; `manage.py image_root add DIR"
    " --workspace SLUG` registers one."
)
NOT_WRITABLE = (
    "No registered folder of the workspace that may be written to is this, or around it; `manage.py"
    " image_root add DIR --workspace SLUG --writable` registers one."
)


@extend_schema_serializer(component_name="ImportStorage")
class ImportFolderSerializer(parts.ImportedSerializer):
    """A folder of the server's whose files become tasks of a project."""

    path = serializers.CharField(
        help_text="A folder that `manage.py image_root add` registered for the workspace, or one"
        " below it."
    )


class ExportFolderSerializer(parts.ExportedSerializer):
    """A folder of the server's to which a project's annotations are written."""

    path = serializers.CharField(
        help_text="A folder that `manage.py image_root add --writable` registered for the"
        " workspace, or one below it."
    )


def placed(
    values: dict[str, Any], *, workspace_id: int, is_written: bool = False
) -> dict[str, Any]:
    """The values with the columns `root` and `folder` for a `path`. ValidationError for a folder
    that is in no image root of the workspace, or in none that may be written to.
    """
    if "path" not in values:
        return values
    rest = {name: value for name, value in values.items() if name != "path"}
    place = rows.place_of(values["path"], workspace_id=workspace_id, is_written=is_written)
    if place is None:
        raise ValidationError({"path": [NOT_WRITABLE if is_written else NO_FOLDER]})
    return {**rest, "root": place[0], "folder": place[1]}


def import_document(storage: ImportStorage) -> dict[str, Any]:
    """The storage as it is answered."""
    path = {"path": rows.path_of(storage)}
    return {**parts.common(storage), **path, **parts.imported(storage)}


def export_document(storage: ExportStorage) -> dict[str, Any]:
    """The storage as it is answered."""
    path = {"path": rows.path_of(storage)}
    return {**parts.common(storage), **path, **parts.exported(storage)}
