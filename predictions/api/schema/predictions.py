"""Predictions: lists, files, and one by one."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema

from predictions.api.parameters import (
    PredictionExportParameters,
    PredictionListParameters,
    UpsertParameters,
    VersionDeleteParameters,
)
from predictions.api.schema.parts import DELETED_PREDICTIONS, IDEMPOTENCY_KEY, REPLAYED, either
from predictions.api.serializers import PredictionSerializer
from predictions_api.http.openapi import FORMS, Schema, answer_header, error_responses

PREDICTION_OR_ARRAY = either(
    "PredictionOrArray", PredictionSerializer, PredictionSerializer(many=True)
)
LINES_TYPE = "application/x-ndjson"
PREDICTION_LIST = extend_schema(
    operation_id="list_predictions",
    summary="List predictions",
    description="All of them in one array, unless `limit` asks for a page; `Link` names the next."
    " `Accept: application/x-ndjson` gives a document a line instead. A long list is streamed, and"
    " gzipped for a caller that accepts it.",
    parameters=[
        PredictionListParameters,
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
_NUMBERS: Schema = {"type": "array", "items": {"type": "number"}}
_RESULT: Schema = {
    "type": "object",
    "required": ["image_id", "category_id", "score"],
    "properties": {
        "image_id": {"type": ["integer", "string"]},
        "file_name": {"type": "string"},
        "category_id": {"type": "integer"},
        "bbox": _NUMBERS,
        "segmentation": {"type": ["array", "object"], "items": _NUMBERS},
        "keypoints": _NUMBERS,
        "num_keypoints": {"type": "integer"},
        "score": {"type": "number"},
    },
    "additionalProperties": False,
}
_OBJECTS: Schema = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
# An empty list is of either kind.
EXPORTED: Schema = {
    "anyOf": [
        {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
        {"type": "array", "items": _RESULT, "description": "COCO's results."},
        {
            "type": "object",
            "required": ["images", "annotations", "categories"],
            "properties": dict.fromkeys(["images", "annotations", "categories"], _OBJECTS),
            "additionalProperties": False,
            "description": "COCO's ground truth.",
        },
    ]
}
PREDICTION_EXPORT = extend_schema(
    operation_id="export_predictions",
    summary="Download predictions as a file",
    description="What the list would hold, streamed. Tables have the JSON of `result` and"
    " `neighbors` as text. The data sets of other tools hold one version, or the ground truth: a"
    " zip where they are several files. Of each task the newest counts; what a format cannot hold"
    " is refused, naming the region.",
    parameters=[
        PredictionExportParameters,
        answer_header("Content-Disposition", 200, "The file's name.", required=True),
    ],
    responses={
        (200, FORMATS["json"]): EXPORTED,
        (200, FORMATS["ndjson"]): OpenApiTypes.STR,
        (200, FORMATS["csv"]): OpenApiTypes.STR,
        (200, "text/plain"): OpenApiTypes.STR,
        (200, "application/zip"): OpenApiTypes.BINARY,
        (200, FORMATS["parquet"]): OpenApiTypes.BINARY,
        **error_responses(501),
    },
)
PREDICTION_LIST_DELETE = extend_schema(
    operation_id="delete_predictions",
    summary="Delete a model version's predictions of a project",
    description="The project and one of the others are needed, and nothing else is taken; without"
    " any there is no such verb here.",
    parameters=[VersionDeleteParameters],
    responses={200: DELETED_PREDICTIONS, **error_responses()},
)
PREDICTION_CREATE = extend_schema(
    operation_id="create_prediction",
    summary="Create a prediction, or an array of them",
    description="An array is stored whole or not at all, and answered in its order.",
    parameters=[UpsertParameters, IDEMPOTENCY_KEY, REPLAYED],
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
