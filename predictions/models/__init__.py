"""The store's tables, and those of what people sort its tasks with."""

from predictions.models.curation import SavedView, TaskTag
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
    "Project",
    "ProjectExport",
    "SavedView",
    "Task",
    "TaskTag",
    "free_slug",
]
