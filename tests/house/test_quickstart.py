"""`manage.py quickstart` as a person runs it: real processes on a free port, and its own words."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

PROJECT_DIR = Path(__file__).resolve().parents[2]
DEADLINE_S = 45
OWN_VARIABLES = (
    *("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "SECRET_KEY"),
    *("ALLOWED_HOSTS", "DEBUG", "LOG_LEVEL", "PROMETHEUS_MULTIPROC_DIR"),
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
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("Running."):
                break
        self.processes = running_in(data_dir)

    def __enter__(self) -> "Quickstart":
        return self

    def __exit__(self, *failure: object) -> None:
        """Leaves nothing running, whatever a test found wrong."""
        if self.process.poll() is None:
            self.end()
        assert self.process.stdout
        self.process.stdout.close()
        await_nobody(self.data_dir)

    def fact(self, name: str) -> str:
        """The first word behind a name it printed."""
        found = re.search(rf"^ *{name}  (.+)$", self.said, re.MULTILINE)
        assert found, self.said
        return found[1].strip()

    def commands(self) -> list[str]:
        """The three commands to copy."""
        lines = self.said.partition("Try it:")[2].splitlines()
        return [line for line in lines if line and not line.startswith("Running.")]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode


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


def run(command: str) -> str:
    done = subprocess.run(
        shlex.split(command), capture_output=True, text=True, cwd=PROJECT_DIR, timeout=DEADLINE_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


needs_curl = pytest.mark.skipif(
    not shutil.which("curl"), reason="two of the commands to copy are curl's"
)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """One directory for all of this file, so that most starts are second starts."""
    path = Path(tempfile.mkdtemp(prefix="quick-", dir="/tmp"))
    yield path
    await_nobody(path)
    shutil.rmtree(path)


@needs_curl
def test_shows_three_commands_that_work_and_leaves_nothing_when_killed(data_dir: Path) -> None:
    with Quickstart(data_dir) as started:
        listing, creating, sdk = started.commands()
        first_two: list[dict[str, Any]] = json.loads(run(listing))
        assert [row["model_version"] for row in first_two] == ["digits-small"] * 2
        created = json.loads(run(creating))
        assert created["model_version"] == "mine"
        assert created["task"] == first_two[0]["task"]
        assert run(sdk).strip() == "['Handwritten digits (demo)']"

        # Killed, it can tell nobody to stop; `with` waits until all have noticed by themselves.
        names = [process.name() for process in started.processes]
        assert "postgres" in names
        assert names.count("python") >= 5, "quickstart, web and its workers, worker, keeper"
        started.end(signal.SIGKILL)


@needs_curl
def test_second_start_finds_everything_again(data_dir: Path) -> None:
    options = {"INITIAL_WORKSPACE": "second"}
    with Quickstart(data_dir, "--no-worker", "--no-demo", **options) as started:
        token, login = started.fact("Token"), started.fact("Admin").split()[1:]
        listing, creating, _ = started.commands()
        assert json.loads(run(listing)) == [], "another workspace sees nothing of the demo"
        assert json.loads(run(creating))["title"] == "First project"
        assert started.end(signal.SIGTERM) == 0
    with Quickstart(data_dir, "--no-worker", "--no-demo", **options) as again:
        assert (again.fact("Token"), again.fact("Admin").split()[1:]) == (token, login)
        assert again.end(signal.SIGINT) == 0


def test_ends_when_a_process_of_its_own_does(data_dir: Path) -> None:
    with Quickstart(data_dir, "--no-demo") as started:
        # The worker has a child of its own, which shows the same command line.
        [worker] = [
            p
            for p in started.processes
            if p.cmdline()[-1] == "worker" and p.ppid() == started.process.pid
        ]
        worker.kill()
        said, _ = started.process.communicate(timeout=DEADLINE_S)
        assert started.process.returncode == 1
        assert "A process ended by itself" in said


def test_says_that_the_port_is_taken(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Quickstart(data_dir, "--bind", f"127.0.0.1:{port}") as started:
            assert started.process.wait(DEADLINE_S) == 1
    assert f"Port {port} of 127.0.0.1 is taken" in started.said
    assert f"--bind 127.0.0.1:{port + 1}" in started.said
    assert "Traceback" not in started.said
