"""Views of the documentation pages, Swagger UI and Redoc. They need no internet."""

from csp.constants import SELF
from csp.decorators import csp_replace
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

# Unlike the desk's, these pages show no image of another host; Redoc searches in a worker that it
# makes from a blob.
OWN = {"img-src": [SELF, "data:"], "media-src": None}
# The views would answer OPTIONS with a description of themselves, for which they have no page.
READ_ONLY = {"http_method_names": ["get", "head"]}

#: Read, and send requests from the page.
swagger = csp_replace(OWN)(SpectacularSwaggerSplitView.as_view(url_name="schema", **READ_ONLY))

#: Read, in three columns.
redoc = csp_replace({**OWN, "worker-src": ["blob:"]})(
    SpectacularRedocView.as_view(url_name="schema", template_name="docs/redoc.html", **READ_ONLY)
)
