"""The one place that hands out what is to be done of a run: tasks, and requests to a connection.

Whoever holds a lease renews it; one that lapses is somebody else's to take.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from predictions_api.postgres.sql import fetch_all, fetch_one
from prompts.runs import state

# A task whose worker died this often while it was in hand is given up.
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """A task in hand: its data is JSON text. `attempts` counts this claim, too."""

    task_id: int
    data: str
    attempts: int


# In task order, through prompts_runitem_open_idx; what somebody else is just claiming is skipped.
CLAIM_SQL = """
WITH picked AS (
    SELECT i.id FROM prompts_runitem i
    WHERE i.run_id = %(run)s AND i.status = '{status}' {expired}
      AND EXISTS (SELECT 1 FROM prompts_modelrun r
                  WHERE r.id = i.run_id AND r.status = 'InProgress')
    ORDER BY i.task_id LIMIT %(n)s FOR UPDATE OF i SKIP LOCKED
), claimed AS (
    UPDATE prompts_runitem i
    SET status = 'Claimed', attempts = least(i.attempts + 1, 1000), lease_owner = %(owner)s,
        lease_until = now() + make_interval(secs => %(lease)s)
    FROM picked WHERE i.id = picked.id RETURNING i.task_id, i.attempts
)
SELECT t.id, t.data::text, c.attempts FROM claimed c JOIN predictions_task t ON t.id = c.task_id
ORDER BY t.id
"""
CLAIM_PENDING_SQL = CLAIM_SQL.format(status="Pending", expired="")
CLAIM_EXPIRED_SQL = CLAIM_SQL.format(status="Claimed", expired="AND i.lease_until < now()")


def claim(run_id: int, owner: UUID, n: int) -> list[Claim]:
    """Up to n tasks nobody has in hand, now in the owner's until the lease ends.

    None of a run that is not in progress. One statement, two when fresh tasks run out.
    """
    params = {"run": run_id, "owner": owner, "n": n, "lease": settings.RUN_LEASE_S}
    rows = fetch_all(CLAIM_PENDING_SQL, params)
    if len(rows) < n:
        rows += fetch_all(CLAIM_EXPIRED_SQL, {**params, "n": n - len(rows)})
    return [Claim(*row) for row in rows]


def release(run_id: int, owner: UUID) -> None:
    """Gives back what the owner has in hand, as if it had not been claimed, and its share.

    The run is due for another worker at once.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE prompts_runitem SET status = 'Pending', attempts = greatest(attempts - 1, 0),"
            " lease_owner = NULL, lease_until = NULL"
            " WHERE run_id = %s AND status = 'Claimed' AND lease_owner = %s",
            [run_id, owner],
        )
        cursor.execute("DELETE FROM prompts_connectionshare WHERE owner = %s", [owner])
        cursor.execute(
            "UPDATE prompts_modelrun SET lease_until = now()"
            " WHERE id = %s AND status = ANY(%s)"
            " AND NOT EXISTS (SELECT 1 FROM prompts_connectionshare s WHERE s.run_id = %s)",
            [run_id, list(state.OPEN), run_id],
        )


class Beat(NamedTuple):
    """What a heartbeat learns: the run's status, and how many requests may be in flight."""

    status: str
    slots: int


def heartbeat(
    run_id: int, owner: UUID, connection_id: int, *, in_hand: Sequence[int] = (), note: str = ""
) -> Beat:
    """Renews the owner's leases; `note` says what it waits for, for whoever looks.

    Of the items only those it names: a claim whose answer got lost on the way is nobody's, and
    lapses.
    """
    lease = settings.RUN_LEASE_S
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE prompts_runitem SET lease_until = now() + make_interval(secs => %s)"
            " WHERE run_id = %s AND task_id = ANY(%s) AND status = 'Claimed' AND lease_owner = %s",
            [lease, run_id, sorted(in_hand), owner],
        )
        cursor.execute(
            "UPDATE prompts_modelrun SET lease_until = now() + make_interval(secs => %s),"
            " status_reason = %s WHERE id = %s AND status = 'InProgress'",
            [lease, note[:1000], run_id],
        )
    slots = _share(run_id, owner, connection_id)
    return Beat(state.status_of(run_id), slots)


@transaction.atomic
def _share(run_id: int, owner: UUID, connection_id: int) -> int:
    """The owner's share of the connection's requests, renewed. Locks the connection's row.

    Shares are even, and never add up to more than the connection allows: a newcomer gets what is
    free now, and the rest once the others have learnt of it at their next heartbeat.
    """
    row = fetch_one(
        "SELECT max_concurrency FROM prompts_providerconnection WHERE id = %s FOR UPDATE",
        [connection_id],
    )
    if row is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM prompts_connectionshare WHERE connection_id = %s AND lease_until < now()",
            [connection_id],
        )
        cursor.execute(
            "INSERT INTO prompts_connectionshare (connection_id, run_id, owner, slots, lease_until)"
            " SELECT %(connection)s, id, %(owner)s, 0, now() + make_interval(secs => %(lease)s)"
            " FROM prompts_modelrun WHERE id = %(run)s"
            " ON CONFLICT (owner) DO UPDATE SET lease_until = excluded.lease_until",
            {
                "connection": connection_id,
                "run": run_id,
                "owner": owner,
                "lease": settings.RUN_LEASE_S,
            },
        )
    shares = fetch_all(
        "SELECT owner, slots FROM prompts_connectionshare WHERE connection_id = %s ORDER BY id",
        [connection_id],
    )
    slots = fair_share(owner, [(UUID(str(o)), s) for o, s in shares], limit=row[0])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE prompts_connectionshare SET slots = %s WHERE owner = %s", [slots, owner]
        )
    return slots


def fair_share(owner: UUID, shares: list[tuple[UUID, int]], *, limit: int) -> int:
    """The owner's even part of `limit`, at most what the others leave. Pure.

    >>> one, two = UUID(int=1), UUID(int=2)
    >>> fair_share(one, [(one, 32)], limit=32)
    32
    >>> fair_share(two, [(one, 32), (two, 0)], limit=32)
    0
    >>> fair_share(one, [(one, 32), (two, 0)], limit=32)
    16
    """
    owners = [who for who, _ in shares]
    if owner not in owners:
        return 0
    even, rest = divmod(limit, len(owners))
    mine = even + (owners.index(owner) < rest)
    taken = sum(slots for who, slots in shares if who != owner)
    return max(0, min(mine, limit - taken))
