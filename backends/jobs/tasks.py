"""Jobs and trainings in the queue: ids only, each harmless when it runs twice."""

from collections.abc import Callable, Hashable, Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Window
from django.db.models.functions import RowNumber
from django_tasks import task

from backends.jobs import state
from predictions_api.jobs import sharing, stopping, sweeps
from predictions_api.jobs.queueing import CALLS, enqueue_on_commit
from predictions_api.postgres.outages import is_outage

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
        try:
            requeue_stalled()
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error):
                raise


def due(seconds: float) -> Iterator[sharing.Due]:
    """Jobs that have waited so long for a worker, a few of each workspace."""
    place = Window(RowNumber(), partition_by="project__workspace_id", order_by="id")
    rows = state.waiting(seconds).annotate(place=place).filter(place__lte=sharing.PLACES)
    for job_id, workspace_id in rows.values_list("pk", "project__workspace_id"):
        yield sharing.Due(workspace_id, job_id)


def queue(job_id: int) -> None:
    """Puts the job into the queue on commit."""
    enqueue_on_commit(execute_job, job_id)


def requeue_stalled() -> list[int]:
    """Queues the jobs that nobody has in hand any more; their ids. Safe at any time."""
    return sweeps.requeue(state.unfinished(), queue, lease_s=settings.RUN_LEASE_S)
