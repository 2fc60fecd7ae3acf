"""Routes as Label Studio's router makes them.

Its viewset routes answer with and without a trailing slash and with `.json`, for every verb,
without a redirect; its plain routes (import, whoami, ...) have no slash and take none.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpResponseBase
from django.urls import re_path
from django.urls.resolvers import URLPattern

if TYPE_CHECKING:
    from rest_framework.decorators import ViewSetAction

    Actions = dict[str, str | ViewSetAction[Any]]

# Any text: what is no id is answered by the view, to callers it knows.
ID = r"(?P<pk>[^/.]+)"
TASK_ID = r"(?P<task_pk>[^/.]+)"
PROJECT_ID = r"(?P<project_pk>[^/.]+)"
LIST: "Actions" = {"get": "list", "post": "create"}
ITEM: "Actions" = {
    "get": "retrieve",
    "put": "update",
    "patch": "partial_update",
    "delete": "destroy",
}


def both(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """A route with or without a trailing slash, or with a format suffix."""
    return re_path(rf"^{route}(?:\.(?P<format>[a-z0-9]+))?/?$", view, name=name)
