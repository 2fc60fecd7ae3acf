"""Rows by the thousand, made by the database itself."""

from collections.abc import Callable

import pytest

from predictions.models import Project
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, reserve_ids
from tests.conftest import Caller, region

Seed = Callable[..., list[int]]

TASKS_SQL = """
INSERT INTO predictions_task
    (id, project_id, slot, data, meta, inner_id, overlap, created_at, updated_at)
SELECT k.id, %(project)s, %(slot)s, jsonb_build_object('image', k.n), '{}', k.n, 1, now(), now()
FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS k(id, n)
"""
# In turn on each task, with one region, the versions v0, v1, ...
PREDICTIONS_SQL = """
INSERT INTO predictions_prediction
    (id, project_id, slot, task_id, result, model_version, score, mislabeling,
     created_at, updated_at)
SELECT k.id, %(project)s, %(slot)s, (%(tasks)s::bigint[])[1 + (k.n - 1) %% %(n_tasks)s],
       jsonb_build_array(jsonb_build_object('id', k.n - 1)), 'v' || (k.n - 1) %% %(versions)s,
       (k.n - 1) / %(n)s::float8, 0, now(), now()
FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS k(id, n)
"""


def insert_tasks(project_id: int, n: int) -> list[int]:
    """Ids of n new tasks of a project."""
    slot = slots.of_project(project_id)
    ids = reserve_ids("predictions_task", n, slot=slot)
    execute(TASKS_SQL, {"project": project_id, "slot": slot, "ids": ids})
    return ids


def insert_predictions(
    project_id: int, task_ids: list[int], n: int, versions: int = 1
) -> list[int]:
    """Ids of n new predictions, in turn on each task and of each version."""
    slot = slots.of_project(project_id)
    ids = reserve_ids("predictions_prediction", n, slot=slot)
    params = {"project": project_id, "slot": slot, "ids": ids, "n": n, "versions": versions}
    execute(PREDICTIONS_SQL, {**params, "tasks": task_ids, "n_tasks": len(task_ids)})
    return ids


@pytest.fixture
def seed_tasks(db: None) -> Seed:
    """Ids of n new tasks of a project."""
    return lambda project, n: insert_tasks(project.pk, n)


@pytest.fixture
def seed_predictions(db: None) -> Seed:
    """Ids of n new predictions, spread over tasks and versions."""
    return lambda project, tasks, n, versions=1: insert_predictions(project.pk, tasks, n, versions)


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
