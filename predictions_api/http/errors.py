"""One error envelope for everything under /api/, whatever went wrong and wherever.

Keys, in this order: `id` (a UUID, in the log too), `status_code`, `version`, `detail`, `exc_info`
(always null: nothing of an exception leaves the server), and `validation_errors` on refused input.
"""

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from psycopg2.errors import ForeignKeyViolation, InvalidRegularExpression, ProgramLimitExceeded
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_exception_handler
from rest_framework.views import set_rollback

from predictions_api import memory
from predictions_api.files import FilesAway
from predictions_api.http.chunked import STREAMED_TYPE
from predictions_api.postgres.outages import is_disk_full, is_outage

log = logging.getLogger(__name__)

LENGTH = re.compile(r"[0-9]{1,19}")
UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class BodyTooLarge(APIException):
    """The request body is too large."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request body is too large."
    default_code = "body_too_large"


class BodyTooSlow(APIException):
    """The request body did not come in time."""

    status_code = status.HTTP_408_REQUEST_TIMEOUT
    default_detail = "The request body did not come in time; nothing was stored."
    default_code = "body_too_slow"


class ParquetMissing(APIException):
    """Parquet needs pyarrow on the server: install the extra `parquet`."""

    status_code = status.HTTP_501_NOT_IMPLEMENTED
    default_detail = __doc__


class DatabaseUnavailable(APIException):
    """The database cannot be reached; nothing was stored."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database cannot be reached. Nothing was stored; try again."
    default_code = "database_unavailable"


class FilesUnavailable(APIException):
    """The files cannot be reached; nothing was changed."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The files cannot be reached. Nothing was changed; try again."
    default_code = "files_unavailable"


class Busy(APIException):
    """The server's memory is taken by other large requests; nothing was stored."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Other large requests are being answered. Nothing was stored; try again."
    default_code = "busy"


class DiskFull(APIException):
    """There is no room left on the server's disk; nothing was stored."""

    status_code = status.HTTP_507_INSUFFICIENT_STORAGE
    default_detail = (
        "The disk of the server is full. Nothing was stored; try again when there is room."
    )
    default_code = "disk_full"


class ServerError(APIException):
    """Something went wrong here; the error's id is in the log."""

    status_code = status.HTTP_500_INTERNAL_SERVER_ERROR
    default_detail = "Internal server error. Its id is in the log."


def envelope(status_code: int, detail: str, errors: Any = None) -> dict[str, Any]:
    """The error document; `errors` becomes `validation_errors`, lists under non_field_errors."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    error_id = request_id if UUID_TEXT.fullmatch(request_id) else str(uuid.uuid4())
    structlog.contextvars.bind_contextvars(error_id=error_id, detail=detail)
    document: dict[str, Any] = {
        "id": error_id,
        "status_code": status_code,
        "version": settings.LABEL_STUDIO_VERSION,
        "detail": detail,
        "exc_info": None,
    }
    if errors is not None:
        named = errors if isinstance(errors, Mapping) else {"non_field_errors": errors}
        document["validation_errors"] = named
    return document


def _came_too_slowly(error: BaseException | None) -> bool:
    """Whether a time-out is what ended a body; Django wraps it once or twice."""
    while error is not None and not isinstance(error, TimeoutError):
        error = error.__cause__
    return error is not None


def _as_api_exception(exc: Exception) -> Exception:
    """The answer for what Django and the driver raise below the REST layer."""
    match exc:
        case DatabaseError() | OSError() if is_disk_full(exc):
            log.exception("disk full")
            return DiskFull()
        case RequestDataTooBig():
            return BodyTooLarge()
        case memory.Crowded():
            return Busy()
        case FilesAway():
            log.exception("files unavailable")
            return FilesUnavailable()
        case UnreadablePostError() if _came_too_slowly(exc):
            return BodyTooSlow()
        case UnreadablePostError():
            return ParseError("The request body ended before its declared length.")
        case SuspiciousOperation() | BadRequest():
            return ParseError(str(exc))
        case DataError() if isinstance(exc.__cause__, InvalidRegularExpression):
            return ValidationError(["A regular expression cannot be read."])
        case DataError():
            return ValidationError(["A value cannot be stored."])
        case IntegrityError() if isinstance(exc.__cause__, ForeignKeyViolation):
            return ValidationError(
                ["What this refers to was deleted meanwhile; nothing is stored."]
            )
        case DatabaseError() | InterfaceError() if is_outage(exc):
            log.exception("database unavailable")
            return DatabaseUnavailable()
        case OperationalError() if isinstance(exc.__cause__, ProgramLimitExceeded):
            return ValidationError(["A value is larger than the database can hold."])
        case _:
            return exc


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Every exception of a view as the envelope; an unforeseen one is a 500 that says nothing."""
    exc = _as_api_exception(exc)
    response = rest_exception_handler(exc, context)
    if response is None:
        set_rollback()
        log.exception("unhandled exception", exc_info=exc)
        exc = ServerError()
        response = Response(status=exc.status_code)
    if isinstance(exc, ValidationError):
        response.data = envelope(response.status_code, "Validation error", exc.detail)
        count_as(response, "invalid")
    else:
        detail = getattr(exc, "detail", None)
        if detail is None:
            detail = (response.data or {}).get("detail", "")
        response.data = envelope(response.status_code, str(detail))
        count_as(response, getattr(exc, "default_code", "error"))
    return response


def count_as(response: Response, reason: str) -> None:
    """Metrics count the refusal under this reason, one of few."""
    response.reason_code = reason  # type: ignore[attr-defined]  # read by the request's middleware


def json_error(status_code: int, detail: str) -> HttpResponse:
    """The envelope where no view runs: middleware and the routes nobody owns."""
    return HttpResponse(
        orjson.dumps(envelope(status_code, detail)),
        status=status_code,
        content_type="application/json",
    )


_larger: dict[re.Pattern[str], str] = {}


def register_larger(route: str, hint: str) -> None:
    """How what is too large for a route, an expression of its whole path, gets in all the same."""
    _larger[re.compile(route)] = hint


class BodyLimitMiddleware:
    """413 for a declared length over MAX_BODY_BYTES, before a byte of it is read.

    Only bodies that are never held whole may be longer.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if request.content_type == STREAMED_TYPE:
            declared = "0"
        if LENGTH.fullmatch(declared) and int(declared) > settings.MAX_BODY_BYTES:
            told = f"The request body is over {settings.MAX_BODY_BYTES:,} bytes."
            hints = (hint for route, hint in _larger.items() if route.fullmatch(request.path_info))
            return json_error(413, " ".join([told, *hints]))
        return self.get_response(request)
