"""The pages to read and try the API on. They work without internet, and cannot call anybody."""

from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView

# The bundles come from our own static files; Redoc searches in a worker it makes from a blob.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_swagger = SpectacularSwaggerView.as_view(url_name="schema")
_redoc = SpectacularRedocView.as_view(url_name="schema", template_name="docs/redoc.html")


def swagger(request: HttpRequest) -> HttpResponseBase:
    """Read, and send requests from the page."""
    return _from_here_alone(_swagger(request))


def redoc(request: HttpRequest) -> HttpResponseBase:
    """Read, in three columns."""
    return _from_here_alone(_redoc(request))


def _from_here_alone(page: HttpResponseBase) -> HttpResponseBase:
    page["Content-Security-Policy"] = POLICY
    return page
