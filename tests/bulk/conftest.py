"""Rows by the thousand, made by the database itself."""

from collections.abc import Callable

import pytest
from django.db import connection

from predictions.models import Project
from tests.conftest import Caller, region

Seed = Callable[..., list[int]]

TASKS_SQL = """
INSERT INTO predictions_task
    (project_id, slot, data, meta, inner_id, overlap, created_at, updated_at)
SELECT j.id, j.id %% 4096, jsonb_build_object('image', n), '{}', n, 1, now(), now()
FROM (SELECT %s::bigint AS id) j, generate_series(1, %s) n RETURNING id
"""
# In turn on each task, with one region, the versions v0, v1, ...
PREDICTIONS_SQL = """
WITH j AS (SELECT %s::bigint AS id, %s::bigint[] AS tasks)
INSERT INTO predictions_prediction
    (project_id, slot, task_id, result, model_version, score, mislabeling, created_at, updated_at)
SELECT j.id, j.id %% 4096, (j.tasks)[1 + n %% %s], jsonb_build_array(jsonb_build_object('id', n)),
       'v' || n %% %s, n / %s::float8, 0, now(), now()
FROM j, generate_series(0, %s - 1) n RETURNING id
"""


@pytest.fixture
def seed_tasks(db: None) -> Seed:
    """Ids of n new tasks of a project."""

    def seed(project: Project, n: int) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute(TASKS_SQL, [project.pk, n])
            return [row[0] for row in cursor.fetchall()]

    return seed


@pytest.fixture
def seed_predictions(db: None) -> Seed:
    """Ids of n new predictions, spread over tasks and versions."""

    def seed(project: Project, tasks: list[int], n: int, versions: int = 1) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute(PREDICTIONS_SQL, [project.pk, tasks, len(tasks), versions, n, n])
            return [row[0] for row in cursor.fetchall()]

    return seed


@pytest.fixture
def filled(ada: Caller, project: Project) -> Project:
    """Two tasks, one with a prediction and an annotation."""
    body = [
        {
            "data": {"image": "http://x.y/a/1.jpg?s=2"},
            "predictions": [{"result": [region()], "score": 0.5, "model_version": "v1"}],
            "annotations": [{"result": [region("Person")]}],
        },
        {"data": {"image": "http://x.y/2.jpg"}},
    ]
    ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    return project
