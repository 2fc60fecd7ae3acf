"""Runs written-out SQL on Django's connection and fetches the rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, cast

from django.db import DEFAULT_DB_ALIAS, connection, connections

from predictions_api.postgres.prepared import prepared

if TYPE_CHECKING:
    from predictions_api.postgres.base import DatabaseWrapper

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
    row: Row | None = _fetched(sql, params, _one)
    return row


def fetch_all_prepared(sql: str, params: Params) -> list[Row]:
    """As `fetch_all`, with a prepared statement."""
    rows: list[Row] = _fetched(sql, params, _all)
    return rows


def _one(cursor: Any) -> Any:
    return cursor.fetchone()


def _all(cursor: Any) -> Any:
    return cursor.fetchall()


def _fetched(sql: str, params: Params, take: Callable[[Any], Any]) -> Any:
    """What `take` takes of the driver's own cursor, which costs half of Django's around it.

    Django's is used where somebody counts, times or wraps the statements.
    """
    wrapper = cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
    if wrapper.queries_logged or wrapper.execute_wrappers:
        with wrapper.cursor() as cursor:
            cursor.execute(prepared(sql), params)
            return take(cursor)
    wrapper.close_if_health_check_failed()
    wrapper.ensure_connection()
    wrapper.validate_no_broken_transaction()
    with wrapper.wrap_database_errors, wrapper.create_cursor() as cursor:
        cursor.execute(wrapper.statements.call(sql), params)
        return take(cursor)


@contextmanager
def server_cursor(name: str, *, apart: bool = False) -> Iterator[Any]:
    """A cursor of the driver's that the server keeps: memory does not grow with its rows.

    Inside a transaction. With `apart` that is one of its own, on a connection of its own, so that
    what the caller writes while it reads is stored at once; in a caller's transaction it is the
    caller's, whose rows others do not see. Errors are Django's, also those of reading the rows.
    """
    if apart and not connection.in_atomic_block:
        own = connections.create_connection(DEFAULT_DB_ALIAS)
        try:
            own.ensure_connection()
            own.set_autocommit(False)
            with _server_cursor(own, name) as cursor:
                yield cursor
        finally:
            own.close()
    else:
        connection.ensure_connection()
        with _server_cursor(connection, name) as cursor:
            yield cursor


@contextmanager
def _server_cursor(wrapper: Any, name: str) -> Iterator[Any]:
    with wrapper.wrap_database_errors, closing(wrapper.connection.cursor(name=name)) as cursor:
        yield cursor
