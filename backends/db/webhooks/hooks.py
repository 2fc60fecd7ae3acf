"""Writes of webhooks. Headers and secrets are sealed here, on their way in."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.tokens import Access
from backends.models import Delivery, Webhook
from predictions.models import MLBackend
from predictions_api.outbound import vault

#: How long deliveries carry a signature by the old secret, too.
BOTH_SECRETS_FOR = timedelta(hours=24)
#: What a webhook holds that does well.
UNTROUBLED: dict[str, Any] = {
    "consecutive_failures": 0,
    "failing_since": None,
    "paused_until": None,
}


def webhooks(workspace_id: int) -> QuerySet[Webhook]:
    """The webhooks of a workspace, by id."""
    return Webhook.objects.filter(workspace_id=workspace_id).order_by("id")


def headers_of(webhook: Webhook) -> dict[str, str]:
    """Its custom headers; none where they cannot be read with this server's key."""
    try:
        return vault.unseal(webhook.encrypted_headers)
    except vault.Unreadable:
        return {}


def secrets_of(webhook: Webhook) -> list[str]:
    """The secrets that sign now, the newest first. Unreadable with another server's key."""
    secrets = vault.unseal(webhook.encrypted_secrets)
    until = webhook.old_secret_expires_at
    names = ["new", "old"] if until is not None and until > timezone.now() else ["new"]
    return [secrets[name] for name in names if name in secrets]


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    """The columns of validated values, with the headers sealed."""
    columns = dict(values)
    if "headers" in columns:
        columns["encrypted_headers"] = vault.seal(columns.pop("headers"))
    return columns


def create(values: dict[str, Any], access: Access, *, secret: str) -> Webhook:
    """A saved webhook of the caller's workspace, signing with this secret."""
    return Webhook.objects.create(
        workspace_id=access.workspace_id,
        encrypted_secrets=vault.seal({"new": secret}),
        **_columns(values),
    )


@transaction.atomic
def update(webhook: Webhook, values: dict[str, Any]) -> Webhook:
    """Writes only what `values` names. Made active, it forgets its failures, and what waits is due.

    Also where it was active: so somebody asks for another try.
    """
    columns = _columns(values)
    if columns.get("is_active"):
        columns |= {**UNTROUBLED, "disabled_reason": None}
        make_due(webhook.pk)
    for name, value in columns.items():
        setattr(webhook, name, value)
    webhook.save(update_fields=[*columns, "updated_at"])
    return webhook


def make_due(webhook_id: int) -> None:
    """What waits for another attempt is due now, in order."""
    waiting = Delivery.objects.filter(webhook_id=webhook_id, status=Delivery.Status.PENDING)
    waiting.filter(next_attempt_at__gt=Now()).update(next_attempt_at=Now())


def rotate(webhook: Webhook, *, secret: str) -> datetime:
    """Signs with another secret, and for 24 hours with the old one as well; until when."""
    try:
        old = vault.unseal(webhook.encrypted_secrets).get("new")
    except vault.Unreadable:
        old = None
    webhook.encrypted_secrets = vault.seal({"new": secret, **({"old": old} if old else {})})
    until = webhook.old_secret_expires_at = timezone.now() + BOTH_SECRETS_FOR
    webhook.save(
        update_fields=["encrypted_secrets", "old_secret_expires_at", "updated_at"],
    )
    return until


def delete(webhook_id: int) -> None:
    """Removes a webhook and, by the database's own cascade, its deliveries."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM backends_webhook WHERE id = %s", [webhook_id])


def follow_ml_backend(backend: MLBackend, *, workspace_id: int, secret: str) -> None:
    """Sees to the webhook of an ML backend: `<its URL>/webhook`, told all that Label Studio tells.

    Made where there is none of that URL in the project, moved where the backend has one already.
    """
    url = f"{backend.url.rstrip('/')}/webhook"
    if Webhook.objects.filter(ml_backend=backend).update(url=url, updated_at=Now()):
        return
    if not Webhook.objects.filter(project_id=backend.project_id, url=url).exists():
        Webhook.objects.create(
            workspace_id=workspace_id,
            project_id=backend.project_id,
            ml_backend=backend,
            url=url,
            encrypted_secrets=vault.seal({"new": secret}),
        )
