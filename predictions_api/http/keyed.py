"""The short way of a request that brings its key: past what only browsers need.

Sessions, messages, forgery tokens, static files and pages' policies are for people at the desk.
Half of what Django did for a request to the API was asking whether it is one of theirs (measured).
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

View = Callable[[HttpRequest], HttpResponseBase]

#: What the middleware that is passed by sets on every answer.
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def innermost(get_response: Any) -> View:
    """What stands behind the last middleware: the views."""
    while inner := getattr(getattr(get_response, "__wrapped__", None), "get_response", None):
        get_response = inner
    view: View = get_response
    return view


def _is_api(path: str) -> bool:
    """Whether a key may open the path: pages at `/admin/` need the session of a person."""
    return path.startswith("/api/") or ("/model-evals" in path and not path.startswith("/admin/"))


def is_keyed(request: HttpRequest) -> bool:
    """Whether the request brings a key to a route of the API, and comes from no browser."""
    meta = request.META
    return (
        ("HTTP_AUTHORIZATION" in meta or "HTTP_X_API_KEY" in meta)
        and "HTTP_COOKIE" not in meta
        and "HTTP_ORIGIN" not in meta
        and _is_api(request.path_info)
    )


class KeyedRequests:
    """Leads a request with a key to its view; every other goes on through what follows.

    Stands after the middleware that every request needs. The answer has the same headers either
    way.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response
        self.view = innermost(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_keyed(request):
            return self.get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            return self.get_response(request)
        response = self.view(request)
        headers = response.headers
        for name, value in HEADERS.items():
            if name not in headers:
                headers[name] = value
        if not response.streaming and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
        if "Vary" in headers:
            patch_vary_headers(response, ["origin"])
        else:
            headers["Vary"] = "origin"
        return response
