"""The one place that writes what people set up: projects, tasks and annotations."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from rest_framework.exceptions import NotFound, ValidationError

from accounts.tokens import Access
from predictions.db import queries
from predictions.db.documents import Document
from predictions_api.http.fields import unknown_pk
from predictions_api.http.storable import json_text
from predictions_api.postgres.sql import fetch_one

Values = Mapping[str, Any]

NO_TASK = "No Task matches the given query."


def reserve_inner_ids(project_id: int, n: int) -> int:
    """The first of n new numbers within the project. Commits at once outside a transaction."""
    row = fetch_one(
        "UPDATE predictions_project SET last_inner_id = last_inner_id + %s WHERE id = %s"
        " RETURNING last_inner_id",
        [n, project_id],
    )
    return int(row[0]) - n + 1 if row else 1


CREATE_TASK_SQL = """
INSERT INTO predictions_task
    (project_id, data, meta, inner_id, overlap, created_at, updated_at)
VALUES (%s, %s::jsonb, %s::jsonb, %s, %s, now(), now()) RETURNING id
"""


def create_task(values: Values, access: Access) -> Document:
    """Stores one task. ValidationError where the workspace lacks the project."""
    project_id = values["project"]
    if not queries.project_exists(project_id, workspace_id=access.workspace_id):
        raise ValidationError({"project": [unknown_pk(project_id)]})
    row = fetch_one(
        CREATE_TASK_SQL,
        [
            project_id,
            json_text(values["data"]),
            json_text(values.get("meta", {})),
            reserve_inner_ids(project_id, 1),
            values.get("overlap", 1),
        ],
    )
    return existing_task(row[0] if row else 0, access)


def existing_task(task_id: int, access: Access) -> Document:
    """The task as it is listed. NotFound where the workspace has none of that id."""
    task = queries.task(task_id, workspace_id=access.workspace_id)
    if task is None:
        raise NotFound(NO_TASK)
    return task


def update_task(task_id: int, values: Values, access: Access) -> Document:
    """Writes only what `values` names; a task stays in its project."""
    task = existing_task(task_id, access)
    if values.get("project", task["project"]) != task["project"]:
        raise ValidationError({"project": ["A task stays in its project."]})
    assignments = ["updated_at = now()", "updated_by_id = %s"]
    params: list[Any] = [access.user_id]
    for name in ("data", "meta"):
        if name in values:
            assignments.append(f"{name} = %s::jsonb")
            params.append(json_text(values[name]))
    if "overlap" in values:
        assignments.append("overlap = %s")
        params.append(values["overlap"])
    with connection.cursor() as cursor:
        sql = f"UPDATE predictions_task SET {', '.join(assignments)} WHERE id = %s"  # noqa: S608
        cursor.execute(sql, [*params, task_id])
    return existing_task(task_id, access)


DELETE_TASK_SQL = """
DELETE FROM predictions_task t USING predictions_project j
WHERE t.id = %s AND j.id = t.project_id AND j.workspace_id = %s RETURNING t.id
"""


def delete_task(task_id: int, access: Access) -> None:
    """Removes a task with its predictions and annotations. NotFound where there is none."""
    if fetch_one(DELETE_TASK_SQL, [task_id, access.workspace_id]) is None:
        raise NotFound(NO_TASK)


def delete_tasks(task_ids: Sequence[int], *, project_id: int) -> int:
    """Removes tasks of one project with their predictions and annotations; how many went."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM predictions_task WHERE project_id = %s AND id = ANY(%s)",
            [project_id, list(task_ids)],
        )
        return int(cursor.rowcount)
