"""A database whose new ids carry slots, as `manage.py distribute` leaves it, on one node."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import connection

from predictions_api.cluster import tables
from predictions_api.postgres.spread.fields import spread_tables
from predictions_api.postgres.spread.slots import FIRST, SLOTS
from predictions_api.postgres.sql import is_spread

Unrouted = Callable[[], AbstractContextManager[list[str]]]
MENTION = re.compile(r'\b(?:FROM|JOIN|UPDATE|USING)\s+"?(\w+)"?', re.IGNORECASE)
NAMED = re.compile(r'"?slot"? = ', re.IGNORECASE)


@pytest.fixture
def spread(db: None) -> Iterator[None]:
    """Room for slots in new ids. Rolled back with the test; there already on a cluster."""
    if is_spread():
        yield
        return
    with connection.cursor() as cursor:
        for table in tables.lying(tables.SLOT):
            cursor.execute(
                "SELECT pg_get_serial_sequence(%s, 'id') FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attname = 'id'",
                [table, table],
            )
            if (row := cursor.fetchone()) is not None:
                cursor.execute(f"ALTER SEQUENCE {row[0]} INCREMENT BY {SLOTS} RESTART WITH {FIRST}")
    connection._is_spread = None  # type: ignore[attr-defined]
    yield
    connection._is_spread = None  # type: ignore[attr-defined]


def is_unrouted(sql: str) -> bool:
    """Whether a statement asks a table that is spread without saying which slot."""
    n_asked = sum(table in spread_tables() for table in MENTION.findall(sql))
    return n_asked > len(NAMED.findall(sql))


@pytest.fixture
def unrouted() -> Unrouted:
    """Within the block, the statements that every node would be asked."""

    @contextmanager
    def seen() -> Iterator[list[str]]:
        found: list[str] = []

        def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if is_unrouted(sql):
                found.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(look):
            yield found

    return seen
