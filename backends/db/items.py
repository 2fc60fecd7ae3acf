"""The one place that writes the items of a job: which tasks it has, who has each in hand, what came
of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from backends.models import JobItem, PredictionJob
from predictions_api.jobs.leases import Holder
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, is_spread

Status = JobItem.Status
OPEN = (Status.PENDING, Status.CLAIMED)
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
    if not is_spread():
        return None
    jobs = PredictionJob.objects.filter(pk=job_id)
    project_id = jobs.values_list("project_id", flat=True).first()
    return None if project_id is None else slots.of_project(project_id)


def of_job(job_id: int) -> QuerySet[JobItem]:
    """The items of a job."""
    rows = JobItem.objects.filter(job_id=job_id)
    slot = slot_of(job_id)
    return rows if slot is None else rows.filter(slot=slot)


def version_key(version: str) -> str:
    """What an AnsweredTask knows a version by."""
    return hashlib.sha256(version.encode()).hexdigest()


# A task is done for a backend at the version that /setup names: somebody's prediction of it is
# there, or an earlier job's answer.
SKIP_SQL = """
UPDATE backends_jobitem i SET status = 'Skipped', lease_owner = NULL, lease_until = NULL
WHERE i.job_id = %(job)s AND i.project_id = %(project)s AND i.status = 'Pending' AND (
    EXISTS (SELECT 1 FROM backends_answeredtask a
            WHERE a.backend_id = %(backend)s AND a.task_id = i.task_id AND a.version = %(key)s
              AND a.project_id = i.project_id)
    OR (%(version)s <> '' AND EXISTS (
        SELECT 1 FROM predictions_prediction p
        WHERE p.project_id = i.project_id AND p.task_id = i.task_id
          AND p.model_version = %(version)s)))
"""


def skip_done(job: PredictionJob, version: str) -> int:
    """Skips the tasks that are done for the job's backend at this version; how many."""
    params: dict[str, Any] = {
        "job": job.pk,
        "project": job.project_id,
        "backend": job.backend_id,
        "version": version,
        "key": version_key(version),
    }
    return execute(SKIP_SQL, params, slot=slots.of_project(job.project_id))


def claim(job_id: int, mine: Holder, n: int) -> list[Claim]:
    """Up to n tasks nobody has in hand, in task order, now in the holder's until the lease ends.

    None of a job that is not in progress. One statement, two when fresh tasks run out.
    """
    in_progress = PredictionJob.objects.filter(
        pk=OuterRef("job_id"), status=PredictionJob.Status.IN_PROGRESS
    )
    rows = of_job(job_id).filter(Exists(in_progress)).order_by("task_id")
    slot = slot_of(job_id)
    claims = _claim(rows.filter(status=Status.PENDING), mine, n, slot)
    if len(claims) < n:
        claims += _claim(rows.filter(status=Status.CLAIMED), mine, n - len(claims), slot)
    return sorted(claims)


def _claim(rows: QuerySet[JobItem], mine: Holder, n: int, slot: int | None) -> list[Claim]:
    columns = ("task_id", "attempts")
    found = mine.claim(rows, n, columns=columns, slot=slot, status=Status.CLAIMED)
    return [Claim(*row) for row in found]


def extend(job_id: int, mine: Holder, task_ids: Sequence[int]) -> None:
    """Renews the holder's leases on these tasks, where it has them in hand."""
    rows = of_job(job_id).filter(status=Status.CLAIMED)
    mine.extend(rows.filter(task_id__in=sorted(task_ids)))


def release(job_id: int, mine: Holder) -> None:
    """Gives back what the holder has in hand, as if it had not been claimed."""
    rows = of_job(job_id).filter(status=Status.CLAIMED)
    mine.release(rows, status=Status.PENDING)


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
WHERE i.job_id = %(job)s AND i.task_id = k.task_id AND i.status = 'Claimed'
  AND i.lease_owner = %(owner)s
RETURNING i.task_id
"""


def accept(job_id: int, ended: Mapping[int, Ended], owner: UUID, now: Any) -> set[int]:
    """Ends the tasks among these, by id, that are in the owner's hand; which. One statement."""
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
    rows = of_job(job_id).filter(status__in=OPEN)
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
    rows = of_job(job_id).filter(status__in=OPEN)
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
