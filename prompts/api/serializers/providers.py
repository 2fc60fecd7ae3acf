"""Serializers of provider connections: what requests may hold and what is answered.

Keys are sealed here, on their way in; no answer holds them.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from predictions_api.http.fields import JSONObjectField, MeasureField, StrictSerializer
from predictions_api.outbound import client, vault
from prompts.api.serializers.prompts import AuthorField
from prompts.asking.providers import PARAMETERS, RunError, base_url
from prompts.models import MAX_USD, Provider, ProviderConnection

SECRETS = ("api_key", "auth_token", "google_application_credentials")
LOCATION = re.compile(r"[A-Za-z0-9-]{1,63}")
# With the domain that old projects have in front.
GOOGLE_PROJECT = re.compile(r"([A-Za-z0-9.-]{1,100}:)?[A-Za-z0-9-]{1,100}")
NEEDS_ENDPOINT = {Provider.CUSTOM, Provider.AZURE_OPENAI, Provider.AZURE_AI_FOUNDRY}


class ProviderConnectionSerializer(
    StrictSerializer[ProviderConnection], serializers.ModelSerializer[ProviderConnection]
):
    """How to reach a provider. Keys go in and never come out."""

    api_key = serializers.CharField(
        write_only=True, required=False, allow_null=True, allow_blank=True
    )
    auth_token = serializers.CharField(
        write_only=True, required=False, allow_null=True, allow_blank=True
    )
    google_application_credentials = serializers.CharField(
        write_only=True,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="The content of a service account's JSON key file.",
    )
    organization = serializers.IntegerField(source="workspace_id", read_only=True)
    created_by = AuthorField()
    endpoint = serializers.CharField(
        max_length=512,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Base URL of an OpenAI-compatible API, as http://127.0.0.1:11434/v1.",
    )
    budget_limit = MeasureField(
        required=False, allow_null=True, min_value=0, help_text="USD in a period; null: no limit."
    )
    budget_total_spent = serializers.FloatField(
        source="spent_in_period", read_only=True, help_text="USD in the current period."
    )
    budget_alert_threshold = MeasureField(required=False, allow_null=True)
    prompt_price_usd_per_million = MeasureField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MAX_USD,
        help_text="USD for a million prompt tokens.",
    )
    completion_price_usd_per_million = MeasureField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MAX_USD,
        help_text="USD for a million answer tokens.",
    )
    request_params = JSONObjectField(
        required=False, help_text='Sent along with each request, as `{"temperature": 0}`.'
    )
    max_concurrency = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=1000,
        help_text="Requests in flight at once, over all runs and workers.",
    )
    model_params = serializers.SerializerMethodField(
        help_text="JSON schema of what request_params may hold."
    )

    class Meta:
        model = ProviderConnection
        fields = [
            "id",
            "provider",
            "api_key",
            "auth_token",
            "google_application_credentials",
            "deployment_name",
            "endpoint",
            "google_project_id",
            "google_location",
            "cached_available_models",
            "scope",
            "is_internal",
            "budget_limit",
            "budget_alert_threshold",
            "budget_total_spent",
            "budget_reset_period",
            "budget_last_reset_date",
            "prompt_price_usd_per_million",
            "completion_price_usd_per_million",
            "request_params",
            "max_concurrency",
            "model_params",
            "organization",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["budget_last_reset_date"]

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_model_params(self, row: ProviderConnection) -> dict[str, Any]:
        return PARAMETERS

    def validate_endpoint(self, value: str | None) -> str | None:
        if not value:
            return None
        try:
            return client.check_url(value)
        except client.Blocked as blocked:
            raise ValidationError(str(blocked)) from None

    def validate_google_location(self, value: str | None) -> str | None:
        return _a_part(value, LOCATION)

    def validate_google_project_id(self, value: str | None) -> str | None:
        return _a_part(value, GOOGLE_PROJECT)

    def validate_request_params(self, value: dict[str, Any]) -> dict[str, Any]:
        if reserved := sorted({"model", "messages", "stream", "n"} & set(value)):
            raise ValidationError(f"Decided by the run itself: {', '.join(reserved)}.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Names what a provider cannot do without, and seals the keys."""
        kept = self.instance
        provider = attrs.get("provider", kept.provider if kept else Provider.OPENAI)
        endpoint = attrs.get("endpoint", kept.endpoint if kept else None)
        if provider in NEEDS_ENDPOINT and not endpoint:
            raise ValidationError({"endpoint": [f"{provider} needs an endpoint."]})
        given = {name: attrs.pop(name) for name in SECRETS if name in attrs}
        if kept is not None and attrs and _leads_elsewhere(kept, attrs):
            _refuse_kept_keys(kept, given)
        if given:
            attrs["encrypted_secrets"] = vault.seal(merged(kept, given))
        return attrs


def _a_part(value: str | None, allowed: re.Pattern[str]) -> str | None:
    """A part of the address that keys are sent to, which must not become another address."""
    if value and not allowed.fullmatch(value):
        raise ValidationError("Letters, digits and hyphens only.")
    return value


def _leads_elsewhere(kept: ProviderConnection, values: Mapping[str, Any]) -> bool:
    """Whether the changed connection sends its keys to another host."""
    changed = copy.copy(kept)
    for name, value in values.items():
        setattr(changed, name, value)
    try:
        before, after = (urlsplit(base_url(row)) for row in (kept, changed))
    except (RunError, ValueError):
        return True
    return (before.scheme, before.netloc) != (after.scheme, after.netloc)


def _refuse_kept_keys(kept: ProviderConnection, given: Mapping[str, str | None]) -> None:
    """ValidationError where a stored key would go to a new host: whoever may edit a connection
    could read it there."""
    try:
        known = vault.unseal(kept.encrypted_secrets)
    except vault.Unreadable:
        return
    if left := sorted(set(known) - set(given)):
        message = f"Stored keys are not sent to another host: enter {', '.join(left)} again."
        raise ValidationError({left[0]: [message]})


def merged(kept: ProviderConnection | None, given: Mapping[str, str | None]) -> dict[str, str]:
    """The connection's secrets with the given ones in their place; an empty one is forgotten."""
    try:
        secrets = vault.unseal(kept.encrypted_secrets) if kept else {}
    except vault.Unreadable:
        secrets = {}
    return {name: value for name, value in {**secrets, **given}.items() if value}
