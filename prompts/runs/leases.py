"""What an executor holds of a run while it works: tasks, the run, and a share of the connection's
requests.

Whoever holds a lease renews it; one that lapses is somebody else's to take.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction

from predictions_api.jobs.leases import Holder
from prompts.db import items, shares
from prompts.runs import state


class Beat(NamedTuple):
    """What a heartbeat learns: the run's status, and how many requests may be in flight."""

    status: str
    slots: int


def heartbeat(
    run_id: int,
    mine: Holder,
    connection_id: int,
    *,
    in_hand: Sequence[int] = (),
    n_asking: int = 0,
    note: str = "",
) -> Beat:
    """Renews the holder's leases; `note` says what it waits for, for whoever looks.

    Of the items only those it names: a claim whose answer got lost on the way is nobody's, and
    lapses.
    """
    with transaction.atomic():
        items.extend(run_id, mine, in_hand)
        state.keep(run_id, note)
    slots = shares.renew(run_id, mine, connection_id, n_asking=n_asking)
    return Beat(state.status_of(run_id), slots)


@transaction.atomic
def release(run_id: int, mine: Holder) -> None:
    """Gives back what the holder has in hand, as if it had not been claimed, and its share.

    The run is due for another worker at once.
    """
    items.release(run_id, mine)
    shares.delete(mine)
    state.let_go(run_id)
