"""Starts a real web server as production does, for tests over HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent.parent
START_WITHIN_S = 60


@dataclass(frozen=True)
class Server:
    """Its address, and the file with all its output."""

    url: str
    port: int
    output: Path
    environment: Mapping[str, str]

    def manage(self, *arguments: str) -> str:
        """What a management command of the same installation prints."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()

    def written(self) -> str:
        return self.output.read_text()


@cache
def _migrate(database_url: str | None, data_dir: str) -> None:
    """Once for all servers of this process; nobody drops the tables."""
    environment = {**os.environ, "DATA_DIR": data_dir}
    if database_url is not None:
        environment["DATABASE_URL"] = database_url
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


@contextmanager
def running(
    folder: Path, *, migrate: bool = True, workers: int = 1, **more: str
) -> Iterator[Server]:
    """gunicorn on a free port, with `more` in its environment. Ends with the block."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.house.server_settings",
        "LOG_LEVEL": "INFO",
        **more,
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        output = folder / "output.log"
        server = Server(f"http://127.0.0.1:{port}", port, output, environment)
        if migrate:
            _migrate(environment.get("DATABASE_URL"), environment["DATA_DIR"])
        command = [sys.executable, "-m", "gunicorn", "predictions_api.wsgi"]
        command += ["--bind", f"fd://{listener.fileno()}", "--threads=4", f"--workers={workers}"]
        with output.open("w") as written:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=written,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
            )
        try:
            _await(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(START_WITHIN_S)


def _await(server: Server, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        assert process.poll() is None, server.written()
        try:
            requests.get(f"{server.url}/health", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            assert time.monotonic() < deadline, server.written()
            time.sleep(0.05)
        else:
            return
