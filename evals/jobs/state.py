"""The states of an evaluation: the one place that begins, claims, ends and deletes them.

running -> done or failed; both may be run again. Whoever computes an evaluation holds its lease,
one worker at a time; what the lease was lost on is somebody else's, and so nothing of it is
written here.
"""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from evals.db import writes
from evals.models import ModelEval
from predictions_api.jobs.leases import NOBODY, Holder, LeaseLost, lasting

CANCELLED = "Cancelled. Run it again to have it computed."
Status = ModelEval.Status

# What a run began with, and what the one before has left.
BEGIN: dict[str, Any] = {
    "status": Status.RUNNING,
    "progress": 0.0,
    "failure_reason": "",
    "finished_at": None,
    "planned_at": None,
    "summary": None,
    "image_counts": {},
    "uses_masks": False,
    "ignored": [],
    "warnings": [],
    "lease_owner": None,
    "attempts": 0,
    "n_queued": 0,
}


def unfinished() -> QuerySet[ModelEval]:
    """The evaluations that have work left."""
    return ModelEval.objects.filter(status=Status.RUNNING, origin=ModelEval.Origin.COMPUTED)


def worker() -> Holder:
    """A new owner of leases."""
    return Holder(settings.EVALUATION_LEASE_S)


def create(**columns: Any) -> ModelEval:
    """A new evaluation to compute, which the queue has in hand."""
    return ModelEval.objects.create(**columns, lease_until=_queue_lease())


@transaction.atomic
def restart(evaluation: ModelEval) -> None:
    """Back to the begin, with what is stored now. Whoever is at work on it stops."""
    ModelEval.objects.filter(pk=evaluation.pk).update(**BEGIN, lease_until=_queue_lease())
    writes.clear(evaluation.pk)
    evaluation.refresh_from_db()


def _queue_lease() -> Any:
    return lasting(settings.EVALUATION_LEASE_S)


def claim(evaluation_id: int, mine: Holder) -> int | None:
    """How often it was taken up without progress, this time included; None if it is not free."""
    row = unfinished().filter(pk=evaluation_id)
    claimed = mine.claim(row, 1, columns=("attempts",), n_queued=0, failure_reason="")
    return int(claimed[0][0]) if claimed else None


def keep(evaluation_id: int, mine: Holder, **columns: Any) -> None:
    """A fresh lease; in a transaction it also keeps others out until the commit. Or LeaseLost.

    `columns` are written with it.
    """
    mine.keep(unfinished().filter(pk=evaluation_id), **columns)


def release(evaluation_id: int, mine: Holder, *, waits_for: str = "") -> None:
    """Frees an unfinished evaluation for the next worker at once, and says what it waits for."""
    mine.release(unfinished().filter(pk=evaluation_id), failure_reason=waits_for)


def finish(evaluation_id: int, mine: Holder, **found: Any) -> None:
    """Shows the evaluation as done; `found` are its summary and engines. Or LeaseLost.

    In the transaction that stores its panels.
    """
    held = unfinished().filter(pk=evaluation_id, lease_owner=mine.id)
    ended = {"status": Status.DONE, "progress": 1.0, "finished_at": Now(), **NOBODY}
    if not held.update(**found, **ended):
        raise LeaseLost


def fail(evaluation_id: int, reason: str, mine: Holder | None = None) -> bool:
    """Ends a running evaluation, held by this owner if one is given; False when it was not running.

    Nothing of it stays to be shown.
    """
    running = ModelEval.objects.filter(pk=evaluation_id, status=Status.RUNNING)
    if mine is not None:
        running = running.filter(lease_owner=mine.id)
    with transaction.atomic():
        ended = running.update(
            status=Status.FAILED, failure_reason=reason[:2000], finished_at=Now(), **NOBODY
        )
        if ended:
            writes.clear(evaluation_id)
    return bool(ended)


def cancel(evaluation: ModelEval) -> bool:
    """Ends a running evaluation as failed; False when it was not running."""
    return fail(evaluation.pk, CANCELLED)


def delete(evaluation: ModelEval) -> None:
    """Removes an evaluation and all that is in it."""
    writes.delete(evaluation.pk)
