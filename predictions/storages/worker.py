"""A worker's way through the synchronisation of a storage, whatever is done in it."""

import logging
import time
from collections.abc import Callable
from typing import Any, Generic

from predictions.storages.state import LEASE_S, S, Status, Synchronisations
from predictions_api.jobs.heartbeats import Heartbeat
from predictions_api.jobs.leases import Holder, LeaseLost
from predictions_api.outbound.buckets.place import BucketFault
from predictions_api.outbound.client import Blocked
from predictions_api.postgres.outages import is_outage

log = logging.getLogger(__name__)

#: How long one worker is at one synchronisation, which can be asked for again.
MOST_S = 6 * 3600.0
#: Files in a row that cannot be reached before the others are not asked for.
MOST_UNREACHED = 20
#: Files that the outcome names.
MOST_TOLD = 20
BROKEN = "It could not be done; the worker's log says why."
TOO_LONG = f"It took longer than {MOST_S / 3600:g} hours. What was done stays; synchronise again."


class Stopped(Exception):
    """The storage cannot be synchronised any further; the text says why."""


class Unreached:
    """Counts files in a row that cannot be reached."""

    def __init__(self) -> None:
        self._n = 0

    def look(self, fault: str) -> None:
        """At one file: what went wrong, or nothing. Stopped after too many that went wrong."""
        self._n = self._n + 1 if fault else 0
        if self._n == MOST_UNREACHED:
            raise Stopped(f"{MOST_UNREACHED} files in a row could not be reached: {fault}")


class Progress(Generic[S]):
    """How far a worker has come with a storage."""

    def __init__(self, rows: Synchronisations[S], storage: S, worker: Holder) -> None:
        self.rows, self.storage, self.worker = rows, storage, worker
        #: Tasks made, or files written; also by workers that ended before this one.
        self.n = storage.last_sync_count or 0
        self.n_faults = 0
        self._faults: list[str] = []
        self._until = time.monotonic() + MOST_S

    def keep(self, **marks: Any) -> None:
        """Writes how far it is. LeaseLost, and Stopped after too long a time."""
        self.rows.keep(self.storage.pk, self.worker, last_sync_count=self.n, **marks)
        if time.monotonic() > self._until:
            raise Stopped(TOO_LONG)

    def blame(self, name: str, reason: str) -> None:
        """Notes a file that was left out, and why."""
        self.n_faults += 1
        if len(self._faults) < MOST_TOLD:
            self._faults.append(f"{name}: {reason}")

    def told(self, last: str = "") -> str | None:
        """What went wrong, a line for each file, `last` the last of them; None for nothing."""
        more = self.n_faults - len(self._faults)
        lines = [*self._faults, *([f"and {more} more"] if more else []), *([last] if last else [])]
        # A file may be named by characters that Postgres does not take.
        return "\n".join(lines).replace("\0", "\\0") or None


def run(rows: Synchronisations[S], storage_id: int, work: Callable[[Progress[S]], object]) -> None:
    """Does `work` on a storage, or nothing while another worker has it in hand or it has ended.

    Where the database is away that is raised, and the next worker goes on; every other error ends
    it with a reason.
    """
    worker = Holder(LEASE_S)
    storage = rows.claim(storage_id, worker)
    if storage is None:
        return
    try:
        with Heartbeat(lambda: rows.keep(storage_id, worker), every_s=LEASE_S / 3):
            _work(Progress(rows, storage, worker), work)
    except LeaseLost:
        log.info("synchronisation given up", extra={"storage": storage_id})
    except BaseException:
        rows.release(storage_id, worker)
        raise


def _work(progress: Progress[S], work: Callable[[Progress[S]], object]) -> None:
    storage_id, status, last = progress.storage.pk, Status.FAILED, ""
    try:
        work(progress)
        status = Status.WITH_ERRORS if progress.n_faults else Status.COMPLETED
    except (Stopped, BucketFault, Blocked) as error:
        last = str(error)
    except LeaseLost:
        raise
    except Exception as error:
        if is_outage(error):
            raise
        log.exception("synchronisation failed", extra={"storage": storage_id})
        last = BROKEN
    progress.rows.end(
        storage_id,
        progress.worker,
        status,
        last_sync_count=progress.n,
        traceback=progress.told(last),
    )
