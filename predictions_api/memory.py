"""Memory of a process: large requests take turns, and what they leave is given back.

What a request is about to make of its body is known before it is made. Threads hold that much of
HELD_BYTES until their request is answered, so that eight large ones at once do not need eight times
the memory of one.
"""

import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MB = 2**20
#: What the large requests of a process may need together; a single one may need as much.
HELD_BYTES = 768 * MB
#: What nobody waits for.
SMALL_BYTES = 8 * MB
#: How long a request waits for its turn.
PATIENCE_S = 30.0
#: How much a process may grow before it looks for what it can give back, and how often it looks.
GROWTH_BYTES = 64 * MB
LOOK_EVERY_S = 1.0
#: What it has grown by less than that, it gives back after a while.
LITTLE_BYTES, GIVE_EVERY_S = 4 * MB, 20.0
#: A process that is larger after it gave back what it could is replaced.
MOST_RESIDENT_BYTES = int(os.environ.get("MAX_PROCESS_MB") or 1536) * MB

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STATM = Path("/proc/self/statm")


class Crowded(Exception):
    """Other large requests need the server's memory; try again in a minute."""


class _Held(threading.local):
    """What this thread holds."""

    n_bytes = 0


_mine = _Held()
_turns = threading.Condition()
_all = 0


def hold(n_bytes: int) -> None:
    """Waits until so much may be made, and keeps it until `let_go`.

    Who holds something already does not wait. Crowded where no turn comes within PATIENCE_S.
    """
    global _all
    if n_bytes < SMALL_BYTES:
        return
    with _turns:
        is_first = not _mine.n_bytes

        def is_free() -> bool:
            return not is_first or not _all or _all + n_bytes <= HELD_BYTES

        if not _turns.wait_for(is_free, PATIENCE_S):
            raise Crowded(Crowded.__doc__)
        _all += n_bytes
        _mine.n_bytes += n_bytes


def let_go() -> None:
    """Gives up what this thread holds."""
    global _all
    if _mine.n_bytes:
        with _turns:
            _all -= _mine.n_bytes
            _mine.n_bytes = 0
            _turns.notify_all()


@contextmanager
def held(n_bytes: int) -> Iterator[None]:
    """Holds so much inside the block alone. Crowded as `hold`."""
    global _all
    before = _mine.n_bytes
    hold(n_bytes)
    try:
        yield
    finally:
        with _turns:
            _all -= _mine.n_bytes - before
            _mine.n_bytes = before
            _turns.notify_all()


class Turns:
    """The middleware that lets go of what a request held."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        try:
            return self.get_response(request)
        finally:
            let_go()


def resident() -> int:
    """Bytes of memory that this process occupies; 0 where that cannot be told."""
    try:
        return int(STATM.read_bytes().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


class Keeper:
    """Gives back what a process does not need any more, and tells when that does not help."""

    def __init__(self) -> None:
        self._next_look = self._next_gift = 0.0
        self._after_last = 0
        self._lock = threading.Lock()

    def look(self) -> bool:
        """Called after each request or job: whether the process is too large and shall be replaced.

        Costs 30 µs once a second; 20 to 50 ms where the process has grown much, or a little for a
        while.
        """
        now = time.monotonic()
        if now < self._next_look or not self._lock.acquire(blocking=False):
            return False
        try:
            self._next_look = now + LOOK_EVERY_S
            grown = resident() - self._after_last
            if grown <= (LITTLE_BYTES if now >= self._next_gift else GROWTH_BYTES):
                return False
            give_back()
            self._next_gift = now + GIVE_EVERY_S
            self._after_last = resident()
            return self._after_last > MOST_RESIDENT_BYTES
        finally:
            self._lock.release()


def give_back() -> None:
    """Returns freed memory to the system, where the C library can."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


keeper = Keeper()
