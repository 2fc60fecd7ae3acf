"""Runs written-out SQL on Django's connection and fetches the rows.

`slot` is that of the rows a statement is about (`spread/slots.py`), None where nobody can tell. On
a cluster it is named beside every table that is spread, and one node answers; without it all do.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, cast

from django.db import DEFAULT_DB_ALIAS, connection, connections

from predictions_api.postgres.prepared import prepared
from predictions_api.postgres.spread import naming, slots
from predictions_api.postgres.spread.fields import spread_tables

if TYPE_CHECKING:
    from predictions_api.postgres.base import DatabaseWrapper

Row = tuple[Any, ...]
# By position, or by name.
Params = Sequence[Any] | Mapping[str, Any]


def is_spread() -> bool:
    """Whether the database is spread over the nodes of a cluster, and new ids carry slots."""
    wrapper = cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
    return wrapper.is_spread


def bigints(numbers: Iterable[int]) -> str:
    """A parameter for `%s::bigint[]`, which the driver writes in a tenth of the time it takes for a
    list.
    """
    return f"{{{','.join(map(str, numbers))}}}"


def one_of(column: str, numbers: Collection[int]) -> str:
    """An SQL condition: the column, a bigint, has one of these numbers. Those without a gap are
    named by their ends, which the database reads and plans in a fraction of the time.

    >>> one_of("id", [3, 1, 2]), one_of("id", [3, 1]), one_of("id", [])
    ('id BETWEEN 1 AND 3', "id = ANY('{1,3}'::bigint[])", 'FALSE')
    """
    wanted = sorted(set(numbers))
    if not wanted:
        return "FALSE"
    first, last = wanted[0], wanted[-1]
    if last - first < len(wanted):
        return f"{column} BETWEEN {first:d} AND {last:d}"
    return f"{column} = ANY('{bigints(wanted)}'::bigint[])"


def as_json_time(column: str) -> str:
    """An SQL expression: a time as `rendering.dumps` writes it, with its quotes."""
    text = rf"""to_char({column} AT TIME ZONE 'UTC', '\"YYYY-MM-DD"T"HH24:MI:SS.US"Z"\"')"""
    return f"replace({text}, '.000000Z', 'Z')"


def at_path(column: str, path: str) -> str:
    """An SQL expression: what a JSON document has at an array of keys: under their whole name,
    `a.b`, as it stands, else step by step, else at the last one below the name of those before it,
    as an item of the list `a.b`; null where it has nothing there. `value_at` of
    `predictions.regions.task_data` is the same in Python.
    """
    above, last = f"({path})[:cardinality({path}) - 1]", f"({path})[cardinality({path})]"
    item = f"{column} #> ARRAY[array_to_string({above}, '.'), {last}]"
    return f"COALESCE({column} -> array_to_string({path}, '.'), {column} #> {path}, {item})"


def of_slot(sql: str, params: Params, slot: int | None) -> tuple[str, Params]:
    """The statement and its parameters as the database takes them: on a cluster with the slot."""
    if slot is None or not is_spread():
        return sql, params
    return naming.named(sql, params, slot, spread_tables())


def fetch_all(sql: str, params: Params, *, slot: int | None = None) -> list[Row]:
    """All rows of one statement."""
    with connection.cursor() as cursor:
        cursor.execute(*of_slot(sql, params, slot))
        rows: list[Row] = cursor.fetchall()
        return rows


def fetch_one(sql: str, params: Params, *, slot: int | None = None) -> Row | None:
    """The first row of one statement, or None."""
    with connection.cursor() as cursor:
        cursor.execute(*of_slot(sql, params, slot))
        row: Row | None = cursor.fetchone()
        return row


def execute(sql: str, params: Params, *, slot: int | None = None) -> int:
    """How many rows one statement wrote."""
    with connection.cursor() as cursor:
        cursor.execute(*of_slot(sql, params, slot))
        return int(cursor.rowcount)


def fetch_prepared(sql: str, params: Params, *, slot: int | None = None) -> Row | None:
    """As `fetch_one`, with a prepared statement (`prepared.py`): for lookups by key."""
    row: Row | None = _fetched(*of_slot(sql, params, slot), _one)
    return row


def fetch_all_prepared(sql: str, params: Params, *, slot: int | None = None) -> list[Row]:
    """As `fetch_all`, with a prepared statement."""
    rows: list[Row] = _fetched(*of_slot(sql, params, slot), _all)
    return rows


def fetch_by_id(sql: str, params: Params, *, row_id: int) -> Row | None:
    """As `fetch_prepared`, for a statement about the row of that id, which tells its slot.

    A prediction that was moved to a project of another slot keeps its id: where it is not where
    the id says, all nodes are asked.
    """
    slot = slots.of_id(row_id)
    row = fetch_prepared(sql, params, slot=slot)
    return fetch_prepared(sql, params) if row is None and slot is not None else row


def insert_one(sql: str, params: Mapping[str, Any], *, table: str, slot: int | None) -> Row | None:
    """What an INSERT of one row returns. Of a cluster the new id carries the slot, which must be
    known.
    """
    if not is_spread():
        return fetch_prepared(sql, params)
    if slot is None:
        raise ValueError(f"The slot of a new row of {table} is not known.")
    (new_id,) = reserve_ids(table, 1, slot=slot)
    text = naming.with_id(sql, table)
    return fetch_prepared(text, {**params, "new_id": new_id}, slot=slot)


def reserve_ids(table: str, n: int, *, slot: int | None = None) -> list[int]:
    """The next n ids of a table, ascending; once the database is spread they carry the slot. One
    statement, none for none.
    """
    if not n:
        return []
    row = fetch_one(
        # The name of the sequence is looked up once, not once an id: that took seven times as long.
        "SELECT array_agg(nextval((SELECT pg_get_serial_sequence(%s, 'id')::regclass)))"
        " FROM generate_series(1, %s)",
        [table, n],
    )
    numbers: list[int] = list(row[0] or []) if row else []
    return [number if number < slots.FIRST else number + (slot or 0) for number in numbers]


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
