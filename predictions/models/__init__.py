"""The store's tables, those of what people say about its predictions, and those of what they sort
its tasks with.
"""

from predictions.models.curation import SavedView, TaskTag
from predictions.models.discussion import PredictionComment, PredictionReview
from predictions.models.files import (
    IdempotentRequest,
    ImageRoot,
    ImportCheckpoint,
    ProjectExport,
)
from predictions.models.storages import (
    ExportedAnnotation,
    ExportStorage,
    ImportedFile,
    ImportStorage,
    Storage,
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
    "ExportStorage",
    "ExportedAnnotation",
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
    "Storage",
    "Task",
    "TaskTag",
    "free_slug",
]
