"""Reads the tasks that a backend is sent."""

from collections.abc import Sequence
from typing import NamedTuple

from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import as_json_time, fetch_all, one_of

# What is on them is read beside it, so nothing is counted here.
SQL = f"""
SELECT t.id, t.data::text, t.meta::text, {as_json_time("t.created_at")},
       {as_json_time("t.updated_at")}, t.overlap, t.inner_id, t.updated_by_id
FROM predictions_task t WHERE t.project_id = %s AND {{among}} ORDER BY t.id
"""  # noqa: S608


class SentTask(NamedTuple):
    """A task without what is on it; `data`, `meta` and the times are JSON text."""

    id: int
    data: str
    meta: str
    created_at: str
    updated_at: str
    overlap: int
    inner_id: int
    updated_by: int | None


def with_ids(project_id: int, task_ids: Sequence[int]) -> list[SentTask]:
    """The tasks among these that the project has, by id. One statement."""
    sql = SQL.format(among=one_of("t.id", task_ids))
    rows = fetch_all(sql, [project_id], slot=slots.of_project(project_id))
    return [SentTask(*row) for row in rows]
