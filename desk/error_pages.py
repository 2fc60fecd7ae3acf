"""What holds for every HTML page: when its policy is sent, its icon, and what a person sees where
a program would read an error document.
"""

import gzip
from typing import Any

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib import admin
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponsePermanentRedirect
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.cache import patch_vary_headers

from predictions_api.http.rendering import accepts_gzip

DESK = "/admin/"
WORTH_COMPRESSING = 1000

ERRORS = {
    403: ("You may not do that", "Your role in this workspace does not allow it."),
    404: ("Nothing is here", "It does not exist, or not in a workspace you belong to."),
    500: ("Something went wrong", "It is in the server's log, and it was not your fault."),
}


class PagePolicy(CSPMiddleware):
    """Sends the policy with HTML; JSON, which nothing renders, goes without."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The answer, a page with its policy."""
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)


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


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser asks for a page of the desk."""
    is_desk = request.path_info.startswith(DESK)
    return is_desk and "text/html" in request.headers.get("Accept", "")


def error_page(request: HttpRequest, status: int) -> HttpResponse:
    """An error as a person reads it, with the sidebar for whoever is logged in."""
    title, text = ERRORS[status]
    context: dict[str, Any] = {"title": title, "text": text, "status": status}
    # A broken database must not break the page that says so.
    if status != 500 and hasattr(request, "user"):
        context = {**admin.site.each_context(request), **context}
        return render(request, "desk/error.html", context, status=status)
    return render(request, "desk/plain_error.html", context, status=status)


def favicon(request: HttpRequest) -> HttpResponseBase:
    """Browsers ask for it by this name, whatever a page says."""
    return HttpResponsePermanentRedirect(static("theme/icon.svg"))


def desk(request: HttpRequest) -> HttpResponseBase:
    """The desk without the slash that a person forgot."""
    return HttpResponsePermanentRedirect(DESK)
