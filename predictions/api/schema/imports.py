"""Imports of predictions and of tasks."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers

from predictions.api.parameters import PredictionImportParameters, TaskImportParameters
from predictions.api.schema.loads import FilesSerializer, FoundSerializer
from predictions.api.schema.parts import IDEMPOTENCY_KEY, REPLAYED, either
from predictions.api.serializers import RegionsField
from predictions_api.http.fields import JSONObjectField
from predictions_api.http.openapi import Schema, error_responses

IMPORT_PREDICTIONS = extend_schema(
    operation_id="import_predictions",
    summary="Import predictions of a project, all or none",
    parameters=[
        PredictionImportParameters,
        IDEMPOTENCY_KEY,
        REPLAYED,
    ],
    request=inline_serializer(
        "ImportedPrediction",
        {
            "task": serializers.IntegerField(min_value=1),
            "result": RegionsField(),
            "score": serializers.FloatField(required=False, allow_null=True),
            "model_version": serializers.CharField(
                required=False,
                allow_null=True,
                allow_blank=True,
                help_text="`undefined` unless given.",
            ),
        },
        many=True,
    ),
    responses={
        201: inline_serializer(
            "ImportedPredictions",
            {
                "created": serializers.IntegerField(),
                "prediction_ids": serializers.ListField(
                    child=serializers.IntegerField(), help_text="In the request's order."
                ),
                "skipped": inline_serializer(
                    "SkippedItem",
                    {
                        "index": serializers.IntegerField(),
                        "errors": serializers.ListField(child=serializers.CharField()),
                    },
                    many=True,
                    required=False,
                ),
            },
        ),
        **error_responses(415),
    },
)
TASK_WITH_CHILDREN = inline_serializer(
    "ImportedTask",
    {
        "data": JSONObjectField(help_text="What the labelling config's variables name."),
        "meta": JSONObjectField(required=False, allow_null=True),
        "predictions": inline_serializer(
            "PredictionOfTask",
            {
                "result": RegionsField(),
                "score": serializers.FloatField(required=False, allow_null=True),
                "model_version": serializers.CharField(
                    required=False, allow_null=True, allow_blank=True
                ),
            },
            many=True,
            required=False,
        ),
        "annotations": inline_serializer(
            "AnnotationOfTask",
            {
                "result": serializers.ListField(child=JSONObjectField()),
                "ground_truth": serializers.BooleanField(required=False),
                "was_cancelled": serializers.BooleanField(required=False),
                "lead_time": serializers.FloatField(required=False, allow_null=True),
            },
            many=True,
            required=False,
        ),
    },
)


class FlatTaskSerializer(serializers.Serializer[Any]):
    """A task's data alone."""


class FlatTaskSchema(OpenApiSerializerExtension):
    """The labelling config's variables are the keys."""

    target_class = FlatTaskSerializer

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Any keys."""
        return {"type": "object", "additionalProperties": True}


TASK_IMPORT = either(
    "TaskImport",
    TASK_WITH_CHILDREN,
    serializers.ListSerializer(child=TASK_WITH_CHILDREN),
    FlatTaskSerializer,
    FlatTaskSerializer(many=True),
)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"type": "array", "maxItems": 0},
        ]
    }
)
class FoundFormatsField(serializers.ReadOnlyField):
    """Files by suffix; an empty list where there are none."""


class TaskFileSerializer(FilesSerializer):
    """A form of task files or, with `format`, of ground truth and predictions."""

    file = serializers.FileField(required=False, help_text="Tasks; without `format`.")


IMPORT_TASKS = extend_schema(
    operation_id="import_tasks",
    summary="Import tasks with their predictions and annotations, all or none",
    description="An array of tasks, or one. An object without an object `data` is data itself."
    " A form may bring several files: JSON, JSON Lines, CSV, TSV or plain text, by their suffix."
    " None is kept. With `format` a form brings files of ground truth and predictions.",
    parameters=[
        TaskImportParameters,
        IDEMPOTENCY_KEY,
        REPLAYED,
    ],
    request={
        "application/json": TASK_IMPORT,
        "application/x-ndjson": TASK_IMPORT,
        "multipart/form-data": TaskFileSerializer,
        "application/x-www-form-urlencoded": inline_serializer(
            "TaskText", {"url": serializers.CharField(help_text="Tasks as JSON text.")}
        ),
    },
    responses={
        201: inline_serializer(
            "ImportedTasks",
            {
                "task_count": serializers.IntegerField(),
                "annotation_count": serializers.IntegerField(allow_null=True),
                "prediction_count": serializers.IntegerField(allow_null=True),
                "duration": serializers.FloatField(help_text="Seconds."),
                "file_upload_ids": serializers.ListField(
                    child=serializers.IntegerField(), help_text="Empty: files are not kept."
                ),
                "could_be_tasks_list": serializers.BooleanField(),
                "found_formats": FoundFormatsField(),
                "data_columns": serializers.ListField(child=serializers.CharField()),
                "task_ids": serializers.ListField(
                    child=serializers.IntegerField(),
                    required=False,
                    help_text="In the request's order.",
                ),
                "found": FoundSerializer(required=False),
                "warnings": serializers.ListField(
                    child=serializers.CharField(), required=False, help_text="With `format`."
                ),
            },
        ),
        **error_responses(413, 415),
    },
)
