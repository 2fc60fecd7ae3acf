"""JSON out, through orjson: UTC times end in Z, stored jsonb text is spliced in unparsed."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class EscapingRenderer(JSONRenderer):
    """The slower encoder. It can also say back a lone surrogate that a message quotes."""

    ensure_ascii = True


def dumps(document: Any) -> bytes:
    """JSON bytes; integers beyond 64 bits and lone surrogates, which orjson refuses, go through the
    slower encoder.

    TypeError for what JSON cannot hold. A document with a Fragment must not need the slow way:
    fragments keep their own digits.
    """
    try:
        return orjson.dumps(document, default=str, option=OPTIONS)
    except TypeError:
        return bytes(EscapingRenderer().render(document))


class OrjsonRenderer(JSONRenderer):
    """application/json, and nothing else: the API has no browsable pages."""

    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """No body at all for None, as a 204 wants it."""
        return b"" if data is None else dumps(data)
