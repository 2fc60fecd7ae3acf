"""`manage.py quickstart` with real processes on a free port, and its output."""

import json
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.quickstarting import DEADLINE_S, PROJECT_DIR, Quickstart, await_nobody


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
@pytest.mark.slow
def test_shows_three_commands_that_work_and_leaves_nothing_when_killed(data_dir: Path) -> None:
    with Quickstart(data_dir) as started:
        listing, creating, sdk = started.commands()
        first_two: list[dict[str, Any]] = json.loads(run(listing))
        assert [row["model_version"] for row in first_two] == ["digits-small"] * 2
        created = json.loads(run(creating))
        assert created["model_version"] == "mine"
        assert created["task"] == first_two[0]["task"]
        assert run(sdk).strip() == (
            "['Stars of reviews (demo)', 'Names in news (demo)', 'Handwritten digits (demo)']"
        )

        # Killed, it can tell nobody to stop; `with` waits until all have noticed by themselves.
        names = [process.name() for process in started.processes]
        assert "postgres" in names
        assert names.count("python") >= 5, "quickstart, web and its workers, worker, keeper"
        started.end(signal.SIGKILL)


@needs_curl
@pytest.mark.slow
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


@pytest.mark.slow
def test_ends_when_a_process_of_its_own_does(data_dir: Path) -> None:
    with Quickstart(data_dir, "--no-demo") as started:
        # The worker has a child of its own, which shows the same command line.
        [worker] = [
            p
            for p in started.processes
            if p.cmdline()[-1] == "worker" and p.ppid() == started.process.pid
        ]
        worker.kill()
        output, _ = started.process.communicate(timeout=DEADLINE_S)
        assert started.process.returncode == 1
        assert "A process ended by itself" in output
        # Of its own requests, such as the one for the page to see first, no line is shown.
        assert "HTTP Request" not in started.output


def test_says_that_the_port_is_taken(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Quickstart(data_dir, "--bind", f"127.0.0.1:{port}") as started:
            assert started.process.wait(DEADLINE_S) == 1
    assert f"Port {port} of 127.0.0.1 is taken" in started.output
    assert f"--bind 127.0.0.1:{port + 1}" in started.output
    assert "Traceback" not in started.output
