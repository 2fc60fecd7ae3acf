"""Evaluations in the queue: ids only, each harmless when it runs twice."""

from django.conf import settings
from django_tasks import task

from evals.jobs import state
from predictions_api.jobs import sweeps
from predictions_api.jobs.queueing import enqueue_on_commit


@task()
def compute(evaluation_id: int) -> None:
    """Computes an evaluation for a turn, or takes it over from a worker that died.

    It may be another than the one named, which then comes when that one is.
    """
    from evals.jobs import run, turns

    chosen = turns.next_up(evaluation_id)
    if not run.run(chosen, is_over=turns.Turn().is_over):
        queue(chosen)


def queue(evaluation_id: int) -> None:
    """Puts a running evaluation into the queue on commit."""
    enqueue_on_commit(compute, evaluation_id)


def requeue_stalled() -> list[int]:
    """Queues the evaluations that their worker or the queue lost; their ids. Safe at any time."""
    lease_s = settings.EVALUATION_LEASE_S
    return sweeps.requeue(state.unfinished(), queue, lease_s=lease_s, lease_owner=None)
