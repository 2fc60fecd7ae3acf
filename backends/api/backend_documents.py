"""What requests about backends may hold, and the document of a backend."""

from typing import Any
from urllib.parse import urlsplit

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError

from backends.db import endpoints
from backends.models import Endpoint
from predictions.models import MLBackend
from predictions_api.http.fields import MeasureField, PkField, StorableJSONField
from predictions_api.http.storable import bulk_json_text
from predictions_api.outbound import client

MAX_PARAMS_BYTES = 64_000
NEEDS_CREDENTIALS = "Authentication username and password is required for Basic Authentication."
STAYS = "A backend stays in its project; make another one there."
BLANK = "This field may not be blank."
State = Endpoint.State


class BackendSerializer(serializers.Serializer[MLBackend]):
    """A model server that is asked for predictions. Its password goes in and never comes out."""

    id = serializers.IntegerField(read_only=True)
    state = serializers.ChoiceField(State.choices, read_only=True)
    readable_state = serializers.CharField(read_only=True)
    is_interactive = serializers.BooleanField(
        default=False, help_text="May be asked while a person labels, one task at a time."
    )
    url = serializers.CharField(
        max_length=2048, trim_whitespace=False, help_text="http(s); routes are appended to it."
    )
    error_message = serializers.CharField(
        read_only=True, allow_null=True, help_text="What was wrong, while `state` is `ER`."
    )
    title = serializers.CharField(
        default="default", allow_null=True, allow_blank=True, help_text="Its name in the project."
    )
    auth_method = serializers.ChoiceField(
        Endpoint.AuthMethod.choices, default="NONE", help_text="`NONE` or `BASIC_AUTH`."
    )
    basic_auth_user = serializers.CharField(default="", allow_null=True, allow_blank=True)
    basic_auth_pass = serializers.CharField(
        write_only=True, required=False, allow_null=True, allow_blank=True, trim_whitespace=False
    )
    basic_auth_pass_is_set = serializers.BooleanField(read_only=True)
    description = serializers.CharField(default="", allow_null=True, allow_blank=True)
    extra_params = StorableJSONField(
        default=None, allow_null=True, help_text="Sent with /setup; 2.x backends expect text."
    )
    model_version = serializers.CharField(
        default="",
        allow_null=True,
        allow_blank=True,
        help_text="What the backend names; a request's counts where `auto_update` is false.",
    )
    timeout = MeasureField(
        default=100.0, min_value=1, max_value=3600, help_text="Seconds for an answer of /predict."
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    auto_update = serializers.BooleanField(
        default=True, help_text="The model version follows what the backend names."
    )
    project = PkField()
    batch_size = serializers.IntegerField(
        default=None,
        allow_null=True,
        min_value=1,
        max_value=1000,
        help_text="Tasks in one request; null: the server's default.",
    )
    max_concurrency = serializers.IntegerField(
        default=1,
        min_value=1,
        max_value=32,
        help_text="Requests at once, over all jobs and workers.",
    )
    send_access_token = serializers.BooleanField(
        default=False, help_text="Send a key of the backend's own, with which it may read."
    )
    checked_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def validate_url(self, value: str) -> str:
        """PermissionDenied for an address that is not called, ValidationError for an unknown
        host.
        """
        if "\0" in value:
            raise ValidationError("Null characters are not allowed.")
        try:
            client.check_url(value)
            parts = urlsplit(value)
            client.checked_addresses(parts.hostname or "", parts.port or 443)
        except client.Unresolved as unknown:
            raise ValidationError(str(unknown)) from None
        except client.Blocked as blocked:
            raise PermissionDenied(str(blocked)) from None
        return value

    def validate_extra_params(self, value: Any) -> Any:
        if len(bulk_json_text(value)) > MAX_PARAMS_BYTES:
            raise ValidationError(f"At most {MAX_PARAMS_BYTES:,} bytes of JSON.")
        return value

    def validate_model_version(self, value: str | None) -> str:
        return value or ""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Needs credentials where they are asked for; what is stored counts."""
        kept = self.instance
        if kept is not None and attrs.get("project", kept.project_id) != kept.project_id:
            raise ValidationError({"project": [STAYS]})
        endpoint = endpoints.endpoint_of(kept) if kept is not None else Endpoint()
        if attrs.get("auth_method", endpoint.auth_method) != Endpoint.AuthMethod.BASIC_AUTH:
            return attrs
        has_password = endpoints.has_password(endpoint)
        if "basic_auth_pass" in attrs and not attrs["basic_auth_pass"] and not has_password:
            raise ValidationError({"basic_auth_pass": [BLANK]})
        user = attrs.get("basic_auth_user") or endpoint.basic_auth_user
        if not user or not (attrs.get("basic_auth_pass") or has_password):
            raise ValidationError([NEEDS_CREDENTIALS])
        return attrs


def as_sent(body: Any) -> Any:
    """A form's fields as JSON would bring them: what it leaves out has its default."""
    return dict(body.items()) if isinstance(body, QueryDict) else body


def document(backend: MLBackend) -> dict[str, Any]:
    """The backend as it is answered, keys in Label Studio's order."""
    endpoint = endpoints.endpoint_of(backend)
    state, message = State(endpoint.state), endpoint.error_message
    if getattr(backend, "is_training", False):
        state, message = State.TRAINING, None
    elif getattr(backend, "is_predicting", False):
        state, message = State.PREDICTING, None
    return {
        "id": backend.pk,
        "state": state.value,
        "readable_state": state.label,
        "is_interactive": endpoint.is_interactive,
        "url": backend.url,
        "error_message": message,
        "title": backend.title,
        "auth_method": endpoint.auth_method,
        "basic_auth_user": endpoint.basic_auth_user,
        "basic_auth_pass_is_set": endpoints.has_password(endpoint),
        "description": endpoint.description,
        "extra_params": endpoint.extra_params,
        "model_version": backend.model_version,
        "timeout": endpoint.timeout,
        "created_at": backend.created_at,
        "updated_at": backend.updated_at,
        "auto_update": endpoint.auto_update,
        "project": backend.project_id,
        "batch_size": endpoint.batch_size,
        "max_concurrency": endpoint.max_concurrency,
        "send_access_token": endpoint.send_access_token,
        "checked_at": endpoint.checked_at,
    }


class InteractiveSerializer(serializers.Serializer[Any]):
    """A task to be asked about while a person labels it."""

    task = serializers.IntegerField(help_text="Of the backend's project.")
    context = StorableJSONField(  # type: ignore[assignment]  # a field, as its siblings
        default=None, allow_null=True, help_text="What the person did; passed on."
    )


class TrainSerializer(serializers.Serializer[Any]):
    """How to train."""

    use_ground_truth = serializers.BooleanField(default=False)
