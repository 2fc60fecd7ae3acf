"""Webhooks, the bodies that are sent to them, and the deliveries of those."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import Workspace
from predictions.models import MLBackend, Project


class Webhook(models.Model):
    """An address that is told what happens in a project, or in the whole workspace.

    One worker at a time sends to it: whoever holds its lease (`predictions_api/jobs/leases.py`).
    """

    class DisabledReason(models.TextChoices):
        GONE = "gone"  # it answered 410
        FAILING = "failing"  # nothing but failures for WEBHOOK_DISABLE_AFTER_S

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="webhooks")
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks"
    )
    ml_backend = models.ForeignKey(
        MLBackend,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="webhooks",
        help_text="The ML backend that it was made for and follows.",
    )
    url = models.CharField(max_length=2048)
    send_payload = models.BooleanField(default=True)
    send_for_all_actions = models.BooleanField(default=True)
    actions = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    is_active = models.BooleanField(default=True)
    encrypted_headers = models.TextField(
        blank=True, default="", editable=False, help_text="Fernet token of the headers as JSON."
    )
    encrypted_secrets = models.TextField(
        editable=False, help_text="Fernet token of the signing secrets as JSON, the newest first."
    )
    old_secret_expires_at = models.DateTimeField(null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text="The first failure since the last success."
    )
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="Taken to be down: not tried before."
    )
    disabled_reason = models.CharField(max_length=10, choices=DisabledReason, null=True, blank=True)
    lease_owner = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.url


class Payload(models.Model):
    """What is sent: stored once, whatever the number of webhooks that get it."""

    action = models.CharField(max_length=40)
    body = models.TextField(help_text="JSON as it is sent.")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"


class Delivery(models.Model):
    """One payload on its way to one webhook. Ids follow the order in which they are sent."""

    class Status(models.TextChoices):
        PENDING = "Pending"
        DELIVERED = "Delivered"
        FAILED = "Failed"

    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    payload = models.ForeignKey(Payload, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=40, help_text="Its `webhook-id`.")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Delivered, or given up.")
    last_status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True, default="")
    log = models.JSONField(default=list, help_text="Its attempts, the first one first.")

    class Meta:
        verbose_name_plural = "deliveries"
        ordering: ClassVar = ["id"]
        indexes = [
            # A webhook's list, newest first.
            models.Index(fields=["webhook", "id"], name="backends_delivery_w_idx"),
            # What is to be sent, in order.
            models.Index(
                fields=["webhook", "id"],
                condition=Q(status="Pending"),
                name="backends_delivery_p_idx",
            ),
            # What was given up: counted, and sent again.
            models.Index(
                fields=["webhook", "id"],
                condition=Q(status="Failed"),
                name="backends_delivery_f_idx",
            ),
            # What is too old.
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False),
                name="backends_delivery_e_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.message_id
