"""The content security policy: what a browser may load and run for our HTML pages."""

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

# Scripts come from this server alone, and none stands in a page. Styles may stand in a page: the
# theme and Plotly set them on elements. Tasks name images and recordings anywhere.
POLICY: dict[str, list[str]] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:", "blob:", "http:", "https:"],
    "media-src": [SELF, "http:", "https:"],
    "font-src": [SELF, "data:"],
    "connect-src": [SELF],
    "base-uri": [NONE],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
# Added for pages of the desk: the theme's Alpine.js makes functions of attributes, Plotly's WebGL
# charts make functions of text. Both are scripts of this server.
DESK_POLICY: dict[str, list[str]] = {"script-src": [UNSAFE_EVAL]}
