"""The service's routes, and some that fail or stream, to test the log."""

import time
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request

from predictions_api import urls

handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500

PAUSE_S = 0.2


def raise_with_secrets(request: HttpRequest | Request) -> Any:
    """Raises an exception whose message holds secrets."""
    local = request.META.get("HTTP_AUTHORIZATION")
    raise ValueError(f"cannot use {local!r} of {request.get_full_path()}")


def slow_stream(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        time.sleep(PAUSE_S)
        yield b"last"

    return StreamingHttpResponse(pieces())


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise_with_secrets(request)

    return StreamingHttpResponse(pieces())


@api_view(["GET", "POST"])
@authentication_classes([])
@permission_classes([])
def fail_in_rest_layer(request: Request) -> Any:
    raise_with_secrets(request)


urlpatterns = [
    path("api/fails", fail_in_rest_layer),
    path("fails", raise_with_secrets),
    path("slow", slow_stream),
    path("breaks", broken_stream),
    # Last: a workspace may have any other name.
    *urls.urlpatterns,
]
