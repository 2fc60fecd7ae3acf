"""What the OpenAPI document says of import storages."""

from drf_spectacular.utils import extend_schema

from predictions.api.parameters import ActionListParameters
from predictions.api.storages.serializers import (
    ImportStorageSerializer,
    ImportStorageTypeSerializer,
)
from predictions_api.http.openapi import error_responses

TAGS = ["Import storages"]
READ = error_responses(404)
WRITE = error_responses(400, 404, 413, 415)

LIST = extend_schema(
    operation_id="list_import_storages",
    tags=TAGS,
    summary="List a project's import storages",
    parameters=[ActionListParameters],
    responses={200: ImportStorageSerializer(many=True), **error_responses(400, 404)},
)
CREATE = extend_schema(
    operation_id="create_import_storage",
    tags=TAGS,
    summary="Create an import storage",
    description="Of a folder that a command has registered: no request can name any other one.",
    responses={201: ImportStorageSerializer, **error_responses(400, 413, 415)},
)
VALIDATE = extend_schema(
    operation_id="validate_import_storage",
    tags=TAGS,
    summary="Check what would be created or changed",
    description="With the `id` of a storage what it would be after the change. Nothing is stored.",
    responses={200: None, **WRITE},
)
GET = extend_schema(
    operation_id="get_import_storage",
    tags=TAGS,
    summary="Get an import storage",
    responses={200: ImportStorageSerializer, **READ},
)
PUT = extend_schema(
    operation_id="replace_import_storage",
    tags=TAGS,
    summary="Replace an import storage's settings",
    responses={200: ImportStorageSerializer, **WRITE},
)
PATCH = extend_schema(
    operation_id="update_import_storage",
    tags=TAGS,
    summary="Change an import storage",
    responses={200: ImportStorageSerializer, **WRITE},
)
DELETE = extend_schema(
    operation_id="delete_import_storage",
    tags=TAGS,
    summary="Delete an import storage; its tasks stay",
    responses={204: None, **READ},
)
SYNC = extend_schema(
    operation_id="sync_import_storage",
    tags=TAGS,
    summary="Make tasks of what is new in the folder",
    description="In the background: `status` tells how it goes. Files of which it has made a task"
    " are passed over, so it can be asked again at any time.",
    request=None,
    responses={200: ImportStorageSerializer, **READ},
)
TYPES = extend_schema(
    operation_id="list_import_storage_types",
    tags=TAGS,
    summary="List the types of import storages",
    responses={200: ImportStorageTypeSerializer(many=True), **error_responses()},
)
