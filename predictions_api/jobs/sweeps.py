"""The sweep: what the worker does every few seconds so that no job is lost or kept for ever.

Rooms register their part in `AppConfig.ready()`: to queue again what a dead worker or a lost queue
left behind, or to delete what is too old. A row that is swept has the columns of `leases` that its
room needs, and `n_queued`, how often it was queued since a worker had it.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from predictions_api.postgres.outages import is_outage

log = logging.getLogger(__name__)

Sweep = Callable[[], object]

# Rows that one call queues again; the next call goes on with the others.
AT_ONCE = 100
# 256 leases are the longest wait for the queue, and n_queued stays within a small integer.
MOST_DOUBLINGS = 8
MOST_QUEUED = 100

_sweeps: list[Sweep] = []


def register(call: Sweep) -> None:
    """From now on part of the sweep. It may be called at any time, by several workers at once."""
    if call not in _sweeps:
        _sweeps.append(call)


def registered() -> list[Sweep]:
    """All that were registered, in order."""
    return list(_sweeps)


def sweep() -> None:
    """Calls each once. What fails is logged and does not keep the others from their turn.

    A database that is away is tried again the next time. Leaves no connection open.
    """
    try:
        for call in registered():
            try:
                call()
            except Exception as error:
                if is_outage(error):
                    log.warning("a sweep found no database", exc_info=True)
                    return
                log.exception("a sweep failed")
    finally:
        connections.close_all()


def unless_away(call: Sweep) -> None:
    """Calls it now, out of turn; where the database is away, the next sweep does."""
    try:
        call()
    except (DatabaseError, InterfaceError) as error:
        if not is_outage(error):
            raise


@transaction.atomic
def requeue(
    rows: QuerySet[Any], queue: Callable[[Any], None], *, lease_s: float, **marks: Any
) -> list[Any]:
    """Queues those of the rows whose `lease_until` has passed; their primary keys.

    `rows` are those with work left, `queue` hands one key to the queue on commit, `marks` are
    further columns to write. The first time the queue has `lease_s` seconds to find a worker, and
    each time that it finds none twice as long, so that a long queue does not fill up with copies of
    itself. Two statements for any number of rows, one for none; rows that another worker is
    sweeping are left to it.
    """
    stalled = rows.filter(lease_until__lte=Now()).order_by("lease_until")
    locked = stalled.select_for_update(skip_locked=True, of=("self",))
    # Told with the rows and written as it is: a cluster adds no columns to a time in an update.
    found = list(locked.annotate(read_at=Now()).values_list("pk", "n_queued", "read_at")[:AT_ONCE])
    keys = [key for key, _, _ in found]
    rows.model._default_manager.bulk_update(
        [
            rows.model(
                pk=key,
                lease_until=now + timedelta(seconds=lease_s * 2 ** min(n, MOST_DOUBLINGS)),
                n_queued=min(n + 1, MOST_QUEUED),
                **marks,
            )
            for key, n, now in found
        ],
        ["lease_until", "n_queued", *marks],
    )
    for key in keys:
        queue(key)
    return keys
