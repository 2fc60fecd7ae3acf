"""How long to wait before what failed is tried again, and calls that outlast the database."""

import logging
import math
import random
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection

from predictions_api.jobs import stopping
from predictions_api.postgres.outages import is_outage

log = logging.getLogger(__name__)

T = TypeVar("T")

# Waits for a database that is away: the first, and the longest.
DATABASE_WAIT_S = 0.1
MOST_DATABASE_WAIT_S = 5.0


def wait_s(
    n: int, first_s: float, *, most_s: float = math.inf, jitter: float = 0.0, least_s: float = 0.0
) -> float:
    """Seconds to wait after the nth failure in a row, n from 1: `first_s`, then twice as long each.

    At most `most_s`, made up to `jitter` (0 to 1) of itself longer or shorter by chance, and then
    at least `least_s`, which is what the other side asked for.

    >>> [wait_s(n, 1.0, most_s=5.0) for n in (1, 2, 3, 4)]
    [1.0, 2.0, 4.0, 5.0]
    >>> wait_s(1, 1.0, least_s=30.0)
    30.0
    """
    doubled = min(first_s * 2.0 ** min(n - 1, 1000), most_s)
    return max(doubled * random.uniform(1 - jitter, 1 + jitter), least_s)  # noqa: S311


def while_database_is_away(call: Callable[[], T]) -> T:
    """The call's result, however long the database is away; its error once the process is to end.

    For a call that may be repeated, also when the database stored it and could not say so. What the
    database refuses is raised at once.
    """
    for n in count(1):
        try:
            return call()
        except (DatabaseError, InterfaceError) as error:
            if stopping.requested.is_set() or not is_outage(error):
                raise
            log.warning("the database is away: %s", str(error).strip())
            connection.close()
            stopping.requested.wait(wait_s(n, DATABASE_WAIT_S, most_s=MOST_DATABASE_WAIT_S))
    raise AssertionError("count() has no end")
