"""The bodies that a backend gets, key by key in Label Studio's order; pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

# What a task of a job is sent with, and one of an interactive call.
TASK_KEYS = (
    "id", "data", "meta", "created_at", "updated_at", "is_labeled", "overlap", "inner_id",
    "total_annotations", "cancelled_annotations", "total_predictions", "comment_count",
    "unresolved_comment_count", "last_comment_updated_at", "project", "updated_by", "file_upload",
    "comment_authors", "annotations", "predictions",
)  # fmt: skip
INTERACTIVE_KEYS = (
    "id", "annotations", "drafts", "predictions", "data", "meta", "created_at", "updated_at",
    "allow_skip", "inner_id", "total_annotations", "cancelled_annotations", "total_predictions",
    "comment_count", "unresolved_comment_count", "last_comment_updated_at", "project", "updated_by",
    "comment_authors",
)  # fmt: skip
FRESH: dict[str, Any] = {"drafts": [], "allow_skip": True}


def project_key(project_id: int, created_at: datetime) -> str:
    """What a backend knows a project by: its id and the second it was made in.

    >>> from datetime import UTC
    >>> project_key(7, datetime(2026, 1, 2, tzinfo=UTC))
    '7.1767312000'
    """
    return f"{project_id}.{int(created_at.timestamp())}"


def setup(
    project: str, *, label_config: str, hostname: str, access_token: str, extra_params: Any
) -> dict[str, Any]:
    """The body of POST /setup; `project` is a `project_key`, `hostname` our own address."""
    return {
        "project": project,
        "schema": label_config,
        "hostname": hostname.rstrip("/"),
        "access_token": access_token,
        "extra_params": extra_params,
    }


def predict(
    tasks: Sequence[Mapping[str, Any]], *, project: str, label_config: str, context: Any = None
) -> dict[str, Any]:
    """The body of POST /predict."""
    return {
        "tasks": list(tasks),
        "project": project,
        "label_config": label_config,
        "params": {"login": None, "password": None, "context": context},
    }


def task(
    listed: Mapping[str, Any],
    *,
    annotations: Sequence[Any],
    predictions: Sequence[Any],
    keys: Sequence[str] = TASK_KEYS,
) -> dict[str, Any]:
    """A task as a backend gets it, from the document it is listed by and what is on it."""
    whole = {**FRESH, **listed, "annotations": annotations, "predictions": predictions}
    return {key: whole[key] for key in keys}
