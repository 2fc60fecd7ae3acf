"""`manage.py`: runs a command, and says in one line what an operator can mend."""

import sys
from collections.abc import Sequence

from django.core.management import execute_from_command_line
from django.db import DatabaseError, ProgrammingError, connection

from predictions_api.postgres.base import UnsupportedPostgres


def database_name() -> str:
    """What the database is called in messages: the DATA_DIR of the embedded one, else its host and
    name. Never a password.
    """
    if data_dir := connection.settings_dict.get("DATA_DIR"):
        return f"of DATA_DIR {data_dir}"
    return "{HOST}/{NAME}".format(**connection.settings_dict)


def unmigrated() -> str | None:
    """What to do where the database lacks migrations, else None. One statement.

    DatabaseError when the database cannot be reached.
    """
    from predictions_api.operations.observability import pending_migrations

    if not (pending := pending_migrations()):
        return None
    return (
        f"The database {database_name()} lacks {len(pending)} migrations of this version: "
        "run `manage.py migrate` first."
    )


def run(arguments: Sequence[str]) -> None:
    """Runs a command. Ends the process with a message instead of a traceback where the database is
    of an unsupported version or lacks migrations; every other error is raised.
    """
    try:
        execute_from_command_line(list(arguments))
    except UnsupportedPostgres as error:
        sys.exit(str(error))
    except ProgrammingError:
        try:
            connection.rollback()
            reason = unmigrated()
        except DatabaseError:
            reason = None
        if reason is None:
            raise
        sys.exit(reason)
