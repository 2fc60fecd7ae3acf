"""What the OpenAPI document says beyond the serializers: parameters, statuses, one line a route."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    inline_serializer,
)
from rest_framework import serializers

from predictions.filters import ORDERINGS
from predictions.serializers import (
    AnnotationSerializer,
    JSONObjectField,
    PredictionSerializer,
    ProjectSerializer,
    RegionsField,
    TaskDetailSerializer,
    TaskPageSerializer,
    TaskSerializer,
)
from predictions_api.openapi import error_responses


def query(name: str, kind: Any, description: str, **more: Any) -> OpenApiParameter:
    """A query parameter."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


INCLUDE = query("include", OpenApiTypes.STR, "Only these keys, comma-separated.")
PAGE = query("page", OpenApiTypes.INT, "From 1; past the end is 404.")
PAGE_SIZE = query("page_size", OpenApiTypes.INT, "At most 1000; 100 by default.")
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same request with the same key is answered once more, not done once more.",
)
UPSERT = query("upsert", OpenApiTypes.BOOL, "Replace predictions of the same task and version.")

PREDICTION_LIST = extend_schema(
    summary="List predictions",
    parameters=[
        query("task", OpenApiTypes.INT, "Of this task."),
        query("project", OpenApiTypes.INT, "Of this project."),
        query("task__project", OpenApiTypes.INT, "Of this project's tasks."),
        query("model_version", OpenApiTypes.STR, "Of exactly this version; empty for none."),
        query("score_gte", OpenApiTypes.DOUBLE, "Score at least this."),
        query("score_lte", OpenApiTypes.DOUBLE, "Score at most this."),
        query("created_after", OpenApiTypes.DATETIME, "Created after this time."),
        query("created_before", OpenApiTypes.DATETIME, "Created before this time."),
        query(
            "ordering",
            OpenApiTypes.STR,
            "Order; by id unless given.",
            enum=list(ORDERINGS),
        ),
        query("limit", OpenApiTypes.INT, "At most this many, 1 to 10000; all unless given."),
        query("after", OpenApiTypes.INT, "Continue after this id."),
        query("count", OpenApiTypes.BOOL, "Answer the full count in X-Total-Count."),
    ],
    responses={200: PredictionSerializer(many=True), **error_responses(400)},
)
PREDICTION_CREATE = extend_schema(
    summary="Create a prediction, or an array of them",
    parameters=[UPSERT, IDEMPOTENCY_KEY],
    request=PolymorphicProxySerializer(
        component_name="PredictionOrArray",
        serializers=[PredictionSerializer, PredictionSerializer(many=True)],
        resource_type_field_name=None,
        many=False,
    ),
    responses={
        201: PolymorphicProxySerializer(
            component_name="PredictionOrArray",
            serializers=[PredictionSerializer, PredictionSerializer(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        **error_responses(400, 413, 415),
    },
)
PREDICTION_GET = extend_schema(
    summary="Get a prediction", responses={200: PredictionSerializer, **error_responses(404)}
)
PREDICTION_PUT = extend_schema(
    summary="Replace a prediction; what is left out keeps its value",
    responses={200: PredictionSerializer, **error_responses(400, 404, 413, 415)},
)
PREDICTION_PATCH = extend_schema(
    summary="Change a prediction",
    responses={200: PredictionSerializer, **error_responses(400, 404, 413, 415)},
)
PREDICTION_DELETE = extend_schema(
    summary="Delete a prediction", responses={204: None, **error_responses(404)}
)

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
    summary="List a project's tasks",
    parameters=[
        query("project", OpenApiTypes.INT, "The project; required."),
        *TASK_PAGE_PARAMETERS,
    ],
    responses={200: TaskPageSerializer, **error_responses(400, 404)},
)
PROJECT_TASK_LIST = extend_schema(
    summary="List a project's tasks as an array",
    parameters=TASK_PAGE_PARAMETERS,
    responses={200: TaskSerializer(many=True), **error_responses(400, 404)},
)
TASK_CREATE = extend_schema(
    summary="Create a task",
    responses={201: TaskSerializer, **error_responses(400, 413, 415)},
)
TASK_GET = extend_schema(
    summary="Get a task with its predictions and annotations",
    responses={200: TaskDetailSerializer, **error_responses(404)},
)
TASK_PUT = extend_schema(
    summary="Replace a task; what is left out keeps its value",
    responses={200: TaskSerializer, **error_responses(400, 404, 413, 415)},
)
TASK_PATCH = extend_schema(
    summary="Change a task",
    responses={200: TaskSerializer, **error_responses(400, 404, 413, 415)},
)
TASK_DELETE = extend_schema(
    summary="Delete a task with its predictions and annotations",
    responses={204: None, **error_responses(404)},
)

ANNOTATION_LIST = extend_schema(
    summary="List a task's annotations",
    responses={200: AnnotationSerializer(many=True), **error_responses(404)},
)
ANNOTATION_CREATE = extend_schema(
    summary="Create an annotation",
    responses={201: AnnotationSerializer, **error_responses(400, 404, 413, 415)},
)
ANNOTATION_GET = extend_schema(
    summary="Get an annotation", responses={200: AnnotationSerializer, **error_responses(404)}
)
ANNOTATION_PUT = extend_schema(
    summary="Replace an annotation; what is left out keeps its value",
    responses={200: AnnotationSerializer, **error_responses(400, 404, 413, 415)},
)
ANNOTATION_PATCH = extend_schema(
    summary="Change an annotation",
    responses={200: AnnotationSerializer, **error_responses(400, 404, 413, 415)},
)
ANNOTATION_DELETE = extend_schema(
    summary="Delete an annotation", responses={204: None, **error_responses(404)}
)

PROJECT_LIST = extend_schema(
    summary="List projects",
    parameters=[
        INCLUDE,
        query("title", OpenApiTypes.STR, "Whose title contains this."),
        query("ids", OpenApiTypes.STR, "Only these ids, comma-separated."),
    ],
    responses={200: ProjectSerializer(many=True), **error_responses(400, 404)},
)
PROJECT_CREATE = extend_schema(
    summary="Create a project",
    responses={201: ProjectSerializer, **error_responses(400, 413, 415)},
)
PROJECT_GET = extend_schema(
    summary="Get a project", responses={200: ProjectSerializer, **error_responses(404)}
)
PROJECT_PUT = extend_schema(
    summary="Replace a project; what is left out keeps its value",
    responses={200: ProjectSerializer, **error_responses(400, 404, 413, 415)},
)
PROJECT_PATCH = extend_schema(
    summary="Change a project",
    responses={200: ProjectSerializer, **error_responses(400, 404, 413, 415)},
)
PROJECT_DELETE = extend_schema(
    summary="Delete a project with everything in it",
    responses={204: None, **error_responses(404)},
)
MODEL_VERSIONS_LIST = extend_schema(
    summary="Count a project's predictions by model version",
    parameters=[
        query("extended", OpenApiTypes.BOOL, "Objects with the latest creation time."),
        query("include_live_models", OpenApiTypes.BOOL, "List ML backends too."),
        query("limit", OpenApiTypes.INT, "At most this many, newest first."),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "Version to count; or `static` and `live`."),
        **error_responses(400, 404),
    },
)
MODEL_VERSIONS_DELETE = extend_schema(
    summary="Delete a model version's predictions",
    request=inline_serializer(
        "ModelVersion",
        {"model_version": serializers.CharField(allow_null=True, allow_blank=True)},
    ),
    responses={
        200: inline_serializer(
            "DeletedPredictions", {"deleted_predictions": serializers.IntegerField()}
        ),
        **error_responses(400, 404, 415),
    },
)
IMPORT_PREDICTIONS = extend_schema(
    summary="Import predictions of a project, all or none",
    parameters=[
        query("on_error", OpenApiTypes.STR, "What bad items do.", enum=["fail", "skip"]),
        UPSERT,
        IDEMPOTENCY_KEY,
    ],
    request=inline_serializer(
        "ImportedPrediction",
        {
            "task": serializers.IntegerField(),
            "result": RegionsField(),
            "score": serializers.FloatField(required=False, allow_null=True),
            "model_version": serializers.CharField(required=False, allow_null=True),
        },
        many=True,
    ),
    responses={
        201: inline_serializer(
            "ImportedPredictions",
            {
                "created": serializers.IntegerField(),
                "prediction_ids": serializers.ListField(child=serializers.IntegerField()),
                "skipped": serializers.ListField(child=JSONObjectField(), required=False),
            },
        ),
        **error_responses(400, 404, 413, 415),
    },
)
IMPORT_TASKS = extend_schema(
    summary="Import tasks with their predictions and annotations, all or none",
    parameters=[
        query("return_task_ids", OpenApiTypes.BOOL, "Answer the new tasks' ids."),
        IDEMPOTENCY_KEY,
    ],
    request=OpenApiTypes.OBJECT,
    responses={
        201: inline_serializer(
            "ImportedTasks",
            {
                "task_count": serializers.IntegerField(),
                "annotation_count": serializers.IntegerField(),
                "prediction_count": serializers.IntegerField(),
                "duration": serializers.FloatField(),
                "file_upload_ids": serializers.ListField(child=serializers.IntegerField()),
                "could_be_tasks_list": serializers.BooleanField(),
                "found_formats": serializers.ListField(child=serializers.CharField()),
                "data_columns": serializers.ListField(child=serializers.CharField()),
                "task_ids": serializers.ListField(child=serializers.IntegerField(), required=False),
            },
        ),
        **error_responses(400, 404, 413, 415),
    },
)
