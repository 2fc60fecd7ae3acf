"""Refusals of the evaluation routes, and their envelope: `{"error": code, "message": text}`.

The codes are what the evaluation client tells its exceptions apart by.
"""

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

from predictions_api.http.errors import exception_handler as service_exception_handler


class Refusal(APIException):
    """The request cannot be answered."""

    status_code: int = status.HTTP_400_BAD_REQUEST
    default_code = "invalid_request"

    def __init__(self, message: str | None = None, code: str | None = None) -> None:
        super().__init__(message or type(self).__doc__, code)
        self.code = code or self.default_code


class EvaluationNotFound(Refusal):
    """There is no such model evaluation in this workspace."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "model_eval_not_found"


class WorkspaceNotFound(Refusal):
    """There is no such workspace, or the key is not for it."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "workspace_not_found"


class ProjectNotFound(Refusal):
    """There is no such project in this workspace."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "project_not_found"


class ImageNotFound(Refusal):
    """The evaluation has no such image."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "image_not_found"


class ReportNotFound(Refusal):
    """The evaluation has no such report."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "report_not_found"


class EvaluationNotDone(Refusal):
    """The model evaluation is not finished."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "model_eval_not_done"


class InvalidConfidence(Refusal):
    """confidence must be an integer from 0 to 100."""

    default_code = "invalid_confidence"


class InvalidSplit(Refusal):
    """split must be one of train, valid, test."""

    default_code = "invalid_split"


class InvalidPagination(Refusal):
    """limit and offset must be whole numbers within their ranges."""

    default_code = "invalid_pagination"


class InvalidStatus(Refusal):
    """status must be one of running, done, failed."""

    default_code = "invalid_status"


class InvalidFilterCombination(Refusal):
    """Use at most one of project, version and model."""

    default_code = "invalid_filter_combination"


class InvalidFilter(Refusal):
    """A filter or the order of images cannot be read."""

    default_code = "invalid_filter"


class InvalidFrontierMetric(Refusal):
    """frontierMetric must be one of mAP, mAP5095, mAP75, mIoU, precision, recall, f1."""

    default_code = "invalid_frontier_metric"


class InvalidImport(Refusal):
    """The file is no evaluation."""

    default_code = "invalid_import"


CODES = {
    status.HTTP_400_BAD_REQUEST: "invalid_request",
    status.HTTP_401_UNAUTHORIZED: "unauthenticated",
    status.HTTP_403_FORBIDDEN: "forbidden",
    status.HTTP_404_NOT_FOUND: "not_found",
    status.HTTP_405_METHOD_NOT_ALLOWED: "method_not_allowed",
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE: "body_too_large",
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    status.HTTP_503_SERVICE_UNAVAILABLE: "database_unavailable",
}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Every exception of a view in the flat envelope; status and log line are the service's."""
    response = service_exception_handler(exc, context)
    code = CODES.get(response.status_code, "internal_error")
    message = str(response.data["detail"])
    if isinstance(exc, Refusal):
        code, message = exc.code, str(exc.detail)
    elif isinstance(exc, ValidationError):
        message = _first_messages(exc.detail)
    elif isinstance(exc, NotAuthenticated | AuthenticationFailed):
        message = "The API key is missing or invalid."
    elif isinstance(exc, PermissionDenied):
        code = "forbidden"
    response.data = {"error": code, "message": message}
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
