"""Runs in the queue: ids only, each harmless when it runs twice."""

from collections.abc import Callable, Hashable, Iterator

from django.conf import settings
from django_tasks import task

from predictions_api.jobs import sharing, stopping, sweeps
from predictions_api.jobs.queueing import CALLS, enqueue_on_commit
from prompts.runs import state

RUN = "run"


@task(queue_name=CALLS)
def execute_run(run_id: int) -> None:
    """Works on a run until it ends, this worker stops, or others do all of it; meanwhile on others
    that wait.
    """
    sharing.work(RUN, run_id)


def work(run_id: Hashable, is_over: Callable[[], bool]) -> None:
    """Works on a run, and queues it again if it is handed over."""
    from prompts.runs import executor

    assert isinstance(run_id, int)
    executor.execute(run_id, is_over)
    if stopping.requested.is_set() or is_over():
        # What this worker has handed over goes on at once, not with the next sweep.
        sweeps.unless_away(requeue_stalled)


def due(seconds: float) -> Iterator[sharing.Due]:
    """Runs that have waited so long for a worker, a few of each workspace."""
    return sharing.first_of_each(state.waiting(seconds))


def queue(run_id: int) -> None:
    """Puts the run into the queue on commit."""
    enqueue_on_commit(execute_run, run_id)


def requeue_stalled() -> list[int]:
    """Queues the runs that nobody has in hand any more; their ids. Safe at any time."""
    return sweeps.requeue(state.unfinished(), queue, lease_s=settings.RUN_LEASE_S)
