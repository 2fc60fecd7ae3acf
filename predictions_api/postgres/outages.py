"""Which errors of the database pass by themselves, and whether its disk is full.

Lost connections, a server that stops or starts, deadlocks, serialization failures and a full disk
are outages: the same statement succeeds later, so a job waits and a request is answered 503 (507
where the disk is full). Everything else is
a statement that the database refuses for what it says (a value out of range, an index entry that
is too long, a limit of the server): sent again it is refused again, so it is an error of the
request or of the job. Django's classes do not tell the two apart: a too long index entry is an
OperationalError, too.
"""

import errno
import shutil
import time

import psycopg2
from django.db import DatabaseError, InterfaceError, OperationalError, connection

# SQLSTATE codes, https://www.postgresql.org/docs/current/errcodes-appendix.html: connection
# exceptions; too many connections; shutdown, crash and start of the server, and what an idle
# session meets; serialization failures and deadlocks; locks not had in time.
OUTAGE_CLASSES = ("08",)
OUTAGE_CODES = frozenset(
    {"53300", "57P01", "57P02", "57P03", "57P05", "40001", "40P01", "55P03", "25P03", "57014"}
)
DISK_FULL = "53100"
# How long /ready speaks of a full disk after a statement of this process met one.
REMEMBERED_S = 60.0
# The embedded server's files grow by pieces of this size; with less room nothing can be stored.
LEAST_FREE_BYTES = 1 << 24

_met_full_disk_at = -REMEMBERED_S


def sqlstate(error: BaseException) -> str | None:
    """The five characters Postgres gave the error; None for one that the driver raised itself."""
    for one in (error, error.__cause__):
        code = getattr(one, "pgcode", None)
        if code:
            return str(code)
    return None


def is_outage(error: BaseException) -> bool:
    """Whether the database was away, or asks to try again; False for a refused statement.

    An error without a code is the driver's: it lost the connection, or could not get one, or used
    one that had been lost. Only `DatabaseError` and `InterfaceError` of Django can be outages.
    """
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    code = sqlstate(error)
    if code is None:
        return _is_lost(error)
    return code in OUTAGE_CODES or code == DISK_FULL or code.startswith(OUTAGE_CLASSES)


def is_disk_full(error: BaseException) -> bool:
    """Whether the database's disk is full, or the one a request's body is kept on meanwhile.

    `disk_is_full` says so for a minute.
    """
    full = sqlstate(error) == DISK_FULL or getattr(error, "errno", None) == errno.ENOSPC
    if full:
        global _met_full_disk_at
        _met_full_disk_at = time.monotonic()
    return full


def disk_is_full() -> bool:
    """Whether a statement of this process met a full disk within the last minute, or the disk of
    the embedded server has less than 16 MB of room.
    """
    if time.monotonic() - _met_full_disk_at < REMEMBERED_S:
        return True
    data_dir = connection.settings_dict.get("DATA_DIR")
    return data_dir is not None and shutil.disk_usage(data_dir).free < LEAST_FREE_BYTES


def _is_lost(error: BaseException) -> bool:
    """Without a code: operational and interface errors, and the bare class, which psycopg2 raises
    where a connection breaks in the middle of an answer.
    """
    cause = error.__cause__
    if cause is None:
        # Raised by Django or by us: a server that does not start, a connection in a broken block.
        return isinstance(error, OperationalError | InterfaceError)
    broken = (psycopg2.OperationalError, psycopg2.InterfaceError)
    return isinstance(cause, broken) or type(cause) is psycopg2.DatabaseError
