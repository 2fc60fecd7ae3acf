"""gunicorn's threaded worker, with connections shared out evenly among the workers.

The kernel gives a new connection to any worker, and clients keep their connections. With six of
eight clients at one of two workers, 800 reads a second were answered; with four at each, 1,500.
"""

import mmap
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

#: Workers numbered alike share a slot, which costs them balance and nothing else.
SLOTS = 256
#: How long a worker with more connections lets the others go first: ten times what they need.
PATIENCE_S = 0.0005
#: For each worker: 1 + open connections; 0 = not accepting. Made before the fork, so that all share
#: it.
COUNTS = memoryview(mmap.mmap(-1, 4 * SLOTS)).cast("i")


class BalancedWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """`worker_class` of gunicorn."""

    def notify(self) -> None:
        """Publishes this worker's count. gunicorn calls it before each wait for work."""
        super().notify()
        COUNTS[self.age % SLOTS] = self.nr_conns + 1 if self.alive else 0

    def accept(self, listener: Any) -> None:
        """Accepts a connection, after waiting a little if another worker has fewer."""
        # Waiting for a difference of one made clients slower that connect anew for each request.
        if self.nr_conns > min(filter(None, COUNTS), default=0):
            time.sleep(PATIENCE_S)
        super().accept(listener)
        self.notify()


def forget(worker: Any) -> None:
    """Marks a worker that ended as not accepting."""
    COUNTS[worker.age % SLOTS] = 0
