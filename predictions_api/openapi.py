"""What every documented operation shares: the error envelope and how a caller proves who it is."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error under /api/."""

    id = serializers.UUIDField(help_text="In the log, too.")
    status_code = serializers.IntegerField()
    version = serializers.CharField()
    detail = serializers.CharField()
    exc_info = serializers.JSONField(allow_null=True, help_text="Always null.")
    validation_errors = serializers.DictField(
        required=False, help_text="Messages by field, on refused input."
    )


REASONS = {
    400: "Refused input; nothing changed.",
    401: "No key, or one that does not work.",
    403: "The role or the key's scopes do not allow it.",
    404: "Not there, or not yours.",
    406: "Only JSON is served.",
    409: "There already is one.",
    413: "The body is too large.",
    415: "A body of this type is not read.",
    503: "The database cannot be reached.",
}
ALWAYS = (401, 403, 406, 503)
ERRORS = {code: OpenApiResponse(ErrorSerializer, reason) for code, reason in REASONS.items()}


def error_responses(*codes: int) -> dict[int, OpenApiResponse]:
    """The documented errors of an operation: the given ones and those any may answer."""
    return {code: ERRORS[code] for code in sorted({*codes, *ALWAYS})}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Token <key>` and its equals."""

    target_class = "accounts.authentication.KeyAuthentication"
    name = ["Token", "ApiKey", "AccessToken"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """One scheme for each way to send a key."""
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Token <key>`",
            },
            {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        ]


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The admin's session."""

    target_class = "accounts.authentication.WorkspaceSessionAuthentication"
    name = "Session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """A cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
