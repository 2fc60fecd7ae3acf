"""What the OpenAPI document says beyond the serializers: parameters, statuses, one line a route."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    inline_serializer,
)
from rest_framework import serializers

from predictions.api.idempotency import MAX_KEY_LENGTH
from predictions.api.serializers import (
    AnnotationSerializer,
    ModelVersionField,
    PredictionSerializer,
    ProjectSerializer,
    RegionsField,
    TaskDetailSerializer,
    TaskSerializer,
)
from predictions.filters.predictions import ORDERINGS
from predictions_api.http.fields import MAX_BIGINT, StorableJSONField
from predictions_api.http.openapi import (
    BODY_OF_DELETE,
    FORMS,
    ErrorSerializer,
    Schema,
    answer_header,
    error_responses,
)
from predictions_api.http.query import MAX_LIMIT

REGIONS: Schema = {
    "type": "array",
    "items": {"type": "object", "additionalProperties": True},
    "description": "Regions, each with id, from_name, to_name, type and value.",
}


class RegionsFieldSchema(OpenApiSerializerFieldExtension):
    """Regions are always answered as a list; a request may use a shorthand."""

    target_class = RegionsField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """A list, or in requests what one control of the config takes."""
        takes_shorthand = not isinstance(self.target.parent, AnnotationSerializer)
        if direction == "response" or not takes_shorthand:
            return REGIONS
        return {
            "oneOf": [
                REGIONS,
                {
                    "type": "object",
                    "additionalProperties": True,
                    "description": "What controls of the labelling config take, by name or type.",
                },
                {"type": "string", "description": "What one control takes."},
                {"type": "integer", "description": "What one control takes."},
            ]
        }


class StorableJSONFieldSchema(OpenApiSerializerFieldExtension):
    """Any JSON."""

    target_class = StorableJSONField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Every type but null, which the field itself allows or not."""
        return {"type": ["object", "array", "string", "number", "boolean"]}


class ModelVersionFieldSchema(OpenApiSerializerFieldExtension):
    """Versions are answered as text; a request may use a number."""

    target_class = ModelVersionField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Text, null where an import said so."""
        return {"type": ["string", "number"] if direction == "request" else "string"}


def whole(most: int, least: int = 1) -> Schema:
    """A whole number within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most}


def query(name: str, kind: Any, description: str, **more: Any) -> OpenApiParameter:
    """A query parameter."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


def either(name: str, *options: Any, many: bool = False) -> PolymorphicProxySerializer:
    """One of several documents, or with `many` an array of such."""
    return PolymorphicProxySerializer(
        component_name=name, serializers=options, resource_type_field_name=None, many=many
    )


ID = whole(MAX_BIGINT)
INCLUDE = query("include", OpenApiTypes.STR, "Only these keys, comma-separated.")
PAGE = query("page", whole(2**31), "From 1; past the end is 404.")
PAGE_SIZE = query("page_size", whole(1000), "At most 1000; 100 by default.")
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": MAX_KEY_LENGTH},
    OpenApiParameter.HEADER,
    description="The same request with the same key is answered once more, not done once more,"
    " for 24 hours.",
)
REPLAYED = answer_header(
    "Idempotent-Replayed", 201, "There, and `true`, when the answer is an earlier request's."
)
UPSERT = query("upsert", OpenApiTypes.BOOL, "Replace predictions of the same task and version.")

PREDICTION_OR_ARRAY = either(
    "PredictionOrArray", PredictionSerializer, PredictionSerializer(many=True)
)
PREDICTION_FILTERS = [
    query("task", ID, "Of this task."),
    query("project", ID, "Of this project."),
    query("task__project", ID, "Of this project's tasks."),
    query("model_version", OpenApiTypes.STR, 'Of exactly this version; empty for `""`.'),
    query("model_version__isnull", OpenApiTypes.BOOL, "Of the null version."),
    query("score_gte", OpenApiTypes.DOUBLE, "Score at least this."),
    query("score_lte", OpenApiTypes.DOUBLE, "Score at most this."),
    query("created_after", OpenApiTypes.DATETIME, "Created after this time."),
    query("created_before", OpenApiTypes.DATETIME, "Created before this time."),
    query("ordering", OpenApiTypes.STR, "Order; by id unless given.", enum=list(ORDERINGS)),
    query("limit", whole(MAX_LIMIT), "At most this many."),
    query("after", ID, "Continue after this id; with the orderings id and -id."),
]
LINES_TYPE = "application/x-ndjson"
PREDICTION_LIST = extend_schema(
    operation_id="list_predictions",
    summary="List predictions",
    description="All of them in one array, unless `limit` asks for a page; `Link` names the next."
    " `Accept: application/x-ndjson` gives a document a line instead. A long list is streamed, and"
    " gzipped for a caller that accepts it.",
    parameters=[
        *PREDICTION_FILTERS,
        query("count", OpenApiTypes.BOOL, "Answer the full count in X-Total-Count."),
        answer_header("Link", 200, '`<address>; rel="next"` while there is a next page.'),
        answer_header("X-Total-Count", 200, "How many there are in all, with `count=true`."),
    ],
    responses={
        (200, "application/json"): PredictionSerializer(many=True),
        (200, LINES_TYPE): OpenApiTypes.STR,
        **error_responses(),
    },
)
FORMATS = {
    "ndjson": LINES_TYPE,
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
PREDICTION_EXPORT = extend_schema(
    operation_id="export_predictions",
    summary="Download predictions as a file",
    description="What the list would hold, streamed. Tables have the JSON of `result` and"
    " `neighbors` as text.",
    parameters=[
        query("format", OpenApiTypes.STR, "ndjson unless given.", enum=list(FORMATS)),
        *PREDICTION_FILTERS,
        answer_header("Content-Disposition", 200, "The file's name.", required=True),
    ],
    responses={
        (200, FORMATS["json"]): PredictionSerializer(many=True),
        (200, FORMATS["ndjson"]): OpenApiTypes.STR,
        (200, FORMATS["csv"]): OpenApiTypes.STR,
        (200, FORMATS["parquet"]): OpenApiTypes.BINARY,
        **error_responses(501),
    },
)
DELETED_PREDICTIONS = inline_serializer(
    "DeletedPredictions", {"deleted_predictions": serializers.IntegerField()}
)
PREDICTION_LIST_DELETE = extend_schema(
    operation_id="delete_predictions",
    summary="Delete a model version's predictions of a project",
    description="The project and one of the others are needed, and nothing else is taken; without"
    " any there is no such verb here.",
    parameters=[
        query("project", ID, "The project.", required=True),
        query("model_version", OpenApiTypes.STR, 'Exactly this; empty for `""`.'),
        query("model_version__isnull", OpenApiTypes.BOOL, "`true` for the null version."),
    ],
    responses={200: DELETED_PREDICTIONS, **error_responses()},
)
PREDICTION_CREATE = extend_schema(
    operation_id="create_prediction",
    summary="Create a prediction, or an array of them",
    description="An array is stored whole or not at all, and answered in its order.",
    parameters=[UPSERT, IDEMPOTENCY_KEY, REPLAYED],
    request={
        "application/json": PREDICTION_OR_ARRAY,
        **dict.fromkeys(FORMS, PredictionSerializer),
    },
    responses={201: PREDICTION_OR_ARRAY, **error_responses(415)},
)
PREDICTION_GET = extend_schema(
    operation_id="get_prediction",
    summary="Get a prediction",
    responses={200: PredictionSerializer, **error_responses()},
)
PREDICTION_PUT = extend_schema(
    operation_id="replace_prediction",
    summary="Replace a prediction; what is left out keeps its value",
    responses={200: PredictionSerializer, **error_responses(415)},
)
PREDICTION_PATCH = extend_schema(
    operation_id="update_prediction",
    summary="Change a prediction",
    responses={200: PredictionSerializer, **error_responses(415)},
)
PREDICTION_DELETE = extend_schema(
    operation_id="delete_prediction",
    summary="Delete a prediction",
    responses={204: None, **error_responses()},
)


class TaskKeysSerializer(TaskDetailSerializer):
    """The keys of a task that `include` names, or all of them with `fields=all`."""


TASK_ROWS = either("TaskRow", TaskSerializer, TaskKeysSerializer, many=True)


@extend_schema_field(TASK_ROWS)
class TaskRowsField(serializers.ListField):
    """Tasks as a list shows them."""


@extend_schema_serializer(many=False)
class TaskPageSerializer(serializers.Serializer[Any]):
    """One page of a project's tasks, with the project's totals."""

    total_annotations = serializers.IntegerField()
    total_predictions = serializers.IntegerField()
    total = serializers.IntegerField()
    tasks = TaskRowsField()


TASK_PAGE_PARAMETERS = [
    PAGE,
    PAGE_SIZE,
    INCLUDE,
    query(
        "fields",
        OpenApiTypes.STR,
        "`all` for tasks with their predictions and annotations.",
        enum=["task_only", "all"],
    ),
]
TASK_LIST = extend_schema(
    operation_id="list_tasks",
    summary="List a project's tasks, with totals",
    parameters=[
        query("project", ID, "The project; 404 without."),
        query(
            "query",
            OpenApiTypes.STR,
            "JSON of the Data Manager: `filters`, `ordering` and `selectedItems`.",
        ),
        *TASK_PAGE_PARAMETERS,
    ],
    responses={
        200: TaskPageSerializer,
        **error_responses(),
        404: either(
            "NoTasks",
            ErrorSerializer,
            inline_serializer("BareDetail", {"detail": serializers.CharField()}),
        ),
    },
)
PROJECT_TASK_LIST = extend_schema(
    operation_id="list_tasks_of_project",
    summary="List a project's tasks as an array",
    parameters=TASK_PAGE_PARAMETERS,
    responses={200: TASK_ROWS, **error_responses()},
)
TASK_CREATE = extend_schema(
    operation_id="create_task",
    summary="Create a task",
    responses={201: TaskSerializer, **error_responses(415)},
)
TASK_GET = extend_schema(
    operation_id="get_task",
    summary="Get a task with its predictions and annotations",
    responses={200: TaskDetailSerializer, **error_responses()},
)
TASK_PUT = extend_schema(
    operation_id="replace_task",
    summary="Replace a task; what is left out keeps its value",
    responses={200: TaskSerializer, **error_responses(415)},
)
TASK_PATCH = extend_schema(
    operation_id="update_task",
    summary="Change a task",
    responses={200: TaskSerializer, **error_responses(415)},
)
TASK_DELETE = extend_schema(
    operation_id="delete_task",
    summary="Delete a task with its predictions and annotations",
    responses={204: None, **error_responses()},
)

ANNOTATION_LIST = extend_schema(
    operation_id="list_annotations",
    summary="List a task's annotations",
    responses={200: AnnotationSerializer(many=True), **error_responses()},
)
ANNOTATION_CREATE = extend_schema(
    operation_id="create_annotation",
    summary="Create an annotation",
    responses={201: AnnotationSerializer, **error_responses(415)},
)
ANNOTATION_GET = extend_schema(
    operation_id="get_annotation",
    summary="Get an annotation",
    responses={200: AnnotationSerializer, **error_responses()},
)
ANNOTATION_PUT = extend_schema(
    operation_id="replace_annotation",
    summary="Replace an annotation; what is left out keeps its value",
    responses={200: AnnotationSerializer, **error_responses(415)},
)
ANNOTATION_PATCH = extend_schema(
    operation_id="update_annotation",
    summary="Change an annotation",
    responses={200: AnnotationSerializer, **error_responses(415)},
)
ANNOTATION_DELETE = extend_schema(
    operation_id="delete_annotation",
    summary="Delete an annotation",
    responses={204: None, **error_responses()},
)


class ProjectKeysSerializer(ProjectSerializer):
    """The keys of a project that `include` names."""


PROJECT_LIST = extend_schema(
    operation_id="list_projects",
    summary="List projects",
    parameters=[
        INCLUDE,
        query("title", OpenApiTypes.STR, "Whose title contains this."),
        query("ids", OpenApiTypes.STR, "Only these ids, comma-separated."),
    ],
    responses={
        200: either("ProjectRow", ProjectSerializer, ProjectKeysSerializer, many=True),
        **error_responses(),
    },
)
PROJECT_CREATE = extend_schema(
    operation_id="create_project",
    summary="Create a project",
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
    parameters=[
        query("extended", OpenApiTypes.BOOL, "Lists, with each version's latest creation time."),
        query("include_live_models", OpenApiTypes.BOOL, "List ML backends too."),
        query("limit", whole(MAX_LIMIT), "At most this many, newest first."),
    ],
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

_PROJECT = query("project", ID, "The project.", required=True)
ACTION_LIST = extend_schema(
    operation_id="list_actions",
    tags=["Tasks"],
    summary="What can be done with a selection of tasks",
    parameters=[_PROJECT],
    responses={
        200: inline_serializer(
            "Action",
            {
                "id": serializers.CharField(),
                "title": serializers.CharField(),
                "order": serializers.IntegerField(),
                "permission": serializers.CharField(),
                "experimental": serializers.BooleanField(),
                "dialog": inline_serializer(
                    "ActionDialog",
                    {"text": serializers.CharField(), "type": serializers.CharField()},
                ),
            },
            many=True,
        ),
        **error_responses(404),
    },
)
ACTION_CREATE = extend_schema(
    operation_id="run_action",
    tags=["Tasks"],
    summary="Do something with a selection of tasks",
    description="All of it or nothing. `selectedItems` is needed, `filters` narrow it;"
    " `model_version`, one or a list, is read by `predictions_to_annotations`.",
    parameters=[
        query(
            "id",
            OpenApiTypes.STR,
            "The action.",
            required=True,
            enum=[
                "delete_tasks",
                "delete_tasks_annotations",
                "delete_tasks_predictions",
                "predictions_to_annotations",
            ],
        ),
        _PROJECT,
    ],
    request={
        "application/json": {
            "type": "object",
            "properties": {
                "selectedItems": {
                    "type": "object",
                    "properties": {
                        "all": {"type": "boolean"},
                        "included": {"type": "array", "items": {"type": "integer"}},
                        "excluded": {"type": "array", "items": {"type": "integer"}},
                    },
                    "required": ["all"],
                },
                "filters": {"type": ["object", "null"], "additionalProperties": True},
                "ordering": {"type": ["array", "null"], "items": {"type": "string"}},
                "model_version": {"type": ["string", "array", "null"], "items": {"type": "string"}},
            },
            "required": ["selectedItems"],
        }
    },
    responses={
        200: inline_serializer(
            "ActionDone",
            {
                "processed_items": serializers.IntegerField(required=False),
                "reload": serializers.BooleanField(required=False),
                "detail": serializers.CharField(),
            },
        ),
        **error_responses(404, 415),
    },
)
