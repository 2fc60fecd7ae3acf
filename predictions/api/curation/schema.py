"""What the OpenAPI document says about tags and saved views."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from predictions.api.curation.serializers import (
    ViewChangeSerializer,
    ViewOrderSerializer,
    ViewSerializer,
)
from predictions.api.parameters import ActionListParameters, ViewListParameters
from predictions_api.http.openapi import error_responses

VIEWS = ["Views"]


class TagCountSerializer(serializers.Serializer[dict[str, object]]):
    """A tag of a project."""

    name = serializers.CharField()
    tasks = serializers.IntegerField(help_text="How many tasks have it.")


TAG_LIST = extend_schema(
    operation_id="list_tags",
    tags=["Tasks"],
    summary="The tags of a project's tasks",
    description="By name. Tags are set with the task, `tags`, or on many tasks by the actions"
    " `add_tags` and `remove_tags`; filters know them as `filter:tasks:tags`.",
    responses={200: TagCountSerializer(many=True), **error_responses(404)},
)
VIEW_LIST = extend_schema(
    operation_id="list_views",
    tags=VIEWS,
    summary="The saved views of a project, or of all projects",
    parameters=[ViewListParameters],
    responses={200: ViewSerializer(many=True), **error_responses()},
)
VIEW_CREATE = extend_schema(
    operation_id="create_view",
    tags=VIEWS,
    summary="Save a view of a project's tasks",
    description="`data.filters` and `data.ordering` are those of the Data Manager's query, and"
    " refused if they cannot be read; whatever else `data` holds is kept.",
    request=ViewSerializer,
    responses={201: ViewSerializer, **error_responses(415)},
)
VIEW_GET = extend_schema(
    operation_id="get_view",
    tags=VIEWS,
    summary="Get a saved view",
    responses={200: ViewSerializer, **error_responses()},
)
VIEW_PATCH = extend_schema(
    operation_id="update_view",
    tags=VIEWS,
    summary="Change a saved view",
    request=ViewChangeSerializer,
    responses={200: ViewSerializer, **error_responses(415)},
)
VIEW_PUT = extend_schema(
    operation_id="replace_view",
    tags=VIEWS,
    summary="Replace a saved view",
    request=ViewSerializer,
    responses={200: ViewSerializer, **error_responses(415)},
)
VIEW_DELETE = extend_schema(
    operation_id="delete_view",
    tags=VIEWS,
    summary="Delete a saved view",
    responses={204: None, **error_responses()},
)
VIEWS_RESET = extend_schema(
    operation_id="delete_views",
    tags=VIEWS,
    summary="Delete every saved view of a project",
    parameters=[ActionListParameters],
    responses={204: None, **error_responses(404)},
)
VIEWS_ORDER = extend_schema(
    operation_id="order_views",
    tags=VIEWS,
    summary="Put a project's saved views in order",
    request=ViewOrderSerializer,
    responses={200: ViewSerializer(many=True), **error_responses(404, 415)},
)
