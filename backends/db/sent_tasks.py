"""Reads the tasks that a backend is sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all

# What is on them is read beside it, so nothing is counted here.
SQL = """
SELECT t.id, t.data::text, t.meta::text, t.created_at, t.updated_at, t.overlap, t.inner_id,
       t.updated_by_id
FROM predictions_task t WHERE t.project_id = %s AND t.id = ANY(%s) ORDER BY t.id
"""


class SentTask(NamedTuple):
    """A task without what is on it; `data` and `meta` are JSON text."""

    id: int
    data: str
    meta: str
    created_at: datetime
    updated_at: datetime
    overlap: int
    inner_id: int
    updated_by: int | None


def with_ids(project_id: int, task_ids: Sequence[int]) -> list[SentTask]:
    """The tasks among these that the project has, by id. One statement."""
    rows = fetch_all(SQL, [project_id, list(task_ids)], slot=slots.of_project(project_id))
    return [SentTask(*row) for row in rows]
