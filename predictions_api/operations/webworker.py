"""gunicorn's threaded worker, which leaves a new connection to a worker that has fewer.

A client keeps its connection, and a process runs one thread of Python at a time: with eight
clients, six of them at one of two workers, a third of the machine stood idle (measured: 800 reads a
second, 1,500 with four at each). The kernel wakes all workers and does not know who has how many.
"""

import mmap
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

#: Workers numbered alike share a slot, which costs them balance and nothing else.
SLOTS = 256
#: How long a worker with more connections lets the others go first: ten times what they need.
PATIENCE_S = 0.0005
#: For each worker its connections and one; 0 for none that takes any. Made before the fork, so that
#: all have the same.
COUNTS = memoryview(mmap.mmap(-1, 4 * SLOTS)).cast("i")


class BalancedWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """`worker_class` of gunicorn."""

    def notify(self) -> None:
        """Called before each wait for work: the moment when all that ended has been counted."""
        super().notify()
        COUNTS[self.age % SLOTS] = self.nr_conns + 1 if self.alive else 0

    def accept(self, listener: Any) -> None:
        """Takes a connection; where another worker has two fewer, the one that it has left."""
        # Waiting for a difference of one made clients slower that connect anew for each request.
        if self.nr_conns > min(filter(None, COUNTS), default=0):
            time.sleep(PATIENCE_S)
        super().accept(listener)
        self.notify()


def forget(worker: Any) -> None:
    """A worker that ended, however it did, takes no connections."""
    COUNTS[worker.age % SLOTS] = 0
