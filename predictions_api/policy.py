"""The content security policy: what a browser may load and run for our HTML pages."""

from csp.constants import NONE, SELF, UNSAFE_INLINE

# Scripts come from here alone, and none stands in a page or is made of text. Styles may stand in a
# page: the theme and Plotly set them on elements. Tasks name images and recordings anywhere.
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
