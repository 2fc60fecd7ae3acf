"""DATABASE_URL, and the embedded server: shared, never stopped under a user, never left running.

The servers here are real ones in directories of their own; every wait polls with a deadline.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.exceptions import ImproperlyConfigured

from predictions_api.postgres import settings

PROJECT_DIR = Path(__file__).resolve().parents[3]
DEADLINE_S = 30

# Opens a connection as Django would, says so, and lives until its standard input closes.
# A shell that runs the tests in its background has them ignore SIGINT, and so all they start.
CLIENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from django.conf import settings
from pathlib import Path
from predictions_api.postgres.settings import databases
settings.configure(DATABASES=databases(data_dir=Path(sys.argv[1])))
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SHOW fsync")
    fsync = cursor.fetchone()[0]
    cursor.execute("SELECT current_database(), %s, pg_postmaster_start_time()", [fsync])
    print(*cursor.fetchone(), flush=True)
connection.close()
sys.stdin.read()
"""


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            (
                "postgres://ann:secret@db.example.com:6432/store",
                {"USER": "ann", "PASSWORD": "secret", "HOST": "db.example.com", "PORT": "6432"},
            ),
            ("postgresql://db/store", {"USER": "", "PASSWORD": "", "HOST": "db", "PORT": ""}),
            (
                "postgres://a%40b:p%2Fw%3A%25@db/store",
                {"USER": "a@b", "PASSWORD": "p/w:%"},
            ),
            ("postgres:///store?host=/run/postgresql", {"HOST": "/run/postgresql"}),
            ("postgres://%2Frun%2Fpostgresql/store", {"HOST": "/run/postgresql"}),
            ("postgres://[::1]:5433/store", {"HOST": "::1", "PORT": "5433"}),
            ("postgres://one:1,two:2/store", {"HOST": "one,two", "PORT": "1,2"}),
            ("postgres://db/my%20store", {"NAME": "my store"}),
            (
                "postgres://db/store?sslmode=verify-full&connect_timeout=30",
                {"OPTIONS": {"sslmode": "verify-full", "connect_timeout": "30"}},
            ),
            (
                "postgres://db/store?options=-c%20synchronous_commit%3Doff",
                {"OPTIONS": {"options": "-c synchronous_commit=off", "connect_timeout": 5}},
            ),
        ],
    )
    def test_is_read_as_libpq_reads_it(self, url: str, expected: dict[str, Any]) -> None:
        entry = settings.from_url(url)
        assert {key: entry[key] for key in expected} == expected
        assert entry["ENGINE"] == "predictions_api.postgres"
        assert entry["NAME"] in {"store", "my store"}
        assert (entry["CONN_MAX_AGE"], entry["CONN_HEALTH_CHECKS"]) == (60, True)

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("sqlite:///db.sqlite3", "must begin with postgres://"),
            ("db.example.com/store", "must begin with postgres://"),
            ("postgres://ann:secret@db", "names no database"),
            ("postgres://ann:secret@db/store?sslmod=require", 'query parameter: "sslmod"'),
            ("postgres://ann:secret%zz@db/store", "percent-encoded"),
            ("postgres://ann:secret@[::1/store", "IPv6"),
        ],
    )
    def test_names_what_is_wrong_and_keeps_the_password_to_itself(
        self, url: str, message: str
    ) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            settings.from_url(url)
        assert message in str(caught.value)
        assert "secret" not in str(caught.value)

    def test_decides_between_the_two_databases(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgres://db/store")
        assert settings.databases(data_dir=Path("/unused"))["default"]["HOST"] == "db"
        monkeypatch.setenv("DATABASE_URL", "")
        embedded = settings.databases(data_dir=Path("/unused"))["default"]
        assert embedded["ENGINE"] == "predictions_api.postgres"
        assert not Path("/unused").exists()


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    """A server's files, to copy: faster than a new initdb."""
    path = Path(tempfile.mkdtemp(prefix="house-", dir="/tmp"))
    client = Client(path)
    assert client.connected().startswith("predictions on ")
    client.end()
    await_that(lambda: not servers(path))
    yield path / "postgres"
    shutil.rmtree(path)


@pytest.fixture
def data_dir(made_once: Path) -> Iterator[Path]:
    """A directory of one server, short enough for a socket; checked to be unused at the end."""
    path = Path(tempfile.mkdtemp(prefix="house-", dir="/tmp"))
    subprocess.run(["cp", "-a", made_once, path], check=True)
    yield path
    await_that(lambda: not servers(path))
    shutil.rmtree(path)


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def servers(data_dir: Path) -> list[psutil.Process]:
    """The processes that serve a directory: the keeper and Postgres, with its children."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        is_inside = str(process.info["cwd"] or "").startswith(str(data_dir))
        is_server = is_inside or any(word.startswith(str(data_dir)) for word in words)
        if is_server and not any(word == CLIENT for word in words):
            found.append(process)
    return found


class Client:
    """Another process that uses the server."""

    def __init__(self, data_dir: Path, *, before: tuple[str, ...] = ()) -> None:
        environment = {**os.environ, "PYTHONPATH": str(PROJECT_DIR), "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("DATABASE_URL", None)
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", CLIENT, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=PROJECT_DIR,
        )

    def connected(self) -> str:
        """Its line after connecting: database, fsync, start of the server."""
        assert self.process.stdout
        assert self.process.stderr
        line: str = self.process.stdout.readline().strip()
        return line or self.process.stderr.read()

    def end(self, how: signal.Signals | None = None) -> None:
        assert self.process.stdin
        if how is None:
            self.process.stdin.close()
        else:
            self.process.send_signal(how)
        self.process.wait(DEADLINE_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


class TestEmbeddedServer:
    def test_is_started_by_the_first_and_stopped_after_the_last(self, data_dir: Path) -> None:
        first, second = Client(data_dir), Client(data_dir)
        started = first.connected()
        assert started.startswith("predictions on ")
        assert second.connected() == started, "both use one server"
        first.end()
        third = Client(data_dir)
        assert third.connected() == started, "it was not stopped under the second"
        second.end()
        third.end()
        await_that(lambda: not servers(data_dir))

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
    def test_is_not_left_behind_by_a_process_that_is_ended(
        self, data_dir: Path, how: signal.Signals
    ) -> None:
        client = Client(data_dir)
        client.connected()
        assert servers(data_dir)
        client.end(how)
        await_that(lambda: not servers(data_dir))

    def test_closes_its_files_cleanly(self, data_dir: Path) -> None:
        for _ in range(2):
            client = Client(data_dir)
            assert client.connected().startswith("predictions on ")
            client.end()
            await_that(lambda: not servers(data_dir))
        log = (data_dir / "postgres.log").read_text()
        assert log.count("database system was shut down at") == 2
        assert "interrupted" not in log

    @pytest.mark.slow
    def test_goes_down_with_its_keeper_and_comes_back(self, data_dir: Path) -> None:
        client = Client(data_dir)
        client.connected()
        keeper = next(p for p in servers(data_dir) if any("keeper.py" in w for w in p.cmdline()))
        keeper.kill()
        successor = Client(data_dir)
        assert successor.connected().startswith("predictions on ")
        successor.end()
        client.end()
        await_that(lambda: not servers(data_dir))

    def test_survives_many_that_come_and_go(self, data_dir: Path) -> None:
        for how in (signal.SIGKILL, signal.SIGTERM):
            clients = [Client(data_dir) for _ in range(2)]
            for client in clients:
                assert client.connected().startswith("predictions on ")
                client.end(how)

    @pytest.mark.slow
    def test_serves_a_directory_whose_path_is_too_long_for_a_socket(self, data_dir: Path) -> None:
        deep = data_dir / ("deep" * 30) / "a, b"
        client = Client(deep)
        assert client.connected().startswith("predictions on ")
        sockets = Path((deep / "postgres" / "postmaster.pid").read_text().splitlines()[4])
        assert sockets.stat().st_mode & 0o077 == 0, "nobody else may connect"
        client.end()
        await_that(lambda: not servers(deep))
        assert not sockets.exists()

    @pytest.mark.slow
    def test_ignores_the_pid_file_of_an_earlier_life(self, data_dir: Path) -> None:
        client = Client(data_dir)
        client.connected()
        stale = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
        client.end()
        await_that(lambda: not servers(data_dir))
        # As after a crash of the machine: the number belongs to a living stranger now.
        lines = [str(os.getpid()), *stale[1:]]
        (data_dir / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        client = Client(data_dir)
        assert client.connected().startswith("predictions on ")
        client.end()

    def test_says_what_is_wrong_with_its_files(self, data_dir: Path) -> None:
        (data_dir / "postgres" / "PG_VERSION").write_text("16\n")
        client = Client(data_dir)
        assert "was made by Postgres 16, this is 18" in client.connected()
        client.end()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
    @pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
    @pytest.mark.slow
    def test_runs_as_an_ordinary_user_and_for_root_after_it(self, data_dir: Path) -> None:
        shutil.rmtree(data_dir / "postgres")
        shutil.chown(data_dir, "nobody")
        # The one capability only lets it find an interpreter that lives in root's home.
        become = ["setpriv", "--reuid=nobody", "--clear-groups"]
        reach = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        for before in ((*become, *reach), ()):
            client = Client(data_dir, before=before)
            assert client.connected().startswith("predictions on ")
            assert {
                process.username() for process in servers(data_dir) if process.name() == "postgres"
            } == {"nobody"}
            client.end()
            await_that(lambda: not servers(data_dir))

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root must hand over to another user")
    def test_lets_the_server_pass_a_private_directory_but_not_list_it(self, data_dir: Path) -> None:
        data_dir.chmod(0o700)
        client = Client(data_dir)
        assert client.connected().startswith("predictions on ")
        client.end()
        assert data_dir.stat().st_mode & 0o777 == 0o711

    def test_opens_a_shell_without_an_installed_psql(self, data_dir: Path) -> None:
        environment = {**os.environ, "DATA_DIR": str(data_dir), "PATH": "/nonexistent"}
        for name in ("DATABASE_URL", "TEST_DATABASE_URL"):
            environment.pop(name, None)
        shell = [sys.executable, "manage.py", "dbshell", "--", "-Atc", "SELECT current_database()"]
        done = subprocess.run(
            shell, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.stdout.strip() == "predictions", done.stderr
        assert done.returncode == 0, done.stderr
