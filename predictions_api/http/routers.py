"""Routes as Label Studio's router makes them.

Its viewset routes answer with and without a trailing slash and with `.json`, for every verb,
without a redirect; its plain routes (import, whoami, ...) have no slash and take none.
"""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.urls import re_path
from django.urls.resolvers import URLPattern
from rest_framework.routers import DynamicRoute, Route, SimpleRouter

# A format suffix, a slash, both or neither.
ENDING = r"(?:\.(?P<format>[a-z0-9]+))?/?"
# Any text: what is no id is answered by the view, to callers it knows.
ID = r"(?P<pk>[^/.]+)"
TASK_ID = r"(?P<task_pk>[^/.]+)"
PROJECT_ID = r"(?P<project_pk>[^/.]+)"
PREDICTION_ID = r"(?P<prediction_pk>[^/.]+)"


class Router(SimpleRouter):
    """Routes of viewsets and their `@action`s, in the order of registration.

    Beside the framework's verbs a viewset may have `destroy_many`: a DELETE of the list.
    """

    routes = [
        Route(
            url="^{prefix}{trailing_slash}$",
            mapping={"get": "list", "post": "create", "delete": "destroy_many"},
            name="{basename}-list",
            detail=False,
            initkwargs={},
        ),
        DynamicRoute(
            url="^{prefix}/{url_path}{trailing_slash}$",
            name="{basename}-{url_name}",
            detail=False,
            initkwargs={},
        ),
        Route(
            url="^{prefix}/{lookup}{trailing_slash}$",
            mapping={
                "get": "retrieve",
                "put": "update",
                "patch": "partial_update",
                "delete": "destroy",
            },
            name="{basename}-detail",
            detail=True,
            initkwargs={},
        ),
        DynamicRoute(
            url="^{prefix}/{lookup}/{url_path}{trailing_slash}$",
            name="{basename}-{url_name}",
            detail=True,
            initkwargs={},
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = ENDING

    def is_already_registered(self, new_basename: str) -> bool:
        """Label Studio lists annotations under their task and reads one under a path of its own:
        one basename with two prefixes.
        """
        return False


def both(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """One route outside a router, with the router's ending."""
    return re_path(f"^{route}{ENDING}$", view, name=name)
