"""Predictions, tasks and annotations by their ids; ids of rows that are gone are left out."""

from collections.abc import Sequence

from predictions.db import documents
from predictions.db.annotations import annotations_with_ids
from predictions.db.documents import PREDICTION_COLUMNS, Document
from predictions.db.tasks import ChosenTasks, tasks_after
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all

# By primary key.
PREDICTIONS_SQL = f"""
SELECT {PREDICTION_COLUMNS} FROM predictions_prediction p
WHERE p.id = ANY(%s) AND p.project_id = %s ORDER BY p.id
"""  # noqa: S608
# The oldest prediction of a version on each task, by (task, id).
SHOWN_FIRST_SQL = f"""
SELECT DISTINCT ON (p.task_id) {PREDICTION_COLUMNS} FROM predictions_prediction p
WHERE p.task_id = ANY(%s) AND p.project_id = %s AND p.model_version = %s
ORDER BY p.task_id, p.id
"""  # noqa: S608


def predictions(ids: Sequence[int], *, project_id: int) -> dict[int, Document]:
    """The documents of predictions of one project, by id."""
    age = documents.ages()
    rows = fetch_all(PREDICTIONS_SQL, [list(ids), project_id], slot=slots.of_project(project_id))
    return {row[0]: documents.prediction(row, age) for row in rows}


def shown_first(task_ids: Sequence[int], version: str, *, project_id: int) -> dict[int, Document]:
    """By task the oldest prediction of a version; none for the empty version."""
    if not version:
        return {}
    age = documents.ages()
    params = [list(task_ids), project_id, version]
    rows = fetch_all(SHOWN_FIRST_SQL, params, slot=slots.of_project(project_id))
    found = (documents.prediction(row, age) for row in rows)
    return {document["task"]: document for document in found}


def tasks(ids: Sequence[int], *, project_id: int) -> dict[int, Document]:
    """The documents of tasks of one project, by id."""
    if not ids:
        return {}
    found = tasks_after(project_id, 0, limit=len(ids), chosen=ChosenTasks(ids=tuple(ids)))
    return {document["id"]: document for document in found}


def annotations(ids: Sequence[int], *, project_id: int) -> dict[int, Document]:
    """The documents of annotations of one project, by id."""
    found = annotations_with_ids(ids, project_id=project_id)
    return {document["id"]: document for document in found}
