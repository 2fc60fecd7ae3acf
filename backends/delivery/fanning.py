"""Makes deliveries of recorded events: what is told of each, once, to whom it was recorded for."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import DatabaseError, transaction

from backends.db.webhooks import outgoing
from backends.db.webhooks.deliveries import bare
from backends.db.webhooks.outgoing import Made
from backends.delivery.signatures import new_message_id
from predictions_api.http.rendering import dumps
from predictions_api.outbound.events import payloads
from predictions_api.outbound.events.models import Event
from predictions_api.postgres.outages import is_outage

log = logging.getLogger(__name__)

#: Events that one transaction takes, and characters of their bodies that are stored at a time.
EVENTS_AT_ONCE = 500
CHARACTERS_AT_ONCE = 4_000_000


#: What else is done in the transaction that tells of events.
Follower = Callable[[Sequence[Event]], None]

_followers: list[Follower] = []


def register_follower(follower: Follower) -> None:
    """From now on shown the events that are told."""
    if follower not in _followers:
        _followers.append(follower)


def make_deliveries() -> int | None:
    """Of the first events; how many, 0 where there are none, None while another worker does it."""
    try:
        return _make_deliveries(isolates=False)
    except DatabaseError as error:
        if is_outage(error):
            raise
        # A statement that the database refuses ends the transaction: once more, each by itself.
        return _make_deliveries(isolates=True)


@transaction.atomic
def _make_deliveries(*, isolates: bool) -> int | None:
    if not outgoing.lock():
        return None
    events = outgoing.recorded(EVENTS_AT_ONCE)
    if not events:
        return 0
    there = outgoing.still_there(id_ for event in events for id_ in event.listeners)
    known: dict[Any, Any] = {}
    batch: list[Made] = []
    n_characters = 0
    for event in events:
        receivers = [id_ for id_ in event.listeners if id_ in there]
        for body in _bodies(event, known, isolates=isolates) if receivers else ():
            messages = {id_: new_message_id() for id_ in receivers}
            batch.append(Made(event.action, body, event.created_at, messages))
            n_characters += len(body)
            if n_characters > CHARACTERS_AT_ONCE:
                outgoing.store(batch)
                batch, n_characters = [], 0
    outgoing.store(batch)
    for follower in _followers:
        follower(events)
    outgoing.forget(events)
    return len(events)


def _bodies(event: Event, known: dict[Any, Any], *, isolates: bool) -> Iterator[str]:
    """What is told of an event. One that cannot be told whole is told by its name, so that it keeps
    no other one waiting. DatabaseError, unless `isolates`, where the database refuses to read it.
    """
    n = 0
    try:
        for body in _isolated(event, known) if isolates else payloads.of_event(event, known):
            yield dumps(body).decode()
            n += 1
    except Exception as error:
        if is_outage(error) or (isinstance(error, DatabaseError) and not isolates):
            raise
        log.exception("event %s (%s) cannot be told whole", event.pk, event.action)
        if not n:
            yield bare(event.action)


def _isolated(event: Event, known: dict[Any, Any]) -> list[payloads.Document]:
    """As `payloads.of_event`, all at once; a statement that is refused undoes no other."""
    with transaction.atomic():
        return list(payloads.of_event(event, known))
