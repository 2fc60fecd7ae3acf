"""The slot of a row: the key by which the hot tables are spread over the nodes of a cluster.

All rows of a project have its slot. Once a database is spread, new ids carry it, too: an id is a
multiple of SLOTS and the slot. So any id of a row, or its project, tells where it is. Ids from
before are below FIRST and tell nothing.
"""

from collections.abc import Iterable

SLOTS = 4096
#: The first id that carries a slot.
FIRST = 1 << 32


def of_project(project_id: int) -> int:
    """The slot of a project's rows, from 0 to SLOTS - 1.

    >>> of_project(1), of_project(4097)
    (1, 1)
    """
    return project_id % SLOTS


def of_id(row_id: int) -> int | None:
    """The slot that the id of a task, an annotation or a prediction carries; None for an old id.

    >>> of_id(7), of_id(FIRST + 4096 + 7)
    (None, 7)
    """
    return row_id % SLOTS if row_id >= FIRST else None


def by_slot(row_ids: Iterable[int]) -> list[tuple[int | None, list[int]]]:
    """Ids by the slot that they carry, both ascending: the old ones first, under None.

    >>> by_slot([3, FIRST + 5, 1])
    [(None, [1, 3]), (5, [4294967301])]
    """
    found: dict[int | None, list[int]] = {}
    for row_id in sorted(set(row_ids)):
        found.setdefault(of_id(row_id), []).append(row_id)
    return sorted(found.items(), key=lambda item: -1 if item[0] is None else item[0])
