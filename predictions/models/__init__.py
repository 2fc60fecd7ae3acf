"""The store's tables, those of what people say about its predictions, and those of what they sort
its tasks with.
"""

from predictions.models.curation import SavedView, TaskTag
from predictions.models.discussion import PredictionComment, PredictionReview
from predictions.models.files import (
    IdempotentRequest,
    ImageRoot,
    ImportCheckpoint,
    ImportedFile,
    ImportStorage,
    ProjectExport,
)
from predictions.models.store import (
    Annotation,
    MLBackend,
    Prediction,
    Project,
    ProjectCounter,
    Task,
    free_slug,
)

__all__ = [
    "Annotation",
    "IdempotentRequest",
    "ImageRoot",
    "ImportCheckpoint",
    "ImportStorage",
    "ImportedFile",
    "MLBackend",
    "Prediction",
    "PredictionComment",
    "PredictionReview",
    "Project",
    "ProjectCounter",
    "ProjectExport",
    "SavedView",
    "Task",
    "TaskTag",
    "free_slug",
]
