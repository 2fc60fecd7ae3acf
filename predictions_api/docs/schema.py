"""The OpenAPI document and its pages, Swagger UI and Redoc. They need no internet."""

from functools import cache
from threading import Lock
from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from predictions_api.docs.views import OWN

# The views would answer OPTIONS with a description of themselves, for which they have no page.
READ_ONLY = {"http_method_names": ["get", "head"]}

_building = Lock()


@cache
def _built() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


@cache
def _rendered(kind: Any) -> bytes:
    text: bytes = kind().render(_built(), renderer_context={})
    return text


class SchemaView(SpectacularAPIView):
    """The OpenAPI document in YAML or JSON, the same for everybody.

    Built and rendered once a process: that takes two seconds, and nobody needs a key to ask for it.
    """

    authentication_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The bytes that were rendered first; requests that come meanwhile wait for them."""
        renderer: BaseRenderer = request.accepted_renderer
        kind: Any = type(renderer)
        with _building:
            text = _rendered(kind)
        name = f"{settings.SPECTACULAR_SETTINGS['TITLE']}.{renderer.format}"
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        return HttpResponse(
            text,
            content_type=f"{renderer.media_type}{charset}",
            headers={"Content-Disposition": f'inline; filename="{name}"'},
        )


#: Read, and send requests from the page.
swagger = csp_replace(OWN)(SpectacularSwaggerSplitView.as_view(url_name="schema", **READ_ONLY))

#: Read, in three columns. It searches in a worker that it makes from a blob.
redoc = csp_replace({**OWN, "worker-src": ["blob:"]})(
    SpectacularRedocView.as_view(url_name="schema", template_name="docs/redoc.html", **READ_ONLY)
)
