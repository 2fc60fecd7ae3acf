"""Middleware of HTML pages: security policy, compression, messages."""

import gzip

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

from predictions_api.http.rendering import accepts_gzip
from predictions_api.policy import DESK_POLICY

DESK = "/admin/"


WORTH_COMPRESSING = 1000


class PagePolicy(CSPMiddleware):
    """Sends the content security policy with HTML responses only."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The response, with the policy if it is HTML."""
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """The policy, with what the desk's theme and charts need on the desk's pages."""
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(DESK):
            parts.update = {**(parts.update or {}), **DESK_POLICY}
        return parts


class DeskCompression(GZipMiddleware):
    """Compresses responses to browsers at the desk: lists to a thirtieth, data to a third.

    Responses to API clients, which are mostly in the same network, are not compressed, nor are
    binary coordinates, which hardly become smaller.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The response, compressed if it goes to the desk and the browser accepts that."""
        has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
        if not has_session and not request.path_info.startswith(DESK):
            return response
        kind = response.get("Content-Type", "").partition(";")[0]
        if kind == "text/html":
            response = super().process_response(request, response)
        elif kind == "application/json" and isinstance(response, HttpResponse):
            _compress_quickly(request, response)
        return response


def _compress_quickly(request: HttpRequest, response: HttpResponse) -> None:
    """Compresses at the fastest level: a quarter of the time for a tenth more bytes.

    Responses hold no secret that their length could reveal.
    """
    if len(response.content) < WORTH_COMPRESSING:
        return
    patch_vary_headers(response, ["Accept-Encoding"])
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        response.content = gzip.compress(response.content, 1, mtime=0)
        response["Content-Encoding"] = "gzip"
        response["Content-Length"] = str(len(response.content))


class DeskMessages(MessageMiddleware):
    """Django's messages, at the desk only: nothing else shows them."""

    def process_request(self, request: HttpRequest) -> None:
        """Loads the messages for requests to the desk."""
        if request.path_info.startswith(DESK):
            super().process_request(request)
