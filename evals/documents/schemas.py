"""Schemas of the evaluation client's documents."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse

from evals.engine.labels import Reason
from evals.models import ModelEval, TaskType

Schema = dict[str, Any]


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
        "control": {
            **TEXT_OR_NULL,
            "description": "The control that is evaluated; null where several are read together.",
        },
        "ignored": {
            **listing(
                record(
                    {
                        "reason": {"type": "string", "enum": [one.value for one in Reason]},
                        "side": {"type": "string", "enum": ["groundTruth", "predictions"]},
                        "regions": WHOLE,
                        "example": record(
                            {"task": WHOLE, "region": {"type": ["string", "integer"]}}
                        ),
                    }
                )
            ),
            "description": "Regions that were passed over, and the first of each kind: its id, or "
            "its place in the result.",
        },
        "warnings": {
            **listing(
                record(
                    {"message": TEXT},
                    {
                        "path": TEXT,
                        "reason": TEXT,
                        "regions": WHOLE,
                        "images": WHOLE,
                        "splits": listing(TEXT),
                    },
                )
            ),
            "description": "What was read with a guess, or where an import disagrees with itself.",
        },
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
