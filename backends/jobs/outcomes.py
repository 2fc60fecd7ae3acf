"""What came of a job's tasks, stored batch by batch.

A batch is one transaction under the job's row lock: two batches, or a batch and a cancel, never
cross, each item ends once, and the counts and the job's end are right at every commit.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backends.db import items, told
from backends.db import outcomes as rows
from backends.db.outcomes import Outcome
from backends.jobs import readings, state
from backends.models import JobItem, PredictionJob
from predictions_api.postgres.outages import is_outage

log = logging.getLogger(__name__)

Status = JobItem.Status
NOT_STORED = "The answer could not be stored; the server's log says why."


@transaction.atomic
def store(job_id: int, outcomes: Sequence[Outcome], *, owner: UUID) -> str:
    """Stores outcomes of tasks that are in the owner's hand, and ends the job if they were the
    last; its status after it. About ten statements for any number.

    A task that was deleted meanwhile counts as skipped. Nothing changes once the job has ended.
    """
    job = rows.lock(job_id)
    if job is None or job.status not in state.OPEN:
        return job.status if job else str(PredictionJob.Status.CANCELED)
    now = timezone.now()
    there = rows.lock_tasks(job.project_id, [outcome.task_id for outcome in outcomes])
    answered: dict[int, Outcome] = {}
    ended: dict[int, items.Ended] = {}
    for one in outcomes:
        if one.task_id not in there:
            ended[one.task_id] = items.Ended(Status.SKIPPED, one.tries)
        elif one.is_failure:
            ended[one.task_id] = _failed(one)
        else:
            answered[one.task_id] = one
    n_ended = Counter(ended[task_id].status for task_id in items.accept(job_id, ended, owner, now))
    accepted = items.done(job, list(answered), owner)
    done = [one for task_id, one in answered.items() if task_id in accepted]
    if done:
        new = rows.write(job, done)
        told.tell_stored(job, new)
    counts = rows.count(
        job_id,
        now,
        done=len(done),
        skipped=n_ended[Status.SKIPPED],
        failed=n_ended[Status.FAILED],
        predictions=sum(len(outcome.rows) for outcome in done),
    )
    status = state.finish_if_done(job_id, counts)
    if status is None:
        rows.commit_behind()
    return status or str(PredictionJob.Status.IN_PROGRESS)


def _failed(outcome: Outcome) -> items.Ended:
    return items.Ended(Status.FAILED, outcome.tries, outcome.error_type, outcome.message)


def store_or_fail(job_id: int, outcomes: Sequence[Outcome], *, owner: UUID) -> str:
    """As `store`; an outcome that the database refuses becomes a failure of its task, told once in
    the log, and keeps none of the others from being stored.

    Raises where the database is away, and where not even the failure can be stored.
    """
    try:
        return store(job_id, outcomes, owner=owner)
    except Exception as error:
        if not outcomes or is_outage(error):
            raise
        if len(outcomes) == 1:
            [one] = outcomes
            if one.is_failure:
                raise
            log.exception("job %s, task %s: not stored", job_id, one.task_id)
            failure = readings.failed(one.task_id, "InvalidAnswer", NOT_STORED, tries=one.tries)
            return store(job_id, [failure], owner=owner)
    middle = len(outcomes) // 2
    store_or_fail(job_id, outcomes[:middle], owner=owner)
    return store_or_fail(job_id, outcomes[middle:], owner=owner)
