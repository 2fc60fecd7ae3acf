"""Writes what a backend answered: predictions in the place of earlier ones, and counts.

Statements are written out, for every batch of every job takes them. All belong inside the caller's
transaction, which holds the job's row (`lock`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from predictions.db.reviews.replacing import Replacing
from predictions_api.outbound.events import recording
from predictions_api.postgres.copying import NULL, copy, escaped, escaped_json, number
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import (
    bigints,
    execute,
    fetch_all,
    fetch_one,
    fetch_prepared,
    one_of,
    reserve_ids,
)


class Row(NamedTuple):
    """One prediction as it is stored: regions as JSON text that jsonb takes."""

    result: str
    model_version: str
    score: float | None
    cluster: int | None
    neighbors: str | None
    mislabeling: float


class Outcome(NamedTuple):
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

    id: int
    status: str
    project_id: int
    workspace_id: int
    backend_id: int
    model_version: str
    is_automatic: bool
    #: Whether somebody in the workspace may listen to what is stored.
    is_heard: bool


LOCK_SQL = """
SELECT j.id, j.status, j.project_id, p.workspace_id, j.backend_id, j.model_version,
       j.is_automatic, {is_heard}
FROM backends_predictionjob j JOIN predictions_project p ON p.id = j.project_id
WHERE j.id = %s FOR NO KEY UPDATE OF j
"""


def lock(job_id: int) -> LockedJob | None:
    """The job, which others may not write until the transaction ends; None for a deleted one."""
    is_heard = recording.anybody_listens("p.workspace_id")
    row = fetch_prepared(LOCK_SQL.format(is_heard=is_heard), [job_id])
    return None if row is None else LockedJob(*row)


# The ids are told only where some are gone: mostly none.
LOCK_TASKS_SQL = """
WITH there AS MATERIALIZED (
    SELECT id FROM predictions_task WHERE project_id = %(project)s AND {among}
    ORDER BY id FOR NO KEY UPDATE
)
SELECT CASE WHEN count(*) < %(n)s THEN array_agg(id) END, count(*) FROM there
"""


def lock_tasks(project_id: int, task_ids: Sequence[int]) -> set[int]:
    """The tasks among these that still are there, which their other writers now wait for."""
    wanted = set(task_ids)
    sql = LOCK_TASKS_SQL.format(among=one_of("id", wanted))
    params = {"project": project_id, "n": len(wanted)}
    row = fetch_one(sql, params, slot=slots.of_project(project_id))
    if row is None or row[1] == len(wanted):
        return wanted
    return set(row[0] or [])


COLUMNS = (
    "id, task_id, project_id, slot, result, model_version, score, cluster, neighbors, mislabeling,"
    " model_id, created_at, updated_at"
)
# Those of the same task, backend and version that were there before. By the index on tasks, and
# that before anything is known of the table: the ids' range keeps a planner without statistics
# from reading all predictions of the project, the fence from reading all of the backend.
EARLIER_SQL = """
WITH there AS MATERIALIZED (
    SELECT p.id, p.task_id, p.model_version, p.model_id FROM predictions_prediction p
    WHERE p.project_id = %(project)s AND p.task_id BETWEEN %(first)s AND %(last)s{among}
)
SELECT there.id, there.task_id, there.model_version FROM there
WHERE there.model_id = %(backend)s AND there.model_version = ANY(%(versions)s)
"""
AMONG = " AND p.task_id = ANY(%(tasks)s::bigint[])"
DELETE_SQL = "DELETE FROM predictions_prediction p WHERE p.project_id = %s AND p.id = ANY(%s)"


def write(job: LockedJob, outcomes: Sequence[Outcome]) -> list[int]:
    """Stores the predictions of these outcomes in the place of those of the same (task, backend,
    version); the new ids in order. Two statements and a COPY, a statement more where something is
    replaced.
    """
    flat = [(outcome.task_id, row) for outcome in outcomes for row in outcome.rows]
    slot = slots.of_project(job.project_id)
    old = _earlier(job, outcomes, slot)
    replacing = Replacing()
    if old:
        replacing.take(DELETE_SQL, [job.project_id, old], slot=slot)
    new = reserve_ids("predictions_prediction", len(flat), slot=slot)
    if new:
        copy("predictions_prediction", COLUMNS, _lines(job, slot, new, flat))
    replacing.settle()
    return new


def _lines(
    job: LockedJob, slot: int, ids: Sequence[int], flat: Sequence[tuple[int, Row]]
) -> Iterator[bytes]:
    """The rows as COPY takes them."""
    versions = {name: escaped(name) for name in {row.model_version for _, row in flat}}
    place = b"%d\t%d" % (job.project_id, slot)
    end = b"%d\tnow\tnow" % job.backend_id
    for id_, (task_id, row) in zip(ids, flat, strict=True):
        yield b"%d\t%d\t%b\t%b\t%b\t%b\t%b\t%b\t%b\t%b\n" % (
            id_,
            task_id,
            place,
            escaped_json(row.result.encode()),
            versions[row.model_version],
            number(row.score),
            NULL if row.cluster is None else number(row.cluster),
            NULL if row.neighbors is None else escaped_json(row.neighbors.encode()),
            number(row.mislabeling),
            end,
        )


def _earlier(job: LockedJob, outcomes: Sequence[Outcome], slot: int) -> list[int]:
    """The ids of what these outcomes replace. One statement."""
    tasks = sorted({outcome.task_id for outcome in outcomes})
    versions = {row.model_version for outcome in outcomes for row in outcome.rows}
    # An answer that says nothing replaces what the version named at the set-up said.
    versions.add(job.model_version)
    given = {"project": job.project_id, "backend": job.backend_id, "versions": list(versions)}
    given |= {"tasks": bigints(tasks), "first": tasks[0], "last": tasks[-1]}
    # Tasks that stand close together are looked for once, not each by itself.
    is_dense = tasks[-1] - tasks[0] < 2 * len(tasks)
    sql = EARLIER_SQL.format(among="" if is_dense else AMONG)
    found = fetch_all(sql, given, slot=slot)
    if not found:
        return []
    replaced = {(one.task_id, row.model_version) for one in outcomes for row in one.rows}
    replaced |= {(one.task_id, job.model_version) for one in outcomes if not one.rows}
    return [id_ for id_, task_id, version in found if (task_id, version) in replaced]


# Lets the transaction's commit return before it is on the disk, which it is soon after.
COMMIT_BEHIND_SQL = "SET LOCAL synchronous_commit TO off"


def commit_behind() -> None:
    """Does so for what a crash of the database may undo as a whole: what was answered is asked
    again.

    Whoever tells others of it commits later, and nothing is on the disk before what was committed
    earlier.
    """
    execute(COMMIT_BEHIND_SQL, [])


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
    row = fetch_prepared(COUNT_SQL, {"job": job_id, "now": now, **params})
    return None if row is None else Counts(*row)
