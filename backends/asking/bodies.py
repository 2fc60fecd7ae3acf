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
    return {"tasks": list(tasks), **beside_tasks(project, label_config, context)}


def beside_tasks(project: str, label_config: str, context: Any = None) -> dict[str, Any]:
    """What the body of POST /predict holds beside the tasks."""
    return {
        "project": project,
        "label_config": label_config,
        "params": {"login": None, "password": None, "context": context},
    }


def spliced(tasks: Sequence[bytes], beside: bytes) -> bytes:
    """The body of POST /predict of parts that are JSON already; `beside` is an object.

    >>> spliced([b'{"id":1}', b'{"id":2}'], b'{"project":"7.1"}')
    b'{"tasks":[{"id":1},{"id":2}],"project":"7.1"}'
    """
    return b'{"tasks":[%b],%b' % (b",".join(tasks), beside[1:])


def interactive(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task of an interactive call, from one as a job sends it."""
    whole = {**FRESH, **task}
    return {key: whole[key] for key in INTERACTIVE_KEYS}
