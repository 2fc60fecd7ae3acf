"""The one place that writes how the synchronisation of a storage stands.

initialized -> queued -> in_progress -> completed, completed_with_errors or failed, and again.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Q, QuerySet
from django.utils import timezone

from predictions.models import Storage
from predictions_api.jobs.leases import MOST_ATTEMPTS, NOBODY, Holder, LeaseLost, lasting

LEASE_S = 60.0
Status = Storage.Status
UNDER_WAY = (Status.QUEUED, Status.IN_PROGRESS)
WORKERS_LOST = f"{MOST_ATTEMPTS} workers ended while they were at it."
S = TypeVar("S", bound=Storage)


@dataclass(frozen=True, slots=True)
class Synchronisations(Generic[S]):
    """Those of the storages of one table."""

    model: type[S]

    def unfinished(self) -> QuerySet[S]:
        """The storages that have work left."""
        return self.model._default_manager.filter(status__in=UNDER_WAY)

    def ask(self, storage_id: int, **more: Any) -> bool:
        """Asks for a synchronisation; False while one is under way. `more` are further columns."""
        rows = self.model._default_manager.filter(~Q(status__in=UNDER_WAY), pk=storage_id)
        marks: dict[str, Any] = {
            "traceback": None, "last_sync_count": 0, "attempts": 0, "n_queued": 0, **more,
        }  # fmt: skip
        return bool(rows.update(status=Status.QUEUED, lease_until=lasting(LEASE_S), **marks))

    def claim(self, storage_id: int, worker: Holder) -> S | None:
        """The storage, in the worker's hand; None where there is nothing to do, or another has
        it.
        """
        mine = self.unfinished().filter(pk=storage_id)
        marks: dict[str, Any] = {"status": Status.IN_PROGRESS, "n_queued": 0}
        rows = worker.claim(mine, 1, columns=("attempts",), **marks)
        if not rows:
            return None
        if rows[0][0] > MOST_ATTEMPTS:
            self.end(storage_id, worker, Status.FAILED, traceback=WORKERS_LOST)
            return None
        return self.model._default_manager.select_related("project", "root").get(pk=storage_id)

    def keep(self, storage_id: int, worker: Holder, **marks: Any) -> None:
        """A fresh lease. LeaseLost where it is no longer the worker's."""
        worker.keep(self.unfinished().filter(pk=storage_id), **marks)

    def release(self, storage_id: int, worker: Holder) -> None:
        """Gives it back: another worker goes on where this one was."""
        worker.release(self.unfinished().filter(pk=storage_id), status=Status.QUEUED)

    def end(self, storage_id: int, worker: Holder, status: str, **outcome: Any) -> None:
        """Writes the outcome. LeaseLost where it is no longer the worker's."""
        mine = self.unfinished().filter(pk=storage_id, lease_owner=worker.id)
        if not mine.update(status=status, last_sync=timezone.now(), **outcome, **NOBODY):
            raise LeaseLost
