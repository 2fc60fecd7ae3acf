"""Starts child processes that end with the command that started them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

PR_SET_PDEATHSIG = 1
# Time for gunicorn to finish its requests and for the worker to finish its task.
GRACE_S = 10


class Stopped(BaseException):
    """This process was asked to stop: Ctrl-C, SIGTERM, or a closed terminal."""


class Child:
    """A running program, in a session of its own, whose output goes to a file."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.log = log
        with log.open("w") as output:
            # Not in our group: Ctrl-C reaches us alone, and we stop the others in order.
            self.process = subprocess.Popen(  # noqa: S603
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
                pass_fds=pass_fds,
                preexec_fn=end_with_parent(),
            )

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def last_words(self) -> str:
        """The last lines of its output, to show why it ended."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def signal_group(self, how: signal.Signals) -> None:
        """Signals the program and what it started; does nothing if all have ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)


def end_with_parent() -> Callable[[], None] | None:
    """A `preexec_fn`: on Linux the child gets a SIGTERM even if this process is SIGKILLed."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        # We may have died before the call above.
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def stop(children: Sequence[Child]) -> None:
    """Ends children and what they started: SIGTERM first, SIGKILL after 10 s."""
    for child in children:
        child.signal_group(signal.SIGTERM)
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(GRACE_S)
        child.signal_group(signal.SIGKILL)
        child.process.wait()


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Raises Stopped in the block on SIGINT, SIGTERM and SIGHUP; later signals are ignored."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        for caught in earlier:
            signal.signal(caught, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier: dict[signal.Signals, Any] = {name: signal.signal(name, on_signal) for name in signals}
    try:
        yield
    finally:
        for name, handler in earlier.items():
            signal.signal(name, handler)
