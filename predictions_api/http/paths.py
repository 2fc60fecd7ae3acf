"""Parts of paths that clients of the evaluation routes send."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls.converters import StringConverter

# First path segments of our own routes; a workspace has none of these names.
OWN_ROUTES = "api|admin|docs|static|health|ready|metrics|version"


class WorkspaceConverter(StringConverter):
    """A workspace's slug: anything one may be called, and nothing our own routes begin with."""

    regex = rf"(?!(?:{OWN_ROUTES})(?:/|$))[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"


class LeadingSlashMiddleware:
    """`//lab/model-evals` is `/lab/model-evals`: what the client sends whose API_URL ends in `/`.

    Paths of our own routes stay as they are.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path.startswith("//"):
            single = "/" + path.lstrip("/")
            if single.split("/")[1] not in OWN_ROUTES.split("|"):
                request.path_info = single
        return self.get_response(request)
