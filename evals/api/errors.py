"""Errors of the evaluation routes in the client's envelope: `{"error": code, "message": text}`."""

from typing import Any

from rest_framework import status
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    PermissionDenied,
    ValidationError,
)
from rest_framework.response import Response

from evals.documents.refusals import Refusal
from predictions_api.http.errors import Busy, count_as
from predictions_api.http.errors import exception_handler as service_exception_handler
from predictions_api.memory import Crowded


class Refused(APIException):
    """A refusal as the framework knows exceptions."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail, refusal.code)
        self.status_code = refusal.status_code


CODES = {
    status.HTTP_400_BAD_REQUEST: "invalid_request",
    status.HTTP_401_UNAUTHORIZED: "unauthenticated",
    status.HTTP_403_FORBIDDEN: "forbidden",
    status.HTTP_404_NOT_FOUND: "not_found",
    status.HTTP_405_METHOD_NOT_ALLOWED: "method_not_allowed",
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE: "body_too_large",
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    status.HTTP_429_TOO_MANY_REQUESTS: "too_many_requests",
    status.HTTP_503_SERVICE_UNAVAILABLE: "database_unavailable",
    status.HTTP_507_INSUFFICIENT_STORAGE: "disk_full",
}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Every exception of a view in the flat envelope; status and log line are the service's."""
    known = Refused(exc) if isinstance(exc, Refusal) else exc
    response = service_exception_handler(known, context)
    code = CODES.get(response.status_code, "internal_error")
    message = str(response.data["detail"])
    if isinstance(exc, Refusal):
        code, message = exc.code, exc.detail
    elif isinstance(exc, ValidationError):
        message = _first_messages(exc.detail)
    elif isinstance(exc, NotAuthenticated | AuthenticationFailed):
        message = "The API key is missing or invalid."
    elif isinstance(exc, PermissionDenied):
        code = "forbidden"
    elif isinstance(exc, Crowded):
        code = Busy.default_code
    response.data = {"error": code, "message": message}
    count_as(response, code)
    return response


def _first_messages(detail: Any) -> str:
    """All messages of a validation as one line: `field: message`."""
    if isinstance(detail, dict):
        return " ".join(
            f"{name}: {_first_messages(inner)}"
            if name != "non_field_errors"
            else _first_messages(inner)
            for name, inner in detail.items()
        )
    if isinstance(detail, list):
        return " ".join(_first_messages(inner) for inner in detail)
    return str(detail)
