"""The store's tables, and those of what people say about its predictions."""

from predictions.models.discussion import PredictionComment, PredictionReview
from predictions.models.store import (
    Annotation,
    IdempotentRequest,
    ImageRoot,
    ImportCheckpoint,
    MLBackend,
    Prediction,
    Project,
    ProjectExport,
    Task,
    free_slug,
)

__all__ = [
    "Annotation",
    "IdempotentRequest",
    "ImageRoot",
    "ImportCheckpoint",
    "MLBackend",
    "Prediction",
    "PredictionComment",
    "PredictionReview",
    "Project",
    "ProjectExport",
    "Task",
    "free_slug",
]
