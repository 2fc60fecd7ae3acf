"""What the sender reads and writes: events that became due, attempts, and what is too old.

One worker at a time makes deliveries of events, and one at a time sends those of a webhook; so the
ids of deliveries follow the order in which events became visible, and that of their ids.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from backends.db.webhooks.deliveries import TEST
from backends.models import Delivery, Payload, Webhook
from predictions_api.jobs.leases import FREE
from predictions_api.outbound.events.models import Event
from predictions_api.postgres.sql import fetch_all, fetch_one, reserve_ids

#: Names the lock of whoever makes deliveries of events.
LOCK_ID = 7_301_944_105
#: Deliveries that one look takes, and characters of what they send, so that memory stays flat.
AT_ONCE, MOST_CHARACTERS = 100, 4_000_000
PURGED_AT_ONCE = 5000

# Making deliveries of events.


def lock() -> bool:
    """Whether this transaction may make deliveries; at any time one may."""
    row = fetch_one("SELECT pg_try_advisory_xact_lock(%s)", [LOCK_ID])
    return bool(row and row[0])


def recorded(n: int) -> list[Event]:
    """The first events that nobody has told yet."""
    return list(Event.objects.order_by("id")[:n])


def is_anything_recorded(seconds: float) -> bool:
    """Whether an event has waited for so long."""
    rows = fetch_all(
        "SELECT 1 FROM events_event"
        " WHERE created_at < statement_timestamp() - make_interval(secs => %s) LIMIT 1",
        [seconds],
    )
    return bool(rows)


def forget(events: Sequence[Event]) -> None:
    """Removes events whose deliveries are made, in the transaction that makes them."""
    Event.objects.filter(pk__in=[event.pk for event in events]).delete()


def still_there(webhook_ids: Iterable[int]) -> set[int]:
    """Which of the webhooks there are; none is deleted before the transaction ends."""
    rows = fetch_all(
        "SELECT id FROM backends_webhook WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
        [sorted(set(webhook_ids))],
    )
    return {row[0] for row in rows}


class Made(NamedTuple):
    """A body and who gets it, by webhook with the id of the message."""

    action: str
    body: str
    created_at: datetime
    receivers: dict[int, str]


PAYLOADS_SQL = """
INSERT INTO backends_payload (id, action, body, created_at)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
"""
DELIVERIES_SQL = """
INSERT INTO backends_delivery (id, webhook_id, payload_id, message_id, status, attempts,
    created_at, next_attempt_at, last_error, log)
SELECT k.id, k.webhook_id, k.payload_id, k.message_id, 'Pending', 0, k.created_at, k.created_at,
    '', '[]'::jsonb
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[])
    AS k (id, webhook_id, payload_id, message_id, created_at)
"""


def store(made: Sequence[Made]) -> None:
    """Stores bodies and their deliveries, in order. Four statements for any number."""
    if not made:
        return
    payload_ids = reserve_ids("backends_payload", len(made))
    rows = [
        (webhook_id, payload_id, message_id, one.created_at)
        for payload_id, one in zip(payload_ids, made, strict=True)
        for webhook_id, message_id in one.receivers.items()
    ]
    ids = reserve_ids("backends_delivery", len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            PAYLOADS_SQL,
            [
                payload_ids,
                [one.action for one in made],
                [one.body for one in made],
                [one.created_at for one in made],
            ],
        )
        cursor.execute(DELIVERIES_SQL, [ids, *(list(column) for column in zip(*rows, strict=True))])


# Sending.


def _sendable(seconds: float) -> QuerySet[Delivery]:
    """Deliveries that have been due for so long, of the webhook of an outer query."""
    rows = Delivery.objects.filter(
        webhook_id=OuterRef("pk"),
        status=Delivery.Status.PENDING,
        next_attempt_at__lte=Now() - timedelta(seconds=seconds),
    )
    return rows.filter(Q(webhook__is_active=True) | Q(payload__action=TEST))


def busy(seconds: float = 0.0) -> QuerySet[Webhook]:
    """Webhooks that have had something due for so long, are not taken to be down, and are in
    nobody's hand.
    """
    is_up = Q(paused_until__isnull=True) | Q(paused_until__lte=Now())
    return Webhook.objects.filter(FREE, is_up).filter(Exists(_sendable(seconds))).order_by("id")


class Due(NamedTuple):
    """A delivery to attempt."""

    id: int
    message_id: str
    attempts: int
    action: str
    body: str


# By the index on pending deliveries. The first one is taken whatever its length.
DUE_SQL = """
SELECT id, message_id, attempts, action, body FROM (
    SELECT d.id, d.message_id, d.attempts, p.action, p.body,
           sum(length(p.body)) OVER (ORDER BY d.id) - length(p.body) AS n_before
    FROM backends_delivery d
    JOIN backends_payload p ON p.id = d.payload_id
    JOIN backends_webhook w ON w.id = d.webhook_id
    WHERE d.webhook_id = %s AND d.status = 'Pending'
      AND d.next_attempt_at <= statement_timestamp() AND (w.is_active OR p.action = %s)
    ORDER BY d.id LIMIT %s
) found WHERE n_before < %s ORDER BY id
"""


def due(webhook_id: int, *, limit: int = AT_ONCE) -> list[Due]:
    """The first deliveries that are due, in order; nothing of an inactive webhook but tests."""
    rows = fetch_all(DUE_SQL, [webhook_id, TEST, limit, MOST_CHARACTERS])
    return [Due(*row) for row in rows]


class Attempted(NamedTuple):
    """What came of a delivery's attempt. `entry` is JSON for its log; `wait_s` until the next
    attempt, None where it has ended.
    """

    id: int
    is_delivered: bool
    status_code: int | None
    error: str
    entry: str
    wait_s: float | None


ATTEMPTED_SQL = """
UPDATE backends_delivery d
SET status = k.status, attempts = least(d.attempts + 1, 1000),
    last_status_code = k.code, last_error = k.error, log = d.log || k.entry::jsonb,
    next_attempt_at = k.next_attempt_at, ended_at = k.ended_at, delivered_at = k.delivered_at
FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(codes)s::smallint[], %(errors)s::text[],
    %(entries)s::text[], %(next)s::timestamptz[], %(ended)s::timestamptz[],
    %(delivered)s::timestamptz[])
    AS k (id, status, code, error, entry, next_attempt_at, ended_at, delivered_at)
WHERE d.id = k.id
"""


def note(attempted: Sequence[Attempted], *, now: datetime) -> None:
    """Writes what came of attempts. One statement for any number."""
    pending, delivered, failed = (str(status) for status in Delivery.Status)
    with connection.cursor() as cursor:
        cursor.execute(
            ATTEMPTED_SQL,
            {
                "ids": [one.id for one in attempted],
                "statuses": [
                    delivered if one.is_delivered else failed if one.wait_s is None else pending
                    for one in attempted
                ],
                "codes": [one.status_code for one in attempted],
                "errors": [one.error[:300] for one in attempted],
                "entries": [one.entry for one in attempted],
                "next": [
                    None if one.wait_s is None else now + timedelta(seconds=one.wait_s)
                    for one in attempted
                ],
                "ended": [now if one.wait_s is None else None for one in attempted],
                "delivered": [now if one.is_delivered else None for one in attempted],
            },
        )


# What is too old.

PURGE_SQL = """
DELETE FROM backends_delivery WHERE id IN (
    SELECT id FROM backends_delivery WHERE status = %s AND ended_at < %s
    ORDER BY ended_at LIMIT %s
)
"""
# What no delivery names any more. A body and its deliveries are stored in one transaction, so one
# without any is of deliveries that are gone.
ORPHANS_SQL = """
DELETE FROM backends_payload WHERE id IN (
    SELECT p.id FROM backends_payload p
    WHERE p.created_at < %s
      AND NOT EXISTS (SELECT 1 FROM backends_delivery d WHERE d.payload_id = p.id)
    ORDER BY p.id LIMIT %s
)
"""


def purge(*, delivered_before: datetime, failed_before: datetime) -> int:
    """Deletes deliveries that ended before, some thousands a call, and what they sent; how many."""
    n = 0
    with connection.cursor() as cursor:
        for status, before in (
            (Delivery.Status.DELIVERED, delivered_before),
            (Delivery.Status.FAILED, failed_before),
        ):
            cursor.execute(PURGE_SQL, [status, before, PURGED_AT_ONCE])
            n += cursor.rowcount
        if n or Payload.objects.exists():
            cursor.execute(ORPHANS_SQL, [delivered_before, PURGED_AT_ONCE])
    return n
