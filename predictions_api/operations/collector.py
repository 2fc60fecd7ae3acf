"""The garbage collector: paused where only trees are built, and told what is there to stay."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0
_was_running = True


@contextmanager
def paused() -> Iterator[None]:
    """No search for cycles inside: for parsed JSON, rows on their way to the database and answers
    about to be sent, which have none.

    Thousands of small lists made at once set off search after search through all that the process
    holds: a third of counting a chunk, three quarters of making a page, 40 % of importing 30,000
    predictions (measured). Threads may nest and overlap: the last one out turns it on again,
    unless it was off before.
    """
    global _pauses, _was_running
    with _lock:
        if _pauses == 0:
            _was_running = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _was_running:
                gc.enable()


def keep_what_is_loaded() -> None:
    """Leaves all that is there now out of every later search: for a process that has just loaded
    the application, a search through which stops it for one or two tenths of a second.

    Called once, when a web process starts, and by a worker before it forks; nothing else freezes or
    unfreezes.
    """
    gc.collect()
    gc.freeze()
