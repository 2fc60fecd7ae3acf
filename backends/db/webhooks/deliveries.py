"""Deliveries as they are listed, sent again, and tried out."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.utils import timezone

from backends.models import Delivery, Payload, Webhook

Status = Delivery.Status
TEST = "TEST"
#: Beyond so many of a webhook it is only said that there are more.
MOST_COUNTED = 1000


def of_webhook(webhook_id: int) -> QuerySet[Delivery]:
    """Its deliveries with their actions, newest first, without what was sent."""
    rows = Delivery.objects.filter(webhook_id=webhook_id).select_related("payload", "webhook")
    return rows.defer("payload__body").order_by("-id")


class _Counted(Subquery):
    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"


def counted(status: str) -> Subquery:
    """How many deliveries in that status, Pending or Failed, the webhook of an outer query has, up
    to MOST_COUNTED + 1. By the index of that status.
    """
    rows = Delivery.objects.filter(webhook_id=OuterRef("pk"), status=status).order_by()
    return _Counted(rows.values("pk")[: MOST_COUNTED + 1], output_field=IntegerField())


def body_of(delivery: Delivery) -> str:
    """What it sends, JSON."""
    payload, webhook = delivery.payload, delivery.webhook
    return payload.body if webhook.send_payload else bare(payload.action)


def bare(action: str) -> str:
    """The body that names an action and nothing else."""
    return f'{{"action":"{action}"}}'


def _again() -> dict[str, Any]:
    """What a delivery's columns hold when its attempts begin anew. Its id stays."""
    now = timezone.now()
    return {
        "status": Status.PENDING,
        "attempts": 0,
        "next_attempt_at": now,
        "delivered_at": None,
        "ended_at": None,
    }


def redeliver(delivery: Delivery) -> Delivery:
    """Makes it pending and due, with all its attempts before it."""
    columns = _again()
    for name, value in columns.items():
        setattr(delivery, name, value)
    delivery.save(update_fields=list(columns))
    return delivery


def redeliver_all(
    webhook_id: int, *, status: str, since: datetime | None, until: datetime | None
) -> int:
    """As `redeliver`, all of a status that were made in that time; how many."""
    rows = Delivery.objects.filter(webhook_id=webhook_id, status=status)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    if until is not None:
        rows = rows.filter(created_at__lte=until)
    return rows.update(**_again())


@transaction.atomic
def create_test(webhook: Webhook, *, message_id: str) -> Delivery:
    """A delivery that says nothing but that it is a test; sent to an inactive webhook, too."""
    now = timezone.now()
    payload = Payload.objects.create(action=TEST, body=bare(TEST), created_at=now)
    return Delivery.objects.create(
        webhook=webhook,
        payload=payload,
        message_id=message_id,
        created_at=now,
        next_attempt_at=now,
    )
