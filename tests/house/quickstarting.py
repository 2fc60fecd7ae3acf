"""Starts `manage.py quickstart` in a process of its own, for tests that need everything."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PROJECT_DIR = Path(__file__).resolve().parents[2]
DEADLINE_S = 45
OWN_VARIABLES = (
    *("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "SECRET_KEY"),
    *("ALLOWED_HOSTS", "DEBUG", "LOG_LEVEL", "PROMETHEUS_MULTIPROC_DIR"),
)


def run_python(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A script in a process of its own, in the project's folder, with these variables beside those
    there are.
    """
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT_DIR,
        timeout=DEADLINE_S,
        env={**os.environ, **variables},
    )


class Quickstart:
    """A running quickstart and what it printed."""

    def __init__(self, data_dir: Path, *arguments: str, **variables: str) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in OWN_VARIABLES}
        environment |= {"DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1", **variables}
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "quickstart", "--bind", "127.0.0.1:0", *arguments],
            cwd=PROJECT_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        self.output = ""
        for line in self.process.stdout:
            self.output += line
            if line.startswith("Running."):
                break
        self.processes = running_in(data_dir)

    def __enter__(self) -> "Quickstart":
        return self

    def __exit__(self, *failure: object) -> None:
        """Ends every process, also after a failed test."""
        if self.process.poll() is None:
            self.end()
        assert self.process.stdout
        self.process.stdout.close()
        await_nobody(self.data_dir)

    def fact(self, name: str) -> str:
        """The first word after a name in its output."""
        found = re.search(rf"^ *{name}  (.+)$", self.output, re.MULTILINE)
        assert found, self.output
        return found[1].strip()

    def commands(self) -> list[str]:
        """The three commands to copy."""
        lines = self.output.partition("Try it:")[2].splitlines()
        return [line for line in lines if line and not line.startswith("Running.")]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode


@contextmanager
def temporary(prefix: str, **variables: str) -> Iterator[Quickstart]:
    """A quickstart with a temporary data directory and one web process.

    The directory's path is short enough for a socket in it.
    """
    data_dir = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    with Quickstart(data_dir, WEB_CONCURRENCY="1", **variables) as started:
        yield started
    shutil.rmtree(data_dir)


def running_in(data_dir: Path) -> list[psutil.Process]:
    """Every process that works on a data directory."""
    mine = []
    for process in psutil.process_iter():
        try:
            is_mine = process.environ().get("DATA_DIR") == str(data_dir)
            is_mine = is_mine or any(str(data_dir) in word for word in process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if is_mine and process.pid != os.getpid():
            mine.append(process)
    return mine


def await_nobody(data_dir: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while left := running_in(data_dir):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)
