"""Tasks as a backend gets them, with all that is on them."""

from collections.abc import Sequence
from typing import Any

from backends.asking import bodies
from predictions.db import task_pages, tasks
from predictions.models import Task
from predictions_api.http.rendering import dumps


def documents(
    project_id: int, task_ids: Sequence[int], *, keys: Sequence[str] = bodies.TASK_KEYS
) -> list[dict[str, Any]]:
    """The tasks among these that the project has, by id. Three statements for any number."""
    if not task_ids:
        return []
    chosen = tasks.ChosenTasks(ids=tuple(task_ids))
    listed = tasks.tasks_after(project_id, 0, limit=len(task_ids), chosen=chosen)
    found = task_pages.children([document["id"] for document in listed])
    shown = []
    for document in listed:
        predictions, annotations = found.of(document["id"])
        shown.append(
            bodies.task(document, annotations=annotations, predictions=predictions, keys=keys)
        )
    return shown


def texts(project_id: int, task_ids: Sequence[int]) -> dict[int, bytes]:
    """The same as JSON, by id, ascending."""
    return {task["id"]: dumps(task) for task in documents(project_id, task_ids)}


def any_task(project_id: int) -> int | None:
    """The id of some task of the project, not always the same; None without tasks."""
    rows = Task.objects.filter(project_id=project_id).order_by("?")
    return rows.values_list("pk", flat=True).first()
