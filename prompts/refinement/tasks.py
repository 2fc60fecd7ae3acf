"""Refinements in the queue: ids only, each harmless when it runs twice."""

from collections.abc import Callable, Hashable, Iterator
from uuid import UUID

from django.db.models import Window
from django.db.models.functions import RowNumber
from django_tasks import task

from predictions_api.jobs import sharing, sweeps
from predictions_api.jobs.queueing import CALLS, enqueue_on_commit
from prompts.refinement import state
from prompts.refinement.state import Status

REFINEMENT = "refinement"


@task(queue_name=CALLS)
def refine(refinement_id: str) -> None:
    """Asks the teacher model for a better wording; meanwhile does what else waits."""
    sharing.work(REFINEMENT, refinement_id)


def work(refinement_id: Hashable, is_over: Callable[[], bool]) -> None:
    """Carries a refinement out: one request, so it is never handed over."""
    from prompts.refinement import teacher

    teacher.carry_out(str(refinement_id))


def due(seconds: float) -> Iterator[sharing.Due]:
    """Refinements that have waited so long for a worker, a few of each workspace."""
    place = Window(RowNumber(), partition_by="project__workspace_id", order_by="created_at")
    rows = state.waiting(seconds).annotate(place=place).filter(place__lte=sharing.PLACES)
    for refinement_id, workspace_id in rows.values_list("pk", "project__workspace_id"):
        yield sharing.Due(workspace_id, str(refinement_id))


def queue(refinement_id: UUID | str) -> None:
    """Puts the refinement into the queue on commit."""
    enqueue_on_commit(refine, str(refinement_id))


def requeue_stalled() -> list[UUID]:
    """Queues the refinements that their worker or the queue lost; their ids. Safe at any time."""
    lease_s = state.QUEUE_LEASE_S
    return sweeps.requeue(state.unfinished(), queue, lease_s=lease_s, status=Status.PENDING)
