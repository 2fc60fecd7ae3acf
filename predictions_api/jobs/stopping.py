"""`requested` is set when this process was asked to end: long jobs then stop and hand over."""

import time

#: How often a wait looks whether it should end, in seconds.
LOOK_S = 0.1


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
