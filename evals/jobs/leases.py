"""Who is at work on an evaluation: one worker at a time, until its lease runs out.

A worker that was killed holds its evaluation for the rest of its lease and nothing else. All times
are the database's own, so that clocks of machines need not agree.
"""

import threading
import uuid
from collections.abc import Callable
from types import TracebackType

import structlog
from django.conf import settings
from django.db import connection, connections

log = structlog.stdlib.get_logger("evals")

# So many claims in a row without a chunk counted: the evaluation itself is at fault.
MOST_ATTEMPTS = 5


class LeaseLost(Exception):
    """Somebody else holds the evaluation, or it was cancelled, run again or deleted."""


CLAIM_SQL = """
UPDATE evals_modeleval
SET lease_owner = %s, lease_until = clock_timestamp() + make_interval(secs => %s),
    attempts = attempts + 1
WHERE id = %s AND status = 'running' AND origin = 'computed'
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING attempts
"""
EXTEND_SQL = """
UPDATE evals_modeleval SET lease_until = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND lease_owner = %s AND status = 'running'
"""
RELEASE_SQL = """
UPDATE evals_modeleval
SET lease_until = NULL, lease_owner = NULL, attempts = greatest(attempts - 1, 0)
WHERE id = %s AND lease_owner = %s AND status = 'running'
"""


def claim(evaluation_id: int, owner: uuid.UUID) -> int | None:
    """How often it was taken up without progress, this time included; None if it is not free."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_SQL, [owner, settings.EVALUATION_LEASE_S, evaluation_id])
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def extend(evaluation_id: int, owner: uuid.UUID) -> None:
    """A fresh lease; in a transaction it also keeps others out until commit. Or LeaseLost."""
    with connection.cursor() as cursor:
        cursor.execute(EXTEND_SQL, [settings.EVALUATION_LEASE_S, evaluation_id, owner])
        if not cursor.rowcount:
            raise LeaseLost


def release(evaluation_id: int, owner: uuid.UUID) -> None:
    """Frees an unfinished evaluation for the next worker at once."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE_SQL, [evaluation_id, owner])


class Heartbeat:
    """Extends the lease from a thread of its own while the work of one chunk goes on."""

    def __init__(self, evaluation_id: int, owner: uuid.UUID) -> None:
        self._evaluation_id, self._owner = evaluation_id, owner
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Callable[[], None]:
        self._thread.start()
        return self._stopped.set

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stopped.wait(settings.EVALUATION_LEASE_S / 3):
                try:
                    extend(self._evaluation_id, self._owner)
                except LeaseLost:
                    # The work finds out when it wants to write.
                    return
                except Exception:
                    # The database may be back before the lease is over.
                    log.warning("heartbeat failed", exc_info=True)
                    connections.close_all()
        finally:
            connections.close_all()
