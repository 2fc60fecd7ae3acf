"""What every request of a page passes: its security policy, compression, messages."""

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
    """Sends the policy with HTML; JSON, which nothing renders, goes without."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The answer, a page with its policy."""
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
    """Compresses what a person's browser asks for: lists become thirty times smaller, data three.

    What programs ask of the API is left alone, for they are mostly in the same network. So are
    coordinates in binary, which hardly become smaller.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The answer, compressed where somebody at the desk asked and the browser takes it."""
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
    """A quarter of the time for a tenth more bytes: data is asked for with each move of a slider.

    There is no secret in it that its length could tell.
    """
    if len(response.content) < WORTH_COMPRESSING:
        return
    patch_vary_headers(response, ["Accept-Encoding"])
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        response.content = gzip.compress(response.content, 1, mtime=0)
        response["Content-Encoding"] = "gzip"
        response["Content-Length"] = str(len(response.content))


class DeskMessages(MessageMiddleware):
    """What the desk tells a person after an action; nothing else has anywhere to show it."""

    def process_request(self, request: HttpRequest) -> None:
        """Opens them at the desk only."""
        if request.path_info.startswith(DESK):
            super().process_request(request)
