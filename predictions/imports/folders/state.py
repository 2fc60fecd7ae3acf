"""The one place that writes how the synchronisation of an import storage stands.

initialized -> queued -> in_progress -> completed, completed_with_errors or failed, and again.
"""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from predictions.models import ImportStorage
from predictions_api.jobs.leases import MOST_ATTEMPTS, NOBODY, Holder, LeaseLost, lasting

LEASE_S = 60.0
Status = ImportStorage.Status
UNDER_WAY = (Status.QUEUED, Status.IN_PROGRESS)
WORKERS_LOST = f"{MOST_ATTEMPTS} workers ended while they read the folder."


def unfinished() -> QuerySet[ImportStorage]:
    """Those that have work left."""
    return ImportStorage.objects.filter(status__in=UNDER_WAY)


def ask(storage_id: int) -> bool:
    """Asks for a synchronisation; False while one is under way."""
    rows = ImportStorage.objects.filter(~Q(status__in=UNDER_WAY), pk=storage_id)
    marks: dict[str, Any] = {"traceback": None, "attempts": 0, "n_queued": 0}
    return bool(rows.update(status=Status.QUEUED, lease_until=lasting(LEASE_S), **marks))


def claim(storage_id: int, worker: Holder) -> ImportStorage | None:
    """The storage, in the worker's hand; None where there is nothing to do, or another has it."""
    mine = unfinished().filter(pk=storage_id)
    marks: dict[str, Any] = {"status": Status.IN_PROGRESS, "n_queued": 0}
    rows = worker.claim(mine, 1, columns=("attempts",), **marks)
    if not rows:
        return None
    if rows[0][0] > MOST_ATTEMPTS:
        end(storage_id, worker, Status.FAILED, traceback=WORKERS_LOST)
        return None
    return ImportStorage.objects.select_related("project", "root").get(pk=storage_id)


def keep(storage_id: int, worker: Holder) -> None:
    """A fresh lease. LeaseLost where it is no longer the worker's."""
    worker.keep(unfinished().filter(pk=storage_id))


def release(storage_id: int, worker: Holder) -> None:
    """Gives it back: another worker goes on where this one was."""
    worker.release(unfinished().filter(pk=storage_id), status=Status.QUEUED)


def end(storage_id: int, worker: Holder, status: str, **outcome: Any) -> None:
    """Writes the outcome. LeaseLost where it is no longer the worker's."""
    mine = unfinished().filter(pk=storage_id, lease_owner=worker.id)
    if not mine.update(status=status, last_sync=timezone.now(), **outcome, **NOBODY):
        raise LeaseLost
