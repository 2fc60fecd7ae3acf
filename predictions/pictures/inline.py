"""Pictures that stand in their task, as `data:` addresses."""

import base64
import re

# Pixels only: an SVG is a document with scripts.
DATA_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp|bmp|avif));base64,", re.IGNORECASE)


def decoded(address: str) -> tuple[str, bytes] | None:
    """Media type and bytes of the picture; None where it is no such address."""
    head = DATA_IMAGE.match(address)
    if head is None:
        return None
    try:
        return head[1].lower(), base64.b64decode(address[head.end() :], validate=True)
    except ValueError:
        return None
