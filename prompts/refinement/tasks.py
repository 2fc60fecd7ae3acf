"""Refinements in the queue: ids only, each harmless when it runs twice."""

from uuid import UUID

from django_tasks import task

from predictions_api.jobs import sweeps
from predictions_api.jobs.queueing import enqueue_on_commit
from prompts.refinement import state
from prompts.refinement.state import Status


@task()
def refine(refinement_id: str) -> None:
    """Asks the teacher model for a better wording."""
    from prompts.refinement import teacher

    teacher.carry_out(refinement_id)


def queue(refinement_id: UUID | str) -> None:
    """Puts the refinement into the queue on commit."""
    enqueue_on_commit(refine, str(refinement_id))


def requeue_stalled() -> list[UUID]:
    """Queues the refinements that their worker or the queue lost; their ids. Safe at any time."""
    lease_s = state.QUEUE_LEASE_S
    return sweeps.requeue(state.unfinished(), queue, lease_s=lease_s, status=Status.PENDING)
