"""Signs of life from a thread of its own, while the work of a job goes on."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType

from django.db import connections

from predictions_api.jobs.leases import LeaseLost

log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `beat`, which extends a lease, every `every_s` seconds within the `with` block.

    After LeaseLost it stops: the work finds out when it wants to write. Any other error is logged
    and the next beat tried, for the database may be back before the lease is over.
    """

    def __init__(self, beat: Callable[[], object], *, every_s: float) -> None:
        self._beat, self._every_s = beat, every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._stopped.wait(self._every_s):
                try:
                    self._beat()
                except LeaseLost:
                    return
                except Exception:
                    log.warning("heartbeat failed", exc_info=True)
                    connections.close_all()
        finally:
            connections.close_all()
