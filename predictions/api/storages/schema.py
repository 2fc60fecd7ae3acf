"""What the OpenAPI document says of storages."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema, extend_schema_view
from rest_framework.serializers import Serializer

from predictions.api.parameters import StorageListParameters
from predictions.api.storages.parts import StorageTypeSerializer
from predictions_api.http.openapi import error_responses

READ = error_responses(404)
WRITE = error_responses(400, 404, 413, 415)
SYNCED = (
    "In the background: `status` tells how it goes, `last_sync_count` how far it is. It can be"
    " asked for again at any time; while one is under way that does nothing."
)
View = TypeVar("View", bound=type[Any])


def described(
    serializer: type[Serializer[Any]], *, name: str, noun: str, stays: str, create: str, sync: str
) -> Callable[[View], View]:
    """The operations of a type of storages. `name` goes into their ids, `noun` says what it is,
    `create` and `sync` what is to know of those, `stays` what a deletion leaves.
    """
    direction = "Import" if "import" in name else "Export"
    tags = [f"{direction} storages"]
    article = f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
    one = {200: serializer, **WRITE}
    return extend_schema_view(
        list=extend_schema(
            operation_id=f"list_{name}s",
            tags=tags,
            summary=f"List a project's {noun}s",
            parameters=[StorageListParameters],
            responses={200: serializer(many=True), **error_responses(400, 404)},
        ),
        create=extend_schema(
            operation_id=f"create_{name}",
            tags=tags,
            summary=f"Create {article}",
            description=create,
            responses={201: serializer, **error_responses(400, 413, 415)},
        ),
        validate=extend_schema(
            operation_id=f"validate_{name}",
            tags=tags,
            summary=f"Check what would be created or changed: {noun}",
            description="With the `id` of a storage what it would be after the change. Nothing is"
            " stored.",
            responses={200: None, **WRITE},
        ),
        retrieve=extend_schema(
            operation_id=f"get_{name}",
            tags=tags,
            summary=f"Get {article}",
            responses={200: serializer, **READ},
        ),
        update=extend_schema(
            operation_id=f"replace_{name}",
            tags=tags,
            summary=f"Replace the settings of {article}",
            responses=one,
        ),
        partial_update=extend_schema(
            operation_id=f"update_{name}",
            tags=tags,
            summary=f"Change {article}",
            responses=one,
        ),
        destroy=extend_schema(
            operation_id=f"delete_{name}",
            tags=tags,
            summary=f"Delete {article}; {stays}",
            responses={204: None, **READ},
        ),
        sync=extend_schema(
            operation_id=f"sync_{name}",
            tags=tags,
            summary=f"Synchronise {article}",
            description=f"{sync} {SYNCED}",
            request=None,
            responses={200: serializer, **READ},
        ),
    )


def listed(
    direction: str, serializers: Mapping[str, type[Serializer[Any]]]
) -> Callable[[View], View]:
    """The operation that lists the storages of all types of a direction; `serializers` by type."""
    each = PolymorphicProxySerializer(
        component_name=f"Any{direction.title()}Storage",
        serializers=dict(serializers),
        resource_type_field_name="type",
        many=True,
    )
    return extend_schema_view(
        list=extend_schema(
            operation_id=f"list_all_{direction}_storages",
            tags=[f"{direction.title()} storages"],
            summary=f"List a project's {direction} storages of all types",
            description="Each with the fields of its type.",
            parameters=[StorageListParameters],
            responses={200: each, **error_responses(400, 404)},
        )
    )


def types(direction: str) -> Callable[[View], View]:
    """The operation that lists the types of a direction, `import` or `export`."""
    return extend_schema_view(
        list=extend_schema(
            operation_id=f"list_{direction}_storage_types",
            tags=[f"{direction.title()} storages"],
            summary=f"List the types of {direction} storages",
            responses={200: StorageTypeSerializer(many=True), **error_responses()},
        )
    )
