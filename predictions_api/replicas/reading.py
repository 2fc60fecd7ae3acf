"""Reads from a streaming replica, where `DATABASE_REPLICA_URL` names one.

They are never older than what was stored when they began: the server says how far its log has come,
and the replica is waited for until it has replayed as much. One that takes longer, or is away, is
passed over, and the server is read as ever.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections

from predictions_api.postgres import activity
from predictions_api.postgres.settings import ALIAS

log = logging.getLogger(__name__)

#: How long a replica may take to catch up, and how often it is asked.
PATIENCE_S = 0.2
LOOK_S = 0.005
#: How long one that is away is not asked again.
AWAY_S = 10.0

_away_until = 0.0
# The thread's own connection while the replica's stands in its place.
_kept = threading.local()


def is_named() -> bool:
    """Whether there is a replica to read from."""
    return ALIAS in connections.settings


@contextmanager
def reading() -> Iterator[bool]:
    """Sends this thread's statements to the replica within the block, if it can be read; whether.

    Two statements, one of them the server's. Nothing changes in a transaction.
    """
    if not is_named() or connection.in_atomic_block or not _has_caught_up():
        yield False
        return
    with _in_its_place():
        yield True


@contextmanager
def writing() -> Iterator[None]:
    """Sends this thread's statements to the server within the block, also inside `reading`."""
    server = getattr(_kept, "server", None)
    if server is None:
        yield
        return
    here = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS], _kept.server = server, None
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS], _kept.server = here, server


def streamed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of an answer that began within `reading`, made there, too."""
    source = iter(pieces)
    try:
        while True:
            with _in_its_place():
                piece = next(source, None)
            if piece is None:
                return
            yield piece
    finally:
        with _in_its_place():
            close = getattr(source, "close", None)
            if close is not None:
                close()


@contextmanager
def _in_its_place() -> Iterator[None]:
    server = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS], _kept.server = connections[ALIAS], server
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS], _kept.server = server, None


def _has_caught_up() -> bool:
    global _away_until
    if time.monotonic() < _away_until:
        return False
    end = activity.log_end()
    until = time.monotonic() + PATIENCE_S
    try:
        while not (has_all := activity.has_replayed(ALIAS, end)) and time.monotonic() < until:
            time.sleep(LOOK_S)
        return has_all
    except (DatabaseError, InterfaceError):
        log.warning("the replica is away", exc_info=True)
        connections[ALIAS].close()
        _away_until = time.monotonic() + AWAY_S
        return False
