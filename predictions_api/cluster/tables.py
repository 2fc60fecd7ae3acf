"""How each table lies on the nodes of a cluster. Rooms say it of theirs in `AppConfig.ready()`.

A table that points to a table of everywhere, or that such a table's writes ask, is no free choice:
see `docs/operating/scaling.md`.
"""

from collections.abc import Mapping

#: Spread by the column, each row on one node, beside the rows of other tables with its value.
SLOT = "slot"
EVALUATION = "evaluation_id"
#: A copy on every node, which each write changes at once: read beside rows that are spread.
EVERYWHERE = "everywhere"
#: On the coordinator alone.
HERE = "here"
KEYS = (SLOT, EVALUATION)

_tables: dict[str, str] = {}


def register(tables: Mapping[str, str]) -> None:
    """From now on how these tables lie: by their names."""
    _tables.update(tables)


def every() -> dict[str, str]:
    """All tables that rooms have told of."""
    return dict(_tables)


def lying(*ways: str) -> list[str]:
    """Names of the tables that lie in one of these ways, in the order they were told."""
    return [table for table, way in _tables.items() if way in ways]
