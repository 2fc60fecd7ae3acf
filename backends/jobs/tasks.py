"""Jobs and trainings in the queue: ids only, each harmless when it runs twice."""

from collections.abc import Callable, Hashable, Iterator

from django.conf import settings
from django_tasks import task

from backends.jobs import state
from predictions_api.jobs import sharing, stopping, sweeps
from predictions_api.jobs.queueing import CALLS, enqueue_on_commit

JOB = "prediction job"


@task(queue_name=CALLS)
def execute_job(job_id: int) -> None:
    """Works on a job until it ends, this worker stops, or others do all of it; meanwhile on others
    that wait.
    """
    sharing.work(JOB, job_id)


def work(job_id: Hashable, is_over: Callable[[], bool]) -> None:
    """Works on a job, and queues it again if it is handed over."""
    from backends.jobs import executor

    assert isinstance(job_id, int)
    executor.execute(job_id, is_over)
    if stopping.requested.is_set() or is_over():
        # What this worker has handed over goes on at once, not with the next sweep.
        sweeps.unless_away(requeue_stalled)


def due(seconds: float) -> Iterator[sharing.Due]:
    """Jobs that have waited so long for a worker, a few of each workspace."""
    return sharing.first_of_each(state.waiting(seconds))


def queue(job_id: int) -> None:
    """Puts the job into the queue on commit."""
    enqueue_on_commit(execute_job, job_id)


def requeue_stalled() -> list[int]:
    """Queues the jobs that nobody has in hand any more; their ids. Safe at any time."""
    return sweeps.requeue(state.unfinished(), queue, lease_s=settings.RUN_LEASE_S)
