"""Exports in the queue: ids only, each harmless when it runs twice."""

from django_tasks import task

from predictions.exports import state
from predictions_api.jobs import sweeps
from predictions_api.jobs.queueing import enqueue_on_commit


@task()
def run_export(job_id: int) -> None:
    """Writes the file of a job, or takes it over from a worker that died."""
    from predictions.exports import run

    run.run(job_id)


def queue(job_id: int) -> None:
    """Puts the job into the queue on commit."""
    enqueue_on_commit(run_export, job_id)


def requeue_stalled() -> list[int]:
    """Queues the jobs that their worker or the queue lost; their ids. Safe at any time."""
    return sweeps.requeue(state.unfinished(), queue, lease_s=state.LEASE_S, lease_owner=None)
