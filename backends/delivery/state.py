"""The state of a webhook while it is sent to: who sends, how it fares, when it is switched off."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from backends.db.webhooks import hooks
from backends.models import Webhook
from predictions_api.jobs.leases import Holder

log = logging.getLogger(__name__)

#: A receiver that failed so many times in a row is taken to be down, and tried so often.
DOWN_AFTER = 3
PROBE_EVERY = timedelta(seconds=30)
Reason = Webhook.DisabledReason


def sender() -> Holder:
    """A new owner of leases."""
    return Holder(settings.RUN_LEASE_S)


def claim(webhook_id: int, mine: Holder) -> bool:
    """Whether the webhook is this sender's now: it was in nobody's hand."""
    return bool(mine.claim(Webhook.objects.filter(pk=webhook_id), 1))


def keep(webhook_id: int, mine: Holder) -> None:
    """A fresh lease, or LeaseLost. In a transaction it also keeps others away until the commit."""
    mine.keep(Webhook.objects.filter(pk=webhook_id))


def release(webhook_id: int, mine: Holder) -> None:
    """The webhook is in nobody's hand."""
    mine.release(Webhook.objects.filter(pk=webhook_id))


def reached(webhook: Webhook) -> None:
    """It took a delivery. If it was down, all that waits is due. At most two statements, none where
    it did well before.
    """
    if not webhook.consecutive_failures and webhook.failing_since is None:
        return
    if webhook.consecutive_failures >= DOWN_AFTER:
        hooks.make_due(webhook.pk)
    Webhook.objects.filter(pk=webhook.pk).update(**hooks.UNTROUBLED)
    for name, value in hooks.UNTROUBLED.items():
        setattr(webhook, name, value)


def missed(webhook: Webhook, *, now: datetime) -> None:
    """It failed once more: it pauses after three in a row, and is switched off after five days."""
    failures = webhook.consecutive_failures + 1
    since = webhook.failing_since or now
    columns = {
        "consecutive_failures": failures,
        "failing_since": since,
        "paused_until": now + PROBE_EVERY if failures >= DOWN_AFTER else None,
    }
    Webhook.objects.filter(pk=webhook.pk).update(**columns)
    for name, value in columns.items():
        setattr(webhook, name, value)
    if (now - since).total_seconds() >= settings.WEBHOOK_DISABLE_AFTER_S:
        switch_off(webhook, Reason.FAILING)


def switch_off(webhook: Webhook, reason: Reason) -> None:
    """It is sent nothing more until somebody makes it active; what is pending waits."""
    active = Webhook.objects.filter(pk=webhook.pk, is_active=True)
    if active.update(is_active=False, disabled_reason=reason, updated_at=timezone.now()):
        log.warning("webhook %s is switched off: %s", webhook.pk, reason.value)
    webhook.is_active = False
