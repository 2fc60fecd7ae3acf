"""Rows for COPY, and the ids they get: the way every import writes.

Ids are reserved beforehand, so that an import can answer them in the order of its request.
"""

import io
from collections.abc import Iterable

from django.db import connection

from predictions import queries

COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = b"\\N"


def escaped(text: str | None) -> bytes:
    """A text column of COPY's text format."""
    return NULL if text is None else text.translate(COPY_ESCAPES).encode()


def escaped_json(text: bytes) -> bytes:
    """A jsonb column of COPY's text format: JSON has no raw tabs or newlines, only backslashes."""
    return text.replace(b"\\", b"\\\\")


def number(value: float | None) -> bytes:
    """A numeric column of COPY's text format."""
    return NULL if value is None else repr(value).encode()


def copy(table: str, columns: str, lines: Iterable[bytes]) -> None:
    """Appends rows to a table. IntegrityError and DataError as for an INSERT."""
    # copy_expert is the driver's own: Django does not translate its exceptions.
    with connection.wrap_database_errors, connection.cursor() as cursor:
        buffer = io.BytesIO(b"".join(lines))
        cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", buffer)


def reserve_ids(table: str, n: int) -> list[int]:
    """The next n ids of a table, ascending. One statement."""
    row = queries.fetch_one(
        "SELECT array_agg(nextval(pg_get_serial_sequence(%s, 'id'))) FROM generate_series(1, %s)",
        [table, n],
    )
    return list(row[0] or []) if row else []


def boolean(value: bool) -> bytes:
    return b"t" if value else b"f"
