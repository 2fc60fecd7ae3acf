"""Runs in the queue: ids only, each harmless when it runs twice."""

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django_tasks import task

from predictions_api.jobs import stopping, sweeps
from predictions_api.jobs.queueing import enqueue_on_commit
from predictions_api.postgres.outages import is_outage
from prompts.runs import state


@task()
def execute_run(run_id: int) -> None:
    """Works on a run until it ends, this worker stops, or others do all of it."""
    from prompts.runs import executor

    executor.execute(run_id)
    if stopping.requested.is_set():
        # What this worker has handed over goes on at once, not with the next sweep.
        try:
            requeue_stalled()
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error):
                raise


def queue(run_id: int) -> None:
    """Puts the run into the queue on commit."""
    enqueue_on_commit(execute_run, run_id)


def requeue_stalled() -> list[int]:
    """Queues the runs that nobody has in hand any more; their ids. Safe at any time."""
    return sweeps.requeue(state.unfinished(), queue, lease_s=settings.RUN_LEASE_S)
