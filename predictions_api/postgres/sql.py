"""Runs written-out SQL on Django's connection and fetches the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from predictions_api.postgres.prepared import prepared

Row = tuple[Any, ...]
# By position, or by name.
Params = Sequence[Any] | Mapping[str, Any]


def fetch_all(sql: str, params: Params) -> list[Row]:
    """All rows of one statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[Row] = cursor.fetchall()
        return rows


def fetch_one(sql: str, params: Params) -> Row | None:
    """The first row of one statement, or None."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: Row | None = cursor.fetchone()
        return row


def fetch_prepared(sql: str, params: Params) -> Row | None:
    """As `fetch_one`, with a prepared statement (`prepared.py`): for lookups by key."""
    return fetch_one(prepared(sql), params)
