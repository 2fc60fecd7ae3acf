"""Renders JSON with orjson (UTC times end in Z), and negotiates the content type and encoding."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


# What nearly every client sends, or does not send at all.
ANY_TYPE = frozenset({"*/*", "application/json"})


class Negotiation(DefaultContentNegotiation):
    """The framework's, without reading what says nothing: that took a twentieth of a request."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first renderer, our JSON, for whoever takes it or anything, and names no format."""
        first = next(iter(renderers))
        if (
            isinstance(first, OrjsonRenderer)
            and not format_suffix
            and request.META.get("HTTP_ACCEPT", "*/*") in ANY_TYPE
            and "format" not in request.query_params
        ):
            return first, first.media_type
        selected: tuple[BaseRenderer, str] = super().select_renderer(
            request, renderers, format_suffix
        )
        return selected


class FormatIsOurs(Negotiation):
    """For routes whose parameter `format` says what a body is, and not how to answer."""

    settings = SimpleNamespace(URL_FORMAT_OVERRIDE=None)  # type: ignore[assignment]


# What a spreadsheet takes for a formula: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless_cell(cell: Any) -> Any:
    """The cell of a CSV that people open in a spreadsheet: text that begins like a formula gets an
    apostrophe in front. Numbers and null stay what they are.

    >>> harmless_cell("=1+1"), harmless_cell(-0.5)
    ("'=1+1", -0.5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding names gzip, or everything, and does not rule it out."""
    for part in header.lower().split(","):
        name, _, weight = part.replace(" ", "").partition(";")
        if name in {"gzip", "*"}:
            return weight not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


class EscapingRenderer(JSONRenderer):
    """The slower encoder. It can also say back a lone surrogate that a message quotes."""

    ensure_ascii = True


def dumps(document: Any) -> bytes:
    """JSON bytes. Whole numbers beyond 64 bits, which orjson refuses, are spelt out for it; lone
    surrogates go through the slower encoder, which does not know Fragments.

    TypeError for what JSON cannot hold.
    """
    try:
        return orjson.dumps(document, default=str, option=OPTIONS)
    except TypeError:
        pass
    try:
        return orjson.dumps(_spelt(document), default=str, option=OPTIONS)
    except TypeError:
        return bytes(EscapingRenderer().render(document))


def _spelt(value: Any) -> Any:
    """The value with a Fragment of its digits for each whole number beyond 64 bits. One frame a
    level: values nest deeply.
    """
    if isinstance(value, dict):
        found = {}
        for name, inner in value.items():
            found[name] = _spelt(inner)
        return found
    if isinstance(value, list | tuple):
        entries = []
        for inner in value:
            entries.append(_spelt(inner))
        return entries
    is_long = isinstance(value, int) and not -(2**63) <= value < 2**64
    return orjson.Fragment(str(value)) if is_long else value


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
