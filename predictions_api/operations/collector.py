"""Pauses Python's cyclic garbage collector while much data without cycles is built."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No search for cycles inside: for parsed JSON and answers about to be sent, which have none.

    Thousands of small lists made at once set off search after search through all that the process
    holds: a third of counting a chunk, three quarters of making a page (measured). Threads may nest
    it: whoever found it running turns it on again.
    """
    was_running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_running:
            gc.enable()
