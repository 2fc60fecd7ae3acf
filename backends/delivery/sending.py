"""Sends a webhook's deliveries, one after the other, as long as it holds the webhook's lease."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import random

import orjson
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backends.db.webhooks import hooks, outgoing
from backends.db.webhooks.deliveries import bare
from backends.db.webhooks.outgoing import Attempted, Due
from backends.delivery import attempts, state
from backends.delivery.attempts import Answer
from backends.models import Webhook
from backends.reaching import addresses
from predictions_api.jobs import stopping
from predictions_api.jobs.heartbeats import Heartbeat
from predictions_api.jobs.leases import Holder, LeaseLost
from predictions_api.outbound import exchanges, vault

#: What was sent well is noted together: so many, or those of so many seconds. A worker that is
#: killed sends them again.
NOTED_AT_ONCE = 100
NOTED_AFTER_S = 0.5
#: How long a sender stays for what comes next, and how often it looks.
STAYS_S = 2.0
LOOK_S = 0.05
#: Up to this part of itself a wait is made longer by chance.
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all requests to a webhook carry: who signs them, and headers of its own."""

    secrets: list[str]
    headers: dict[str, str]


@dataclass(slots=True)
class Lane:
    """One webhook in this sender's hand."""

    webhook: Webhook
    mine: Holder
    runner: asyncio.Runner
    connections: exchanges.Connections
    loaded_at: float = field(default_factory=time.monotonic)
    done: list[Attempted] = field(default_factory=list)

    def send(self) -> int:
        """Attempts what is due, as far as it goes within a second, for the webhook may be changed;
        how many.
        """
        is_down = self.webhook.consecutive_failures >= state.DOWN_AFTER
        due = outgoing.due(self.webhook.pk, limit=1 if is_down else outgoing.AT_ONCE)
        if not due:
            return 0
        envelope = self._envelope()
        n = 0
        while n < len(due) and not self._is_over():
            some = self._attempt_some(due[n : n + NOTED_AT_ONCE], envelope)
            try:
                last = self.runner.run(stopping.in_time(some))
            except stopping.Stopped:
                # Nothing is known of the one that is out: it is sent again.
                last = None
            n += len(self.done)
            self.note(last)
            if not self.webhook.is_active or self.webhook.paused_until is not None:
                break
        return n

    def _is_over(self) -> bool:
        """Whether nothing more is begun with the webhook as it was read."""
        return stopping.requested.is_set() or time.monotonic() - self.loaded_at > 1.0

    def _envelope(self) -> Envelope | Answer:
        """What goes along, unsealed once for all; the answer to every attempt where it cannot be
        read with this server's key.
        """
        webhook = self.webhook
        try:
            secrets = hooks.secrets_of(webhook)
            headers = vault.unseal(webhook.encrypted_headers)
            if webhook.ml_backend_id is not None:
                headers = {**addresses.credentials(webhook.ml_backend_id), **headers}
        except vault.Unreadable as error:
            return Answer(None, str(error), 0)
        return Envelope(secrets, headers)

    async def _attempt_some(
        self, deliveries: Sequence[Due], envelope: Envelope | Answer
    ) -> Answer | None:
        """Attempts one after the other, until one fails or what was sent well has to be noted; the
        last answer. Without the database, so on one connection without a pause.
        """
        began = time.monotonic()
        last: Answer | None = None
        for delivery in deliveries:
            if last is not None and (self._is_over() or time.monotonic() - began > NOTED_AFTER_S):
                break
            last = await self._attempt(delivery, envelope)
            self._learn(delivery, last)
            if not last.is_delivered:
                break
        return last

    async def _attempt(self, delivery: Due, envelope: Envelope | Answer) -> Answer:
        if isinstance(envelope, Answer):
            return envelope
        body = delivery.body if self.webhook.send_payload else bare(delivery.action)
        return await attempts.attempt(
            self.connections,
            self.webhook.url,
            body.encode(),
            message_id=delivery.message_id,
            secrets=envelope.secrets,
            headers=envelope.headers,
            timeout_s=settings.WEBHOOK_TIMEOUT_S,
        )

    def _learn(self, delivery: Due, answer: Answer) -> None:
        """Keeps what came of it until it is noted."""
        entry = {
            "at": timezone.now(),
            "status_code": answer.status_code,
            "error": answer.error or None,
            "duration_ms": answer.duration_ms,
            "response_body": answer.body,
        }
        self.done.append(
            Attempted(
                delivery.id,
                answer.is_delivered,
                answer.status_code,
                answer.error,
                orjson.dumps(entry, option=orjson.OPT_UTC_Z).decode(),
                None if answer.is_delivered else wait_s(delivery.attempts, answer),
            )
        )

    @transaction.atomic
    def note(self, last: Answer | None) -> None:
        """Writes what came of the attempts, unless the lease was lost."""
        now: datetime = timezone.now()
        state.keep(self.webhook.pk, self.mine)
        outgoing.note(self.done, now=now)
        if any(one.is_delivered for one in self.done):
            state.reached(self.webhook)
        if last is not None and not last.is_delivered:
            state.missed(self.webhook, now=now)
            if last.status_code == attempts.GONE:
                state.switch_off(self.webhook, state.Reason.GONE)
        self.done.clear()


def wait_s(n_before: int, answer: Answer) -> float | None:
    """Seconds until the next attempt after one that failed, with `n_before` before it; None where
    it was the last.
    """
    delays = settings.WEBHOOK_RETRY_DELAYS_S
    if answer.status_code == attempts.GONE or n_before >= len(delays):
        return None
    return max(float(delays[n_before]) * (1 + JITTER * random()), answer.retry_after_s)  # noqa: S311


def send(webhook_id: int, is_over: Callable[[], bool]) -> None:
    """Sends what is due to a webhook, and what comes while it is at it; nothing to one that is in
    another's hand.
    """
    mine = state.sender()
    if not state.claim(webhook_id, mine):
        return
    try:
        with (
            Heartbeat(lambda: state.keep(webhook_id, mine), every_s=mine.lease_s / 3),
            asyncio.Runner() as runner,
        ):
            connections = exchanges.Connections(most=1)
            try:
                _send_all(webhook_id, mine, runner, connections, is_over)
            finally:
                runner.run(connections.close())
    except LeaseLost:
        return
    finally:
        state.release(webhook_id, mine)


def _send_all(
    webhook_id: int,
    mine: Holder,
    runner: asyncio.Runner,
    connections: exchanges.Connections,
    is_over: Callable[[], bool],
) -> None:
    quiet_since = time.monotonic()
    while not (stopping.requested.is_set() or is_over()):
        webhook = Webhook.objects.filter(pk=webhook_id).first()
        if webhook is None or (webhook.paused_until or timezone.now()) > timezone.now():
            return
        if Lane(webhook, mine, runner, connections).send():
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > STAYS_S:
            return
        else:
            stopping.requested.wait(LOOK_S)
