"""JSON documents of many rows, parsed at C speed."""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import orjson
from rest_framework.exceptions import ParseError

from predictions_api.http.parsing import finite, hold_for, parse_json
from predictions_api.http.storable import STEP, may_hold_long_integer
from predictions_api.operations import collector


def parse_fast(text: bytes, *, encoding: str = "utf-8") -> object:
    """The document in `text`. ParseError in Label Studio's words, if there is none."""
    if encoding.lower() in {"utf-8", "utf8"} and not may_hold_long_integer(text):
        hold_for(text)
        try:
            return orjson.loads(text) if len(text) <= STEP else _without_collector(text)
        except orjson.JSONDecodeError:
            pass
    return parse_json(text, encoding=encoding, parse_float=finite)


# How an array of objects begins: up to the first key of the first of them.
FIRST_OBJECT = re.compile(rb'\s*\[\s*(\{\s*"(?:[^"\\]|\\.)*"\s*:)')


def is_long_array(text: bytes) -> bool:
    """Whether `parse_array` is worth while, and may be asked."""
    return (
        len(text) > STEP
        and FIRST_OBJECT.match(text) is not None
        and text[-100:].rstrip().endswith(b"]")
    )


def parse_array(text: bytes) -> Iterator[Any]:
    """The entries of a long array in order, each parsed as it is taken: memory never holds them
    all. ParseError in Label Studio's words for a text that is no JSON, at its end at the
    latest.

    The text is cut where an object seems to begin as the first one does. A guess may be wrong, yet
    never misleads: pieces between commas that are JSON by themselves are the entries. From the
    first piece that is none, the text is parsed as a whole.
    """
    first = FIRST_OBJECT.match(text)
    if first is None:
        raise ValueError("see is_long_array")
    start, end = first.start(1), text.rindex(b"]")
    between = re.compile(rb"\}(\s*,\s*)" + re.escape(first[1]))
    cuts = (cut.span(1) for cut in between.finditer(text, start, end))
    for n_taken, (stop, following) in enumerate(chain(cuts, [(end, end)])):
        try:
            entry = parse_fast(text[start:stop])
        except ParseError:
            whole: Any = parse_fast(text)
            yield from islice(whole, n_taken, None)
            return
        yield entry
        start = following


def _without_collector(text: bytes) -> object:
    """A large document, while the garbage collector stands still: it would look again and again at
    all that is there so far, and JSON has no cycles. orjson keeps other threads out meanwhile.
    """
    with collector.paused():
        return orjson.loads(text)
