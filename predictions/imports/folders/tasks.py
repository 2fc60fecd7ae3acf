"""Synchronisations in the queue: ids only, each harmless when it runs twice."""

from django_tasks import task

from predictions.imports.folders.state import IMPORTS
from predictions.storages.state import LEASE_S
from predictions_api.jobs import sweeps
from predictions_api.jobs.queueing import enqueue_on_commit


@task()
def run_sync(storage_id: int) -> None:
    """Synchronises a storage, or goes on where a worker died."""
    from predictions.imports.folders import run

    run.run(storage_id)


def queue(storage_id: int) -> None:
    """Puts it into the queue on commit."""
    enqueue_on_commit(run_sync, storage_id)


def requeue_stalled() -> list[int]:
    """Queues those that their worker or the queue lost; their ids. Safe at any time."""
    return sweeps.requeue(IMPORTS.unfinished(), queue, lease_s=LEASE_S, lease_owner=None)
