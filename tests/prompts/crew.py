"""Real worker processes against a real database that they may lose, for the crash tests."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2

from predictions_api.postgres import embedded

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = 2.0
DEADLINE_S = 60.0


def until(what: Callable[[], Any], *, within_s: float = DEADLINE_S) -> Any:
    """What the function returns, once that is true. AssertionError if it takes too long."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s} s")


class Crew:
    """A database of its own, which nobody starts but us, and workers that can be killed. One that
    is there already where DATABASE_URL is among the environment.
    """

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.is_embedded = "DATABASE_URL" not in environment
        url = environment.get("DATABASE_URL", "")
        if self.is_embedded:
            server = embedded.use(data_dir)
            url = f"postgres://postgres@/predictions?host={server.socket_dir}&port={server.port}"
        self.environment = {
            **os.environ,
            "DATA_DIR": str(data_dir),
            "DATABASE_URL": url,
            "SECRET_KEY": "a secret for tests only, which guards nothing at all",
            "DJANGO_SETTINGS_MODULE": "predictions_api.settings",
            "ALLOW_PRIVATE_URLS": "true",
            "RUN_LEASE_S": str(LEASE_S),
            "PROVIDER_TIMEOUT_S": "2",
            "PROVIDER_BACKOFF_S": "0.05",
            "LOG_LEVEL": "WARNING",
            **environment,
        }
        self.workers: list[subprocess.Popen[bytes]] = []
        self.log = (data_dir / "workers.log").open("ab")

    def manage(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
            **more,
        )

    def run(self, code: str) -> str:
        """What a piece of code says in a process of its own that sees the database."""
        process = self.manage("shell", "--verbosity=0", "-c", code, stdout=subprocess.PIPE)
        said, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0
        return said.decode().strip()

    def migrate(self) -> None:
        assert self.manage("migrate", "--verbosity=0").wait(DEADLINE_S) == 0

    def start_worker(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = self.manage(
            "worker", "--interval=0.1", *arguments, stdout=self.log, stderr=self.log
        )
        self.workers.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL for the worker and its children, as a machine that loses power."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
        self.workers.remove(process)

    def query(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        if self.is_embedded:
            embedded.use(self.data_dir)
        connection = psycopg2.connect(self.environment["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, params)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def stop_postgres(self) -> None:
        """Ends the database server as an operator's restart does; `embedded.use` starts it."""
        pid = int((self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGINT)
        until(lambda: not (self.data_dir / "postgres" / "postmaster.pid").exists())

    def end(self) -> None:
        for process in list(self.workers):
            self.kill(process)
        self.log.close()


def pause() -> float:
    """A moment of random length, within which a run gets somewhere."""
    return random.uniform(0.0, 0.3)
