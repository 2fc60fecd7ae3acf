"""The states of a refinement: the one place that makes, claims and ends them.

Pending -> InProgress -> Completed or Failed. One that its worker lost, or that failed on an error
of ours, is Pending again; it is begun MOST_ATTEMPTS times at most.
"""

from datetime import timedelta
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from predictions_api.jobs.leases import MOST_ATTEMPTS, lasting
from prompts.models import Refinement

Status = Refinement.Status
# How long the queue may take to find a worker before it is reminded.
QUEUE_LEASE_S = 300.0
WORKERS_LOST = f"{MOST_ATTEMPTS} workers ended on this refinement."
FAULT = "Something went wrong here; the server's log says what."


def unfinished() -> QuerySet[Refinement]:
    """The refinements that have work left."""
    return Refinement.objects.filter(status__in=[Status.PENDING, Status.IN_PROGRESS])


def waiting(seconds: float) -> QuerySet[Refinement]:
    """The refinements that nobody has begun for so long, the longest first."""
    before = Now() - timedelta(seconds=seconds)
    pending = Refinement.objects.filter(status=Status.PENDING, created_at__lt=before)
    return pending.order_by("created_at")


def create(**columns: Any) -> Refinement:
    """A refinement that nobody has begun."""
    return Refinement.objects.create(**columns, lease_until=lasting(QUEUE_LEASE_S))


def claim(refinement_id: str, *, lease_s: float) -> Refinement | None:
    """The refinement, in the caller's hand; None for one that another has begun or that ended.

    One that was begun MOST_ATTEMPTS times before ends here.
    """
    mine = Refinement.objects.filter(pk=refinement_id, status=Status.PENDING)
    marks = {"status": Status.IN_PROGRESS, "n_queued": 0, "attempts": F("attempts") + 1}
    if not mine.update(**marks, lease_until=lasting(lease_s)):
        return None
    rows = Refinement.objects.select_related(
        "version__parent_model", "project", "teacher_connection"
    )
    refinement = rows.get(pk=refinement_id)
    if refinement.attempts > MOST_ATTEMPTS:
        end(refinement, Status.FAILED, error=WORKERS_LOST)
        return None
    return refinement


def fault(refinement: Refinement, *, last: bool) -> None:
    """Notes that an attempt failed on an error of ours: the next worker's turn is at once, or with
    `last` or after MOST_ATTEMPTS the refinement ends.
    """
    if last or refinement.attempts >= MOST_ATTEMPTS:
        rows = Refinement.objects.filter(pk=refinement.pk)
        rows.update(status=Status.FAILED, error=FAULT, total_cost=refinement.total_cost)
    else:
        Refinement.objects.filter(pk=refinement.pk).update(lease_until=Now())


def end(refinement: Refinement, status: Refinement.Status, *, error: str = "") -> None:
    """Ends a refinement with what its object holds: reasoning, cost, and the new version if any."""
    refinement.status, refinement.error = status, error.replace("\0", "")
    refinement.save(update_fields=["status", "error", "reasoning", "total_cost", "new_version"])
