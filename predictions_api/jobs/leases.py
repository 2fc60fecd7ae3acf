"""Leases on rows: who works on a row, and for how long without a sign of life.

A table whose rows are worked on has the columns `lease_owner` (uuid or null), `lease_until` (a
moment or null) and `attempts` (a small integer). A row is free while nobody owns it or its owner's
lease has run out. `lease_until` without an owner says how long the queue may take to find a worker
(see `sweeps`). A worker that was killed holds its rows for the rest of its lease and nothing else.
All times are the database's own, so the clocks of machines need not agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Greatest, Now

from predictions_api.postgres.sql import Row, fetch_all

#: A row whose workers ended so many times in a row while they had it in hand is given up.
MOST_ATTEMPTS = 5
#: What a row's columns hold when it is no longer worked on.
NOBODY: dict[str, None] = {"lease_owner": None, "lease_until": None}
FREE = Q(lease_owner__isnull=True) | Q(lease_until__lte=Now())

# The CTE locks at most n rows, however the planner joins it; rows that somebody else is just
# claiming are skipped. `attempts` stays within a small integer.
CLAIM_SQL = """
WITH picked AS ({picked} FOR UPDATE OF "{table}" SKIP LOCKED)
UPDATE "{table}"
SET lease_owner = %s, lease_until = statement_timestamp() + make_interval(secs => %s),
    attempts = least("{table}".attempts + 1, 1000){marks}
FROM picked WHERE {same_row} RETURNING {columns}
"""


def _column(meta: Any, name: str) -> str:
    """The column of a field, of `pk` as well."""
    return str(meta.pk.column if name == "pk" else meta.get_field(name).column)


class LeaseLost(Exception):
    """Somebody else holds the row, or there is no work left in it, or it was deleted."""


def lasting(seconds: float) -> CombinedExpression:
    """The moment so many seconds from now, for a column `lease_until`."""
    return Now() + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Holder:
    """One worker's name on its leases, which last `lease_s` seconds from each sign of life.

    `rows` of every method are a queryset of one table, without joins: those that have work left.
    `marks` are further columns to write, by field name.
    """

    lease_s: float
    id: UUID = field(default_factory=uuid4)

    def claim(
        self,
        rows: QuerySet[Any],
        n: int,
        *,
        columns: Sequence[str] = ("pk",),
        slot: int | None = None,
        **marks: Any,
    ) -> list[Row]:
        """Takes up to n free rows in their queryset's order; the columns of each, unordered.

        Counts an attempt for each. `slot` is that of the rows of a table that is spread. One
        statement. Empty where nothing is free.
        """
        try:
            sql, params = self.claim_sql(rows, n, columns=columns, **marks)
        except EmptyResultSet:
            return []
        return fetch_all(sql, params, slot=slot)

    def claim_sql(
        self, rows: QuerySet[Any], n: int, *, columns: Sequence[str], **marks: Any
    ) -> tuple[str, list[Any]]:
        """The statement of `claim` and its parameters, for one that reads more in the same trip.

        EmptyResultSet for rows that can be none, as `rows.none()`.
        """
        meta = rows.model._meta
        keys = meta.pk_fields
        free = rows.filter(FREE).values(*(key.attname for key in keys))[:n]
        picked, params = free.query.sql_with_params()
        fields = {name: meta.get_field(name) for name in marks}
        sql = CLAIM_SQL.format(
            picked=picked,
            table=meta.db_table,
            marks="".join(f', "{field.column}" = %s' for field in fields.values()),
            same_row=" AND ".join(
                f'"{meta.db_table}"."{key.column}" = picked."{key.attname}"' for key in keys
            ),
            columns=", ".join(f'"{meta.db_table}"."{_column(meta, name)}"' for name in columns),
        )
        values = [field.get_db_prep_save(marks[name], connection) for name, field in fields.items()]
        return sql, [*params, self.id, self.lease_s, *values]

    def extend(self, rows: QuerySet[Any], **marks: Any) -> int:
        """Renews the leases on those of the rows that are held; how many.

        In a transaction it also keeps others away from them until the commit.
        """
        return self._held(rows).update(lease_until=lasting(self.lease_s), **marks)

    def keep(self, rows: QuerySet[Any], **marks: Any) -> None:
        """As `extend`; LeaseLost where none of the rows is held."""
        if not self.extend(rows, **marks):
            raise LeaseLost

    def release(self, rows: QuerySet[Any], **marks: Any) -> int:
        """Gives back those of the rows that are held, as if they had not been claimed; how many.

        They are due for the next worker at once.
        """
        return self._held(rows).update(
            lease_owner=None, lease_until=Now(), attempts=Greatest(F("attempts") - 1, 0), **marks
        )

    def _held(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(lease_owner=self.id)


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


def renew_share(shares: QuerySet[Any], mine: Holder, new: Any, *, limit: int, n_asking: int) -> int:
    """The holder's share of what `shares` are of, renewed; its row, `new`, is added where it has
    none. 0 where that cannot be, since a row it names is gone.

    Shares are even, and never add up to more than `limit`: a newcomer gets what is free now, and
    the rest once the others have learnt of it at their next heartbeat and their `n_asking` requests
    in flight, which count until they end, are fewer. Belongs inside a transaction that has locked
    what is shared.
    """
    shares.filter(lease_until__lt=Now()).delete()
    own = type(new).objects.filter(owner=mine.id)
    if not own.update(lease_until=lasting(mine.lease_s)):
        new.owner, new.lease_until = mine.id, lasting(mine.lease_s)
        try:
            with transaction.atomic():
                new.save(force_insert=True)
        except IntegrityError:
            return 0
    held = list(shares.order_by("id").values_list("owner", "slots"))
    slots = fair_share(mine.id, held, limit=limit)
    own.update(slots=max(slots, n_asking))
    return slots
