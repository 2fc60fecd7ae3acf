"""Serializers of webhooks and deliveries: what requests may hold and what is answered."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError as InvalidValue
from django.core.validators import MaxLengthValidator, URLValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from backends.db.webhooks.hooks import headers_of
from backends.delivery import signatures
from backends.models import Delivery, Webhook
from backends.models.actions import ACTIONS, OF_WORKSPACE, in_order
from predictions_api.http.fields import PkField, StorableJSONField, StrictSerializer

MOST_HEADERS = 10
HEADER_NAME = re.compile(r"[A-Za-z0-9_-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
OUR_HEADERS = {"host", "content-length", "transfer-encoding", "connection"}
OF_WORKSPACE_ONLY = "Project webhook can't contain organization-only action."
TOO_LONG = "Ensure this field has no more than 2048 characters."
# Names within a private network have no dot.
PLAIN_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")


class HttpUrlValidator(URLValidator):
    """An http or https address, of a host without a dot as well."""

    schemes = ["http", "https"]

    def __call__(self, value: Any) -> None:
        try:
            host = urlsplit(value).hostname or ""
        except ValueError:
            raise InvalidValue(self.message, code=self.code) from None
        if PLAIN_HOST.fullmatch(host):
            value = re.sub(f"(?i){re.escape(host)}", "localhost", value, count=1)
        super().__call__(value)


class FlagField(serializers.BooleanField):
    """A boolean. A form without it leaves it as it is, or at its default."""

    default_empty_html = serializers.empty


@extend_schema_field(
    {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": MOST_HEADERS}
)
class HeadersField(StorableJSONField):
    """Up to ten headers, sent with each delivery."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        headers = super().to_internal_value(data)
        if not isinstance(headers, dict) or not self._fits(headers):
            raise ValidationError(f"{headers!r:.1000} failed JSON schema check")
        for name, value in headers.items():
            if name.lower() in OUR_HEADERS or name.lower().startswith("webhook-"):
                raise ValidationError(f"{name} is set by the sender.")
            if CONTROL.search(value):
                raise ValidationError(f"{name} holds a control character.")
        return headers

    def _fits(self, headers: dict[Any, Any]) -> bool:
        return len(headers) <= MOST_HEADERS and all(
            HEADER_NAME.fullmatch(name) and isinstance(value, str)
            for name, value in headers.items()
        )


class SecretField(serializers.CharField):
    """A signing secret: `whsec_` and base64 of 24 to 64 bytes."""

    def to_internal_value(self, data: Any) -> str:
        secret = super().to_internal_value(data)
        try:
            signatures.key_of(secret)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return secret


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """An address that is told what happens."""

    organization = serializers.IntegerField(source="workspace_id", read_only=True)
    project = PkField(
        source="project_id",
        required=False,
        allow_null=True,
        default=None,
        help_text="Null: what happens in the whole workspace. Kept as it was created.",
    )
    url = serializers.CharField(
        validators=[MaxLengthValidator(2048, message=TOO_LONG), HttpUrlValidator()]
    )
    send_payload = FlagField(
        default=True, help_text='False: deliveries are `{"action": "..."}` alone.'
    )
    send_for_all_actions = FlagField(default=True, help_text="Whatever `actions` say.")
    headers = HeadersField(default=dict)
    is_active = FlagField(
        default=True, help_text="Made true, failures are forgotten and what waits is due."
    )
    actions = serializers.ListField(
        child=serializers.ChoiceField(choices=list(ACTIONS)), default=list
    )
    consecutive_failures = serializers.IntegerField(read_only=True)
    disabled_reason = serializers.ChoiceField(
        choices=Webhook.DisabledReason.choices,
        read_only=True,
        allow_null=True,
        help_text="`gone`: it answered 410; `failing`: nothing else for five days.",
    )
    ml_backend = serializers.IntegerField(
        source="ml_backend_id", read_only=True, allow_null=True, help_text="It follows that."
    )
    signing_secret = SecretField(
        write_only=True,
        required=False,
        help_text="Made by us where none is given. Answered when it is made, and never again.",
    )

    class Meta:
        model = Webhook
        fields = [
            "id",
            "organization",
            "project",
            "url",
            "send_payload",
            "send_for_all_actions",
            "headers",
            "is_active",
            "actions",
            "created_at",
            "updated_at",
            "consecutive_failures",
            "disabled_reason",
            "ml_backend",
            "signing_secret",
        ]

    def to_representation(self, instance: Webhook) -> dict[str, Any]:
        shown = {**vars(instance), "headers": headers_of(instance)}
        names = {"organization": "workspace_id", "project": "project_id"}
        names["ml_backend"] = "ml_backend_id"
        fields = [name for name in self.Meta.fields if name != "signing_secret"]
        return {name: shown[names.get(name, name)] for name in fields}

    def validate_actions(self, value: list[str]) -> list[str]:
        return in_order(value)

    def validate(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Refuses actions that a project's webhook cannot get; a project is named once."""
        values = dict(attrs)
        if self.instance is not None:
            values.pop("project_id", None)
            project_id = self.instance.project_id
        else:
            project_id = values.get("project_id")
        if project_id is not None and OF_WORKSPACE & set(values.get("actions", ())):
            raise ValidationError(OF_WORKSPACE_ONLY)
        return values


class MadeWebhookSerializer(WebhookSerializer):
    """A webhook that was just made, with its secret."""

    signing_secret = serializers.CharField(read_only=True)  # type: ignore[assignment]


class RotatedSerializer(serializers.Serializer[Any]):
    """A new secret; the old one signs as well for a day."""

    signing_secret = serializers.CharField()
    old_secret_expires_at = serializers.DateTimeField()


class WebhookActionSerializer(serializers.Serializer[Any]):
    """An action that webhooks can listen to."""

    name = serializers.CharField()
    description = serializers.CharField()
    key = serializers.CharField(help_text="Where the object stands in the body.")
    vars()["organization-only"] = serializers.BooleanField(
        help_text="Sent to webhooks of the whole workspace only."
    )


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """A delivery to a webhook."""

    action = serializers.CharField(source="payload.action")
    attempts = serializers.IntegerField()
    last_status_code = serializers.IntegerField(allow_null=True)
    last_error = serializers.CharField(
        allow_null=True, help_text="What went wrong at the last attempt; null where nothing did."
    )

    class Meta:
        model = Delivery
        fields = [
            "id",
            "action",
            "status",
            "attempts",
            "created_at",
            "next_attempt_at",
            "delivered_at",
            "last_status_code",
            "last_error",
        ]

    def to_representation(self, instance: Delivery) -> dict[str, Any]:
        shown = {**vars(instance), "action": instance.payload.action}
        shown["last_error"] = instance.last_error or None
        return {name: shown[name] for name in DeliverySerializer.Meta.fields}


class AttemptSerializer(serializers.Serializer[Any]):
    """One attempt to deliver."""

    at = serializers.DateTimeField()
    status_code = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    duration_ms = serializers.IntegerField()
    response_body = serializers.CharField(help_text="Its first 1,000 characters.")


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery, what it sends, and its attempts."""

    payload = serializers.DictField(help_text="As it is sent.")
    log = AttemptSerializer(many=True, help_text="The attempts, the first one first.")

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "payload", "log"]


class RedeliverSerializer(StrictSerializer[Any]):
    """Which deliveries to attempt again."""

    status = serializers.ChoiceField(
        choices=[Delivery.Status.FAILED.value, Delivery.Status.DELIVERED.value]
    )
    since = serializers.DateTimeField(required=False, help_text="Made then or later.")
    until = serializers.DateTimeField(required=False, help_text="Made then or before.")


class RedeliveredSerializer(serializers.Serializer[Any]):
    """How many are attempted again."""

    redelivered = serializers.IntegerField()
