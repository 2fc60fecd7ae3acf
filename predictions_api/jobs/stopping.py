"""`requested` is set when this process was asked to end: long jobs then stop and hand over."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

#: How often a wait looks whether it should end, in seconds.
LOOK_S = 0.1
#: What a stopping process gives the requests that it has out; its supervisors wait 10 s.
GRACE_S = 7.0

T = TypeVar("T")


class Wish:
    """A flag that signal handlers set. It takes no lock: a handler runs in the middle of other
    code, perhaps of an earlier call of itself, which would hold that lock for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True

    def wait(self, seconds: float) -> None:
        """Returns after so many seconds, or at most LOOK_S after the flag was set."""
        end = time.monotonic() + seconds
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_S))


requested = Wish()


class Stopped(Exception):
    """This process was asked to stop, and what it waited for has not come in GRACE_S."""


async def in_time(work: Coroutine[Any, Any, T]) -> T:
    """What the work gives. It is canceled, and Stopped is raised, where it has not ended GRACE_S
    after this process was asked to stop.
    """
    doing = asyncio.ensure_future(work)
    until = float("inf")
    try:
        while not doing.done():
            now = time.monotonic()
            if requested.is_set():
                until = min(until, now + GRACE_S)
            if now >= until:
                raise Stopped
            await asyncio.wait([doing], timeout=LOOK_S)
        return doing.result()
    finally:
        doing.cancel()
        await asyncio.wait([doing])
