"""What answers and parameters of the evaluation routes look like: the words `schema` is made of.

Answers are written out as JSON Schema: they are made from numbers, not through serializers.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework import serializers

from evals.api.query import SORTS
from evals.models import ModelEval, TaskType
from predictions_api.http.openapi import ErrorSerializer

Schema = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": "number"}
NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
WHOLE: Schema = {"type": "integer"}
MOMENT: Schema = {"type": "string", "format": "date-time"}


def record(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def open_record(known: Schema, *required: str) -> Schema:
    """An object of which these keys are known; it may have others."""
    return {
        "type": "object",
        "properties": known,
        "required": list(required),
        "additionalProperties": True,
    }


def listing(items: Schema) -> Schema:
    """An array."""
    return {"type": "array", "items": items}


def by_name(values: Schema) -> Schema:
    """An object whose keys are names."""
    return {"type": "object", "additionalProperties": values}


IDENTITY: Schema = {
    "evalId": TEXT,
    "project": {**TEXT_OR_NULL, "description": "Slug; null once the project is deleted."},
    "versionId": TEXT,
    "modelId": TEXT_OR_NULL,
}
STATUS: Schema = {"type": "string", "enum": ModelEval.Status.values}
SCORES: Schema = {"precision": NUMBER, "recall": NUMBER, "f1": NUMBER}
COUNTS: Schema = {"truePositives": WHOLE, "falsePositives": WHOLE, "falseNegatives": WHOLE}

LIST_ITEM = record({**IDENTITY, "status": STATUS, "modelUrl": TEXT_OR_NULL, "createdAt": MOMENT})
HEADER = record(
    {**IDENTITY, "status": STATUS, "createdAt": MOMENT},
    {
        "summary": {
            **record(
                {
                    "mAP": NUMBER_OR_NULL,
                    "mIoU": NUMBER_OR_NULL,
                    "precision": NUMBER,
                    "recall": NUMBER,
                },
                {"split": TEXT},
            ),
            "description": "When done. At the best threshold of the test split, or of `split`.",
        },
        "progress": {**NUMBER, "description": "0 to 1, while running."},
        "failureReason": {**TEXT, "description": "What to do about it, when failed."},
        "modelVersion": TEXT_OR_NULL,
        "taskType": {"type": "string", "enum": TaskType.values},
        "source": {"type": "string", "enum": ModelEval.Origin.values},
        "matching": TEXT,
        "iouThreshold": NUMBER,
        "iouInclusive": {"type": "boolean"},
        "confidenceThreshold": {**NUMBER, "description": "The canonical one, a fraction."},
        "confidences": {
            "type": ["array", "null"],
            "items": WHOLE,
            "description": "Percents an import reports; null for all.",
        },
        "finishedAt": TEXT_OR_NULL,
        "images": by_name(WHOLE),
        "classes": listing(TEXT),
        "engines": by_name(TEXT),
        "snapshot": record(
            {
                "takenAt": TEXT_OR_NULL,
                "predictions": WHOLE,
                "newestPredictionAt": TEXT_OR_NULL,
                "groundTruths": WHOLE,
                "newestGroundTruthAt": TEXT_OR_NULL,
            }
        ),
        "medianLatencyMs": {**NUMBER, "description": "As whoever ran the model measured."},
        "warnings": listing(record({"path": TEXT, "message": TEXT})),
    },
)
OPEN: Schema = {"type": "object", "additionalProperties": True}
IMAGE_KEYS: Schema = {
    "imageId": TEXT,
    "imageName": TEXT,
    "split": TEXT,
    "augmentations": WHOLE,
    "cluster": {
        "anyOf": [
            {"type": "null"},
            record({"id": WHOLE, "embedding2D": {"type": ["array", "null"], "items": NUMBER}}),
        ]
    },
    "stats": record({**COUNTS, **SCORES}),
    "confusion": {
        **listing(listing(WHOLE)),
        "description": "[actual, predicted, count] by index in the matrix's classes.",
    },
}
FLAGGED: Schema = {"flagged": {"type": "boolean", "description": "The file disagrees with itself."}}
PAGE: Schema = {"totalImages": WHOLE, "offset": WHOLE, "limit": WHOLE}
OBJECT: Schema = {
    "index": WHOLE,
    "class": TEXT,
    "box": {"type": ["array", "null"], "items": NUMBER, "description": "x, y, width, height, px."},
    "polygon": {"type": ["array", "null"], "items": listing(NUMBER)},
    "verdict": {"type": ["string", "null"], "enum": ["tp", "fp", "fn", "wrong_class", None]},
    "matched": {"type": ["integer", "null"], "description": "Index on the other side."},
    "iou": NUMBER_OR_NULL,
}

REASONS = {
    400: "`invalid_…`: a parameter or the body cannot be read.",
    401: "`unauthenticated`: no key, or one that does not work.",
    403: "`forbidden`: the role or the key's scopes do not allow it.",
    404: "Not there, not yours, or (`report_not_found`) the evaluation has no such panel.",
    405: "`method_not_allowed`.",
    409: "`model_eval_not_done`.",
    413: "`body_too_large`.",
    415: "`unsupported_media_type`.",
    503: "`database_unavailable`.",
}


class EvaluationErrorSerializer(serializers.Serializer[Any]):
    """Every error of the evaluation routes."""

    error = serializers.CharField(help_text="A code.")
    message = serializers.CharField()


# Where the path itself fits no route, the answer is the service's, not these routes'.
NOT_FOUND = PolymorphicProxySerializer(
    component_name="EvaluationNotFound",
    serializers=[EvaluationErrorSerializer, ErrorSerializer],
    resource_type_field_name=None,
    many=False,
)


def answers(success: dict[Any, Any], *errors: int) -> dict[Any, Any]:
    """The documented answers of an operation: the given ones and those any may give."""
    codes = sorted({401, 403, 404, 405, 503, *errors})
    return {
        **success,
        **{code: OpenApiResponse(EvaluationErrorSerializer, REASONS[code]) for code in codes},
        404: OpenApiResponse(NOT_FOUND, REASONS[404]),
    }


def query(name: str, kind: Any, description: str, **more: Any) -> OpenApiParameter:
    """A query parameter."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


def in_path(name: str, description: str) -> OpenApiParameter:
    """A part of the path."""
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.PATH, description=description)


WORKSPACE_NAME = in_path("workspace", "The workspace's slug.")
EVAL_ID = in_path("eval_id", "The evaluation's id.")
OTHER_ID = in_path("other_id", "The other evaluation's id.")
IMAGE_ID = in_path("image_id", "The image's id.")
CONFIDENCE = query(
    "confidence", OpenApiTypes.INT, "Percent, 0 to 100; the evaluation's own unless given."
)
ONE_SPLIT = query("split", OpenApiTypes.STR, "Split.", enum=["train", "valid", "test"])
ANY_SPLIT = query("split", OpenApiTypes.STR, "Split.", enum=["train", "valid", "test", "all"])
LIMIT = query("limit", OpenApiTypes.INT, "1 to 1000.")
OFFSET = query("offset", OpenApiTypes.INT, "From 0.")
SELECTION = [
    query(
        "sort",
        OpenApiTypes.STR,
        "Order of images.",
        enum=[sign + name for name in SORTS for sign in ("", "-")],
    ),
    query("minFalsePositives", OpenApiTypes.INT, "Only images with so many or more."),
    query("minFalseNegatives", OpenApiTypes.INT, "Only images with so many or more."),
    query("cell", OpenApiTypes.STR, "`actual,predicted`: only images behind this matrix cell."),
    query("class", OpenApiTypes.STR, "Only images where this class is there or is said to be."),
    query("cluster", OpenApiTypes.INT, "Only images of this cluster; -1 is noise."),
]


def operation(
    operation_id: str,
    summary: str,
    success: dict[Any, Any],
    *errors: int,
    parameters: Any = (),
    request: Any = None,
) -> Callable[[View], View]:
    """The documentation of one verb."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=["Evaluations"],
        parameters=list(parameters),
        request=request,
        responses=answers(success, *errors),
    )


def panel(
    operation_id: str, summary: str, body: Schema, *errors: int, parameters: Any = ()
) -> Callable[[View], View]:
    """The documentation of a panel: the header, then the body."""
    return operation(
        operation_id,
        summary,
        {200: OpenApiResponse({**record(IDENTITY), **open_or(body)}, "")},
        409,
        *errors,
        parameters=[WORKSPACE_NAME, EVAL_ID, *parameters],
    )


def open_or(body: Schema) -> Schema:
    """An imported panel is given back as it came, so keys may be added."""
    return {
        "properties": {**IDENTITY, **body},
        "required": list(IDENTITY),
        "additionalProperties": True,
    }


_SCORES_OR_NULL = open_record(dict.fromkeys(SCORES, NUMBER_OR_NULL))
_PRECISIONS: Schema = dict.fromkeys(
    ("map50", "map50_95", "map75", "mIoU", "iou", "accuracy"), NUMBER_OR_NULL
)
_CURVE: Schema = {
    "optimalThreshold": NUMBER_OR_NULL,
    "optimalMetrics": _SCORES_OR_NULL,
    "perThreshold": by_name(_SCORES_OR_NULL),
}
_CLUSTER = open_record({"id": WHOLE, "numImages": WHOLE, "metrics": by_name(NUMBER_OR_NULL)}, "id")
_ADVICE = open_record(
    {
        "type": TEXT,
        "severity": TEXT,
        "className": TEXT_OR_NULL,
        "otherClassName": TEXT_OR_NULL,
        "metrics": OPEN,
        "message": TEXT,
        "imageIds": listing(TEXT),
    }
)
#: Bodies of the panels an import may bring; it is refused where it differs from them.
MAP_RESULTS_BODY: Schema = {
    "taskType": TEXT,
    "splits": by_name(
        open_record({**_PRECISIONS, "perClass": by_name(open_record(_PRECISIONS))}),
    ),
}
SWEEP_BODY: Schema = {
    "splits": by_name(
        open_record(
            {**_CURVE, "macro": open_record(_CURVE), "perClass": by_name(open_record(_CURVE))}
        ),
    )
}
CLUSTERING_BODY: Schema = {
    "clustering": OPEN,
    "preprocessing": OPEN,
    "clusters": listing(_CLUSTER),
}
RECOMMENDATIONS_BODY: Schema = {
    "generated": {"type": "boolean"},
    "generatedAt": {**MOMENT, "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
    "recommendations": open_record(
        {
            "items": listing(_ADVICE),
            "summary": open_record({"split": TEXT, "confidenceThreshold": NUMBER}),
        }
    ),
}

DONE_OR_NOT = {200: OpenApiResponse(HEADER, "The evaluation.")}
