"""What the OpenAPI document says of the evaluation routes: one operation each."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiResponse,
)

from evals.api.parameters import (
    ANY_SPLIT,
    CONFIDENCE,
    EVAL_ID,
    IMAGE_ID,
    LIMIT,
    OFFSET,
    ONE_SPLIT,
    OTHER_ID,
    SELECTION,
    WORKSPACE_NAME,
    operation,
    panel,
    query,
)
from evals.api.serializers import ComputeSerializer
from evals.documents.comparison import FRONTIER_METRICS
from evals.documents.schemas import (
    CLUSTERING_BODY,
    COUNTS,
    DONE_OR_NOT,
    FLAGGED,
    HEADER,
    IDENTITY,
    IMAGE_KEYS,
    LIST_ITEM,
    MAP_RESULTS_BODY,
    NUMBER,
    NUMBER_OR_NULL,
    OBJECT,
    OPEN,
    PAGE,
    RECOMMENDATIONS_BODY,
    SWEEP_BODY,
    TEXT,
    TEXT_OR_NULL,
    WHOLE,
    by_name,
    listing,
    record,
)
from evals.models import ModelEval

LOGIN = operation(
    "evaluation_login",
    "Which workspace a key is for",
    {200: OpenApiResponse(record({"workspace": TEXT, "welcome": TEXT, "docs": TEXT}), "")},
)
WORKSPACE = operation(
    "get_workspace",
    "A workspace and its projects",
    {
        200: OpenApiResponse(
            record(
                {
                    "workspace": record(
                        {
                            "name": TEXT,
                            "url": TEXT,
                            "members": WHOLE,
                            "projects": listing(
                                record(
                                    {
                                        "id": TEXT,
                                        "name": TEXT,
                                        "type": TEXT,
                                        "created": NUMBER,
                                        "updated": NUMBER,
                                    }
                                )
                            ),
                        }
                    )
                }
            ),
            "",
        )
    },
    parameters=[WORKSPACE_NAME],
)
LIST = operation(
    "list_evaluations",
    "List evaluations, newest first",
    {200: OpenApiResponse(record({"evals": listing(LIST_ITEM)}), "")},
    400,
    parameters=[
        WORKSPACE_NAME,
        query("project", OpenApiTypes.STR, "Of this project: slug or id."),
        query("version", OpenApiTypes.STR, "Of this version, whatever the project."),
        query("model", OpenApiTypes.STR, "Of this model."),
        query("status", OpenApiTypes.STR, "In this state.", enum=ModelEval.Status.values),
        query("limit", OpenApiTypes.INT, "50 unless given; above 200 counts as 200."),
    ],
)
COMPUTE = operation(
    "compute_evaluation",
    "Evaluate a model version's stored predictions",
    {202: OpenApiResponse(HEADER, "Queued: poll the evaluation until it is done.")},
    400,
    413,
    415,
    parameters=[WORKSPACE_NAME],
    request=ComputeSerializer,
)
IMPORT = operation(
    "import_evaluation",
    "Store an evaluation that was computed elsewhere",
    {201: OpenApiResponse(HEADER, "Stored, and done.")},
    400,
    413,
    415,
    parameters=[
        WORKSPACE_NAME,
        query("strict", OpenApiTypes.BOOL, "False accepts a file that disagrees with itself."),
    ],
    request={
        "application/json": record(
            {
                "versionId": TEXT,
                "classes": listing(TEXT),
                "reports": listing(
                    record(
                        {"confidence": WHOLE, "image_results": listing(OPEN)},
                        {"totalImages": WHOLE},
                    )
                ),
            },
            {
                "project": TEXT,
                "modelId": TEXT,
                "taskType": TEXT,
                "confidence": WHOLE,
                "iouThreshold": NUMBER,
                "mapResults": OPEN,
                "confidenceSweep": OPEN,
                "clustering": OPEN,
                "recommendations": OPEN,
                "confusionMatrices": listing(OPEN),
            },
        ),
        "multipart/form-data": record({"file": {"type": "string", "format": "binary"}}),
    },
)
SOURCE = operation(
    "get_evaluation_source",
    "The imported file, byte for byte",
    {(200, "application/json"): OpenApiTypes.BINARY},
    parameters=[WORKSPACE_NAME, EVAL_ID],
)
GET = operation(
    "get_evaluation",
    "Get an evaluation and its headline",
    DONE_OR_NOT,
    parameters=[WORKSPACE_NAME, EVAL_ID],
)
DELETE = operation(
    "delete_evaluation",
    "Delete an evaluation; a running one is stopped",
    {204: None},
    parameters=[WORKSPACE_NAME, EVAL_ID],
)
RERUN = operation(
    "rerun_evaluation",
    "Compute an evaluation anew from what is stored now",
    {202: OpenApiResponse(HEADER, "Queued.")},
    400,
    409,
    parameters=[WORKSPACE_NAME, EVAL_ID],
)
CANCEL = operation(
    "cancel_evaluation",
    "Stop a running evaluation; one that has ended stays as it is",
    DONE_OR_NOT,
    parameters=[WORKSPACE_NAME, EVAL_ID],
)
MAP_RESULTS = panel("get_map_results", "Metrics of each split", MAP_RESULTS_BODY)
SWEEP = panel(
    "get_confidence_sweep",
    "Precision, recall and F1 at the confidences 0.00 to 0.99",
    SWEEP_BODY,
)
PERFORMANCE = panel(
    "get_performance_by_class",
    "Each class at its own best threshold",
    {"taskType": TEXT, "split": TEXT, "classes": listing(OPEN)},
    400,
    parameters=[ONE_SPLIT],
)
MATRIX = panel(
    "get_confusion_matrix",
    "Rows actual, columns predicted, background last",
    {
        "split": TEXT,
        "confidenceThreshold": NUMBER,
        "classes": listing(TEXT),
        "matrix": listing(listing(WHOLE)),
    },
    400,
    parameters=[ANY_SPLIT, CONFIDENCE],
)
VECTORS = panel(
    "get_vector_analysis",
    "Clusters of images, and how each fares",
    CLUSTERING_BODY,
    400,
    parameters=[CONFIDENCE],
)
RECOMMENDATIONS = panel(
    "get_recommendations",
    "Advice for a better model",
    RECOMMENDATIONS_BODY,
)
IMAGE_PAGE = record(
    {
        **IDENTITY,
        "split": TEXT,
        "confidenceThreshold": NUMBER,
        **PAGE,
        "images": listing(record(IMAGE_KEYS, FLAGGED)),
    }
)
IMAGES = operation(
    "list_image_predictions",
    "What was right and wrong in each image",
    {
        (200, "application/json"): OpenApiResponse(IMAGE_PAGE, "A page, or the whole file."),
        (200, "text/csv"): OpenApiTypes.STR,
        (200, "application/x-ndjson"): OpenApiTypes.STR,
    },
    400,
    409,
    parameters=[
        WORKSPACE_NAME,
        EVAL_ID,
        ANY_SPLIT,
        CONFIDENCE,
        LIMIT,
        OFFSET,
        *SELECTION,
        query(
            "format",
            OpenApiTypes.STR,
            "A file of the whole selection instead of a page.",
            enum=["json", "csv", "jsonl"],
        ),
    ],
)
IMAGE = operation(
    "get_image_prediction",
    "One image: every object, its score, its match and its overlap",
    {
        200: OpenApiResponse(
            record(
                {
                    **IDENTITY,
                    "confidenceThreshold": NUMBER,
                    "iouThreshold": NUMBER,
                    **IMAGE_KEYS,
                    "taskId": WHOLE,
                    "annotationId": WHOLE,
                    "predictionId": {"type": ["integer", "null"]},
                    "groundTruth": listing(record(OBJECT)),
                    "predictions": listing(record({**OBJECT, "score": NUMBER})),
                },
                FLAGGED,
            ),
            "",
        )
    },
    400,
    409,
    parameters=[WORKSPACE_NAME, EVAL_ID, IMAGE_ID, CONFIDENCE],
)
COCO = operation(
    "export_coco",
    "Ground truth and detections as COCO files in a zip",
    {(200, "application/zip"): OpenApiTypes.BINARY},
    409,
    parameters=[WORKSPACE_NAME, EVAL_ID],
)
DIFF = operation(
    "compare_images",
    "Two evaluations image by image: fixed and broken",
    {
        200: OpenApiResponse(
            record(
                {
                    "base": TEXT,
                    "other": TEXT,
                    "split": TEXT,
                    "confidenceThreshold": NUMBER,
                    "totals": by_name(WHOLE),
                    **PAGE,
                    "images": listing(
                        record(
                            {
                                "imageId": TEXT,
                                "imageName": TEXT,
                                "split": TEXT,
                                "fixed": WHOLE,
                                "broken": WHOLE,
                                "changed": WHOLE,
                                "base": record(COUNTS),
                                "other": record(COUNTS),
                            }
                        )
                    ),
                }
            ),
            "",
        )
    },
    400,
    409,
    parameters=[WORKSPACE_NAME, EVAL_ID, OTHER_ID, ANY_SPLIT, CONFIDENCE, LIMIT, OFFSET],
)
COMPARE = operation(
    "compare_models",
    "The models of one version side by side",
    {
        200: OpenApiResponse(
            record(
                {
                    "frontierMetric": TEXT,
                    "availableMetrics": listing(TEXT),
                    "models": listing(
                        record(
                            {
                                "modelId": TEXT,
                                "evalId": TEXT,
                                "metrics": by_name(NUMBER),
                                "medianLatencyMs": NUMBER_OR_NULL,
                                "onFrontier": {"type": "boolean"},
                                "exclusionReason": TEXT_OR_NULL,
                            }
                        )
                    ),
                }
            ),
            "",
        )
    },
    400,
    parameters=[
        WORKSPACE_NAME,
        query("project", OpenApiTypes.STR, "Slug or id.", required=True),
        query("version", OpenApiTypes.STR, "The version.", required=True),
        query("frontierMetric", OpenApiTypes.STR, "Metric.", enum=list(FRONTIER_METRICS)),
    ],
)
