"""Writes what a backend answered: predictions in the place of earlier ones, items, marks, counts.

Statements are written out, for every batch of every job takes them. All belong inside the caller's
transaction, which holds the job's row (`lock`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from backends.db.items import version_key
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, fetch_one, reserve_ids


class Row(NamedTuple):
    """One prediction as it is stored: regions as JSON text that jsonb takes."""

    result: str
    model_version: str
    score: float | None
    cluster: int | None
    neighbors: str | None
    mislabeling: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: its predictions, which may be none, or why it failed."""

    task_id: int
    rows: tuple[Row, ...] = ()
    error_type: str = ""
    message: str = ""
    #: Requests that asked about it.
    tries: int = 1

    @property
    def task_ids(self) -> tuple[int]:
        """The task's alone."""
        return (self.task_id,)

    @property
    def is_failure(self) -> bool:
        """Whether nothing could be made of it."""
        return bool(self.error_type)


class LockedJob(NamedTuple):
    """What storing needs to know of a job whose row is locked."""

    status: str
    project_id: int
    workspace_id: int
    backend_id: int
    model_version: str
    #: Whether somebody in the workspace may listen to what is stored.
    is_heard: bool


LOCK_SQL = """
SELECT j.status, j.project_id, p.workspace_id, j.backend_id, j.model_version, {is_heard}
FROM backends_predictionjob j JOIN predictions_project p ON p.id = j.project_id
WHERE j.id = %s FOR NO KEY UPDATE OF j
"""


def lock(job_id: int) -> LockedJob | None:
    """The job, which others may not write until the transaction ends; None for a deleted one."""
    is_heard = recording.anybody_listens("p.workspace_id")
    row = fetch_one(LOCK_SQL.format(is_heard=is_heard), [job_id])
    return None if row is None else LockedJob(*row)


def lock_tasks(project_id: int, task_ids: Sequence[int]) -> set[int]:
    """The tasks among these that still are there, which their other writers now wait for."""
    sql = (
        "SELECT id FROM predictions_task WHERE project_id = %s AND id = ANY(%s)"
        " ORDER BY id FOR NO KEY UPDATE"
    )
    rows = fetch_all(sql, [project_id, sorted(task_ids)], slot=slots.of_project(project_id))
    return {row[0] for row in rows}


INSERT_SQL = """
INSERT INTO predictions_prediction
    (id, task_id, project_id, slot, result, model_version, score, cluster, neighbors, mislabeling,
     model_id, created_at, updated_at)
SELECT k.id, k.task_id, %(project)s, %(slot)s, k.result::jsonb, k.version, k.score, k.cluster,
       k.neighbors::jsonb, k.mislabeling, %(backend)s, %(now)s, %(now)s
FROM unnest(%(new)s::bigint[], %(tasks)s::bigint[], %(results)s::text[], %(versions)s::text[],
            %(scores)s::float8[], %(clusters)s::int[], %(neighbors)s::text[],
            %(mislabelings)s::float8[])
    AS k(id, task_id, result, version, score, cluster, neighbors, mislabeling)
"""
# Those of the same task, backend and version that were there before. By the index on tasks, and
# that before anything is known of the table: the ids' range keeps a planner without statistics
# from reading all predictions of the project, the fence from joining them one by one.
EARLIER_SQL = """
WITH there AS MATERIALIZED (
    SELECT p.id, p.task_id, p.model_version, p.model_id FROM predictions_prediction p
    WHERE p.project_id = %(project)s AND p.task_id = ANY(%(tasks)s)
      AND p.task_id BETWEEN %(first)s AND %(last)s
)
SELECT there.id FROM there
JOIN unnest(%(tasks)s::bigint[], %(versions)s::text[]) AS k(task_id, version)
  ON k.task_id = there.task_id AND there.model_version = k.version
WHERE there.model_id = %(backend)s AND there.id <> ALL(%(new)s)
"""
# An annotation made from a prediction that is replaced belongs to the one that says the same.
ADOPT_SQL = """
UPDATE predictions_annotation a SET parent_prediction_id = (
    SELECT min(n.id) FROM predictions_prediction n
    WHERE n.id = ANY(%(new)s) AND n.project_id = o.project_id AND n.task_id = o.task_id
      AND n.model_version = o.model_version AND n.result = o.result)
FROM predictions_prediction o
WHERE o.project_id = %(project)s AND o.id = ANY(%(old)s)
  AND a.project_id = o.project_id AND a.parent_prediction_id = o.id
"""
DELETE_SQL = (
    "DELETE FROM predictions_prediction WHERE project_id = %(project)s AND id = ANY(%(old)s)"
)


MARK_SQL = """
INSERT INTO backends_answeredtask (backend_id, project_id, slot, task_id, version)
SELECT %(backend)s, %(project)s, %(slot)s, k.task_id, %(key)s
FROM unnest(%(answered)s::bigint[]) AS k(task_id) ON CONFLICT DO NOTHING
"""


def write(job: LockedJob, outcomes: Sequence[Outcome], now: datetime) -> list[int]:
    """Stores the predictions of these outcomes in the place of those of the same (task, backend,
    version), and that the backend has answered for the tasks at the job's version; the new ids in
    order. Three statements, a fourth where something is replaced.
    """
    flat = [(outcome.task_id, row) for outcome in outcomes for row in outcome.rows]
    slot = slots.of_project(job.project_id)
    new = reserve_ids("predictions_prediction", sum(len(one.rows) for one in outcomes), slot=slot)
    params: dict[str, Any] = {"project": job.project_id, "backend": job.backend_id, "now": now}
    params |= {"slot": slot, "new": new}
    marks = {
        "key": version_key(job.model_version),
        "answered": sorted({outcome.task_id for outcome in outcomes}),
    }
    columns = {
        "tasks": [task_id for task_id, _ in flat],
        "results": [row.result for _, row in flat],
        "versions": [row.model_version for _, row in flat],
        "scores": [row.score for _, row in flat],
        "clusters": [row.cluster for _, row in flat],
        "neighbors": [row.neighbors for _, row in flat],
        "mislabelings": [row.mislabeling for _, row in flat],
    }
    execute(f"{MARK_SQL}; {INSERT_SQL}", {**params, **marks, **columns}, slot=slot)
    pairs = {(task_id, row.model_version) for task_id, row in flat}
    # An answer that says nothing replaces what the version named at the set-up said.
    pairs |= {(outcome.task_id, job.model_version) for outcome in outcomes if not outcome.rows}
    _replace(params, sorted(pairs))
    return new


def _replace(params: dict[str, Any], pairs: Sequence[tuple[int, str]]) -> None:
    tasks, versions = [task_id for task_id, _ in pairs], [version for _, version in pairs]
    given = {**params, "tasks": tasks, "versions": versions}
    given |= {"first": min(tasks), "last": max(tasks)}
    old = [row[0] for row in fetch_all(EARLIER_SQL, given, slot=params["slot"])]
    if old:
        execute(f"{ADOPT_SQL}; {DELETE_SQL}", {**given, "old": old}, slot=params["slot"])


COUNT_SQL = """
UPDATE backends_predictionjob
SET done_tasks = done_tasks + %(done)s, skipped_tasks = skipped_tasks + %(skipped)s,
    failed_tasks = failed_tasks + %(failed)s,
    total_predictions = total_predictions + %(predictions)s,
    answered_at = CASE WHEN %(done)s > 0 THEN %(now)s::timestamptz ELSE answered_at END
WHERE id = %(job)s
RETURNING status, total_tasks, done_tasks, skipped_tasks, failed_tasks
"""


class Counts(NamedTuple):
    """Where a job stands: its tasks, and those of them that came to an end."""

    status: str
    total: int
    done: int
    skipped: int
    failed: int


def count(
    job_id: int,
    now: datetime,
    *,
    done: int = 0,
    skipped: int = 0,
    failed: int = 0,
    predictions: int = 0,
) -> Counts | None:
    """Adds to the job's counts; what they are then, None for a job that is gone."""
    params = {"done": done, "skipped": skipped, "failed": failed, "predictions": predictions}
    row = fetch_one(COUNT_SQL, {"job": job_id, "now": now, **params})
    return None if row is None else Counts(*row)
