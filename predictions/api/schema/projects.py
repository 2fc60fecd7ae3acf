"""Projects and their model versions."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers

from predictions.api.parameters import ModelVersionParameters, ProjectListParameters
from predictions.api.schema.parts import (
    DELETED_PREDICTIONS,
    IDEMPOTENCY_KEY,
    REPLAYED,
    either,
)
from predictions.api.serializers import ProjectSerializer
from predictions_api.http.openapi import BODY_OF_DELETE, Schema, error_responses


class ProjectKeysSerializer(ProjectSerializer):
    """The keys of a project that `include` names."""


PROJECT_LIST = extend_schema(
    operation_id="list_projects",
    summary="List projects",
    parameters=[ProjectListParameters],
    responses={
        200: either("ProjectRow", ProjectSerializer, ProjectKeysSerializer, many=True),
        **error_responses(),
    },
)
PROJECT_CREATE = extend_schema(
    operation_id="create_project",
    summary="Create a project",
    parameters=[IDEMPOTENCY_KEY, REPLAYED],
    responses={201: ProjectSerializer, **error_responses(415)},
)
PROJECT_GET = extend_schema(
    operation_id="get_project",
    summary="Get a project",
    responses={200: ProjectSerializer, **error_responses()},
)
PROJECT_PUT = extend_schema(
    operation_id="replace_project",
    summary="Replace a project; what is left out keeps its value",
    responses={200: ProjectSerializer, **error_responses(415)},
)
PROJECT_PATCH = extend_schema(
    operation_id="update_project",
    summary="Change a project",
    responses={200: ProjectSerializer, **error_responses(415)},
)
PROJECT_DELETE = extend_schema(
    operation_id="delete_project",
    summary="Delete a project with everything in it",
    responses={204: None, **error_responses()},
)


class ModelVersionCountsSerializer(serializers.Serializer[Any]):
    """Version to count, newest first; null is called `null`."""


class ModelVersionCountsSchema(OpenApiSerializerExtension):
    """The versions themselves are the keys."""

    target_class = ModelVersionCountsSerializer

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Any key, a whole number each."""
        return {"type": "object", "additionalProperties": {"type": "integer"}}


MODEL_VERSIONS_LIST = extend_schema(
    operation_id="list_model_versions",
    summary="Count a project's predictions by model version",
    description="An object of version to count, newest first; with `extended`, lists.",
    parameters=[ModelVersionParameters],
    responses={
        200: either(
            "ModelVersions",
            inline_serializer(
                "ModelVersionLists",
                {
                    "static": inline_serializer(
                        "CountedModelVersion",
                        {
                            "model_version": serializers.CharField(allow_null=True),
                            "count": serializers.IntegerField(),
                            "latest": serializers.DateTimeField(),
                        },
                        many=True,
                    ),
                    "live": inline_serializer(
                        "LiveModel",
                        {
                            "id": serializers.IntegerField(),
                            "title": serializers.CharField(),
                            "url": serializers.CharField(),
                            "model_version": serializers.CharField(),
                        },
                        many=True,
                        allow_null=True,
                    ),
                },
            ),
            ModelVersionCountsSerializer,
        ),
        **error_responses(),
    },
)
MODEL_VERSIONS_DELETE = extend_schema(
    operation_id="delete_model_version",
    summary="Delete a model version's predictions",
    description="The version stands in the body; null and the empty one can be named.",
    extensions={
        BODY_OF_DELETE: {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"model_version": {"type": ["string", "null"]}},
                        "required": ["model_version"],
                    }
                }
            },
        }
    },
    responses={
        200: DELETED_PREDICTIONS,
        **error_responses(415),
    },
)
