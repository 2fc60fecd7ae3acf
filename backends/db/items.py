"""The one place that writes the items of a job: which tasks it has, who has each in hand, what came
of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, QuerySet

from backends.db.outcomes import COMMIT_BEHIND_SQL, LockedJob
from backends.models import JobItem, PredictionJob
from predictions.db import places
from predictions_api.jobs.leases import Holder
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, fetch_one, one_of

Status = JobItem.Status
#: A SELECT of ids of tasks, and its parameters.
Clause = tuple[str, Sequence[Any]]


class Claim(NamedTuple):
    """A task in hand. `attempts` counts this claim, too."""

    task_id: int
    attempts: int


INSERT_SQL = """
INSERT INTO backends_jobitem
    (job_id, project_id, slot, task_id, status, attempts, tries, error_type, message)
SELECT %s, %s, %s, chosen.id, 'Pending', 0, 0, '', '' FROM ({tasks}) AS chosen
ON CONFLICT DO NOTHING
"""


def insert(job: PredictionJob, tasks: Clause) -> int:
    """Gives the job an item for each task of the clause that it does not have; how many. One
    statement.
    """
    sql, params = tasks
    slot = slots.of_project(job.project_id)
    values = [job.pk, job.project_id, slot, *params]
    return execute(INSERT_SQL.format(tasks=sql), values, slot=slot)


def slot_of(job_id: int) -> int | None:
    """The slot of a job's items; None where the database is not spread, and for a deleted job."""
    return places.slot_of_owner(PredictionJob.objects.filter(pk=job_id))


def of_job(job_id: int) -> QuerySet[JobItem]:
    """The items of a job."""
    return places.in_slot(JobItem.objects.filter(job_id=job_id), slot_of(job_id))


# A task is done for a backend at the version that /setup names: somebody's prediction of it is
# there, or an earlier job's answer.
SKIP_PREDICTED_SQL = """
UPDATE backends_jobitem i SET status = 'Skipped', lease_owner = NULL, lease_until = NULL
WHERE i.job_id = %(job)s AND i.project_id = %(project)s AND i.status = 'Pending'
  AND %(version)s <> '' AND EXISTS (
    SELECT 1 FROM predictions_prediction p
    WHERE p.project_id = i.project_id AND p.task_id = i.task_id AND p.model_version = %(version)s)
"""
SKIP_ANSWERED_SQL = """
UPDATE backends_jobitem i SET status = 'Skipped', lease_owner = NULL, lease_until = NULL
FROM (SELECT unnest(a.task_ids) AS task_id FROM backends_answeredtasks a
      WHERE a.backend_id = %(backend)s AND a.version = %(version)s
        AND a.project_id = %(project)s) AS done
WHERE i.job_id = %(job)s AND i.project_id = %(project)s AND i.status = 'Pending'
  AND i.task_id = done.task_id
"""


def skip_done(job: PredictionJob, version: str) -> int:
    """Skips the tasks that are done for the job's backend at this version; how many. Two
    statements.
    """
    params: dict[str, Any] = {
        "job": job.pk,
        "project": job.project_id,
        "backend": job.backend_id,
        "version": version,
    }
    slot = slots.of_project(job.project_id)
    return sum(execute(sql, params, slot=slot) for sql in (SKIP_PREDICTED_SQL, SKIP_ANSWERED_SQL))


def claim(job_id: int, mine: Holder, n: int) -> list[Claim]:
    """Up to n tasks nobody has in hand, in task order, now in the holder's until the lease ends.

    None of a job that is not in progress. One trip. What a crash of the database undoes of it is
    free again, and its answer is not taken.
    """
    # About the job alone, not about each item's: looked up once, which saves a fifth.
    in_progress = PredictionJob.objects.filter(pk=job_id, status=PredictionJob.Status.IN_PROGRESS)
    rows = of_job(job_id).filter(Exists(in_progress), status=Status.PENDING).order_by("task_id")
    sql, params = mine.claim_sql(rows, n, columns=("task_id", "attempts"))
    found = fetch_all(f"{COMMIT_BEHIND_SQL}; {sql}", params, slot=slot_of(job_id))
    return sorted(Claim(*row) for row in found)


def extend(job_id: int, mine: Holder, task_ids: Sequence[int]) -> None:
    """Renews the holder's leases on these tasks, where it has them in hand."""
    rows = of_job(job_id).filter(status=Status.PENDING)
    mine.extend(rows.filter(task_id__in=sorted(task_ids)))


def release(job_id: int, mine: Holder) -> None:
    """Gives back what the holder has in hand, as if it had not been claimed."""
    rows = of_job(job_id).filter(status=Status.PENDING)
    mine.release(rows)


class Ended(NamedTuple):
    """What became of a task."""

    status: str
    tries: int
    error_type: str = ""
    message: str = ""


# Only what is in the owner's hand: each item ends once.
ACCEPT_SQL = """
UPDATE backends_jobitem i
SET status = k.status, tries = least(i.tries + k.tries, 30000), error_type = k.error_type,
    message = k.message, lease_owner = NULL, lease_until = NULL,
    failed_at = CASE WHEN k.status = 'Failed' THEN %(now)s::timestamptz END
FROM unnest(%(tasks)s::bigint[], %(statuses)s::text[], %(tries)s::int[], %(kinds)s::text[],
            %(messages)s::text[]) AS k(task_id, status, tries, error_type, message)
WHERE i.job_id = %(job)s AND i.task_id = k.task_id AND i.status = 'Pending'
  AND i.lease_owner = %(owner)s
RETURNING i.task_id
"""


# What was in the owner's hand is no item any more, but among the answered. The ids are told only
# where some were not: mostly none.
DONE_SQL = """
WITH gone AS (
    DELETE FROM backends_jobitem i
    WHERE i.job_id = %(job)s AND {among} AND i.status = 'Pending' AND i.lease_owner = %(owner)s
    RETURNING i.task_id
), kept AS (
    INSERT INTO backends_answeredtasks
        (backend_id, project_id, slot, version, is_automatic, last_task_id, task_ids)
    SELECT %(backend)s, %(project)s, %(slot)s, %(version)s, %(is_automatic)s, max(task_id),
           array_agg(task_id ORDER BY task_id)
    FROM gone HAVING count(*) > 0
    RETURNING task_ids
)
SELECT CASE WHEN cardinality(task_ids) < %(n)s THEN task_ids END FROM kept
"""


def done(job: LockedJob, task_ids: Sequence[int], owner: UUID) -> set[int]:
    """Ends the tasks among these that are in the owner's hand as done; which. One statement, none
    for none.
    """
    if not task_ids:
        return set()
    slot = slots.of_project(job.project_id)
    params = {
        "job": job.id,
        "owner": owner,
        "n": len(task_ids),
        "backend": job.backend_id,
        "project": job.project_id,
        "slot": slot,
        "version": job.model_version,
        "is_automatic": job.is_automatic,
    }
    sql = DONE_SQL.format(among=one_of("i.task_id", task_ids))
    row = fetch_one(sql, params, slot=slot)
    if row is None:
        return set()
    return set(task_ids if row[0] is None else row[0])


def accept(job_id: int, ended: Mapping[int, Ended], owner: UUID, now: Any) -> set[int]:
    """Ends the tasks among these, by id, that are in the owner's hand as failed or skipped; which.
    One statement, none for none.
    """
    if not ended:
        return set()
    params = {
        "job": job_id,
        "owner": owner,
        "now": now,
        "tasks": list(ended),
        "statuses": [end.status for end in ended.values()],
        "tries": [end.tries for end in ended.values()],
        "kinds": [end.error_type for end in ended.values()],
        "messages": [end.message for end in ended.values()],
    }
    return {row[0] for row in fetch_all(ACCEPT_SQL, params, slot=slot_of(job_id))}


def fail_open(job_id: int, kind: str, message: str, now: Any) -> int:
    """Ends all that is left of the job as failures, in whosever hand it is; how many."""
    rows = of_job(job_id).filter(status=Status.PENDING)
    return rows.update(
        status=Status.FAILED,
        error_type=kind,
        message=message,
        failed_at=now,
        lease_owner=None,
        lease_until=None,
    )


def skip_open(job_id: int) -> int:
    """Ends all that is left of a canceled job as skipped; how many."""
    rows = of_job(job_id).filter(status=Status.PENDING)
    return rows.update(status=Status.SKIPPED, lease_owner=None, lease_until=None)


def failures(job_id: int, *, after: int, limit: int) -> list[dict[str, Any]]:
    """The failures of a job on tasks after that of id `after`, by task."""
    rows = of_job(job_id).filter(status=Status.FAILED, task_id__gt=after)
    found = rows.order_by("task_id").values_list(
        "task_id", "error_type", "message", "tries", "failed_at"
    )[:limit]
    keys = ("task", "error_type", "message", "attempts", "created_at")
    return [dict(zip(keys, row, strict=True)) for row in found]


def first_failure(job_id: int) -> str:
    """Why the first task that failed did, "" where none has."""
    rows = of_job(job_id).filter(status=Status.FAILED).order_by("task_id")
    return rows.values_list("message", flat=True).first() or ""
