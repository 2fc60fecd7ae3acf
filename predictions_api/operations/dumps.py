"""Dumps of the database and their restoring, by Postgres' own programs.

The embedded server's package brings both, in the newest version that works here, so that neither a
laptop nor the image needs more. They read the address that Django has, of either database; the
password goes through their environment, where no list of processes shows it.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from django.db import connection
from psycopg2.extensions import make_dsn

from predictions_api.postgres import embedded

STDIO = "-"


class DumpError(Exception):
    """What Postgres' program said, or why it was not started."""


def dump(target: str) -> None:
    """Writes the whole database into a new file, or to standard output for `-`.

    One snapshot, in pg_dump's compressed format; the service may go on writing meanwhile. A file
    that is there, or a dump that breaks off, is a DumpError; no half file is left.
    """
    if target == STDIO:
        _run("pg_dump", "--format=custom")
        return
    path = Path(target)
    if path.exists():
        raise DumpError(f"{path} is there already; choose another name.")
    # Written whole before it gets its name.
    part = path.with_name(f"{path.name}.part")
    try:
        part.touch(mode=0o600)
        _run("pg_dump", "--format=custom", f"--file={part}")
        part.rename(path)
    except OSError as error:
        raise DumpError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def restore(source: str) -> None:
    """Fills an empty database from a file of `dump`, or from standard input for `-`.

    All or nothing, in one transaction. A database with tables in it is a DumpError.
    """
    if source != STDIO and not Path(source).is_file():
        raise DumpError(f"There is no file {source}.")
    if n_tables := len(connection.introspection.table_names()):
        raise DumpError(
            f"This database has {n_tables} tables. A backup is restored into an empty one: name a"
            " new one in DATABASE_URL, or for the embedded one move DATA_DIR aside."
        )
    file = [] if source == STDIO else [source]
    options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    _run("pg_restore", *options, *file)


def _run(program: str, *arguments: str) -> None:
    parameters: dict[str, Any] = {
        name: value
        for name, value in connection.get_connection_params().items()
        if isinstance(value, str | int)
    }
    environment = {**os.environ, "PGPASSWORD": str(parameters.pop("password", ""))}
    # One connection string takes all that DATABASE_URL may name: hosts, sockets, TLS.
    address = f"--dbname={make_dsn(**parameters)}"
    command = [str(embedded.programs() / program), address, *arguments]
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise DumpError(done.stderr.strip() or f"{program} ended with code {done.returncode}.")
