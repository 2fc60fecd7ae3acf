"""How the requests that a server may get at once are divided among those who send them."""

from uuid import UUID


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
