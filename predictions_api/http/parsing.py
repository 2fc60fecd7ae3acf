"""Parses JSON bodies: strict numbers, a limit on nesting and on keys, Label Studio's messages."""

import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.utils.json import strict_constant

from predictions_api import memory
from predictions_api.http.storable import MAX_DEPTH, MAX_KEYS, TooDeep, TooManyKeys, containers

# What one document may become: objects and lists without much in them are twenty times as large in
# memory as in their text.
MAX_PARSED_BYTES = 512 * 1024 * 1024
OBJECT_BYTES, LIST_BYTES, VALUE_BYTES = 232, 64, 32
# Bodies and documents up to this are read and parsed without a look at what they may become.
SMALL_BYTES = 1024 * 1024
PIECE_BYTES = 256 * 1024
TOO_LARGE = (
    "JSON parse error - parsed, the document would take more than"
    f" {MAX_PARSED_BYTES >> 20} MB of memory; send it in parts or, to an import, as JSON Lines"
)
TOO_DEEP = f"JSON parse error - nested deeper than {MAX_DEPTH} levels"
TOO_MANY_KEYS = f"JSON parse error - an object has more than {MAX_KEYS:,} keys"


def hold_for(text: bytes) -> None:
    """Takes the turn to parse a document, see `predictions_api.memory`. ParseError for one that
    would become larger than MAX_PARSED_BYTES.
    """
    if len(text) <= SMALL_BYTES:
        return
    n_bytes = (
        # One character outside of Latin makes four bytes of each in its text.
        len(text) * (1 if text.isascii() else 4)
        + OBJECT_BYTES * text.count(b"{")
        + LIST_BYTES * text.count(b"[")
        + VALUE_BYTES * text.count(b",")
    )
    if n_bytes > MAX_PARSED_BYTES:
        raise ParseError(TOO_LARGE)
    memory.hold(n_bytes)


def whole(blocks: Iterable[bytes], length: int) -> bytes:
    """A body, `length` bytes or so; a large one waits for its turn on disk until all is there."""
    if length <= SMALL_BYTES:
        return b"".join(blocks)
    with SpooledTemporaryFile(SMALL_BYTES) as file:
        for block in blocks:
            file.write(block)
        memory.hold(file.tell())
        file.seek(0)
        return file.read()


def check_shape(document: Any, *, text_length: int, brackets: int) -> None:
    """ParseError when a document is nested too deep or one of its objects has too many keys.

    Walks it only if its text could break a limit: `brackets` is how many `[` and `{` it has.
    """
    may_be_deep = brackets > MAX_DEPTH
    may_have_many_keys = text_length > 3 * MAX_KEYS
    if not (may_be_deep or may_have_many_keys):
        return
    try:
        deque(containers(document), maxlen=0)
    except TooDeep:
        raise ParseError(TOO_DEEP) from None
    except TooManyKeys:
        raise ParseError(TOO_MANY_KEYS) from None


def finite(text: str) -> float:
    """A float literal's value. ValueError for one that is too large to be finite."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"Out of range float values are not JSON compliant: '{text}'")
    return number


@cache
def _decoder(parse_float: Callable[[str], float]) -> json.JSONDecoder:
    return json.JSONDecoder(parse_constant=strict_constant, parse_float=parse_float)


def parse_json(
    body: bytes, *, encoding: str = "utf-8", parse_float: Callable[[str], float] = float
) -> Any:
    """The document in `body`. ParseError, in the words of Python's json module, if there is none.

    Exact where faster parsers are not: integers of any size are kept. NaN and Infinity are
    refused; 1e400 becomes an infinity, so that the field that holds it can be named, unless
    `parse_float` is `finite`.
    """
    hold_for(body)
    try:
        text = body.decode(encoding)
        if text.startswith("\ufeff"):
            # The module's own words for it; a decoder by itself has others.
            json.loads(text)
        document = _decoder(parse_float).decode(text)
    except RecursionError:
        raise ParseError(TOO_DEEP) from None
    except LookupError:
        raise ParseError(f'JSON parse error - unknown charset "{encoding}"') from None
    except ValueError as exc:
        raise ParseError(f"JSON parse error - {exc}") from None
    check_shape(document, text_length=len(body), brackets=body.count(b"[") + body.count(b"{"))
    return document


class StrictJSONParser(BaseParser):
    """application/json through `parse_json`. The framework would read the body of its own parser's
    kind at once, whatever its size.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        blocks = iter(lambda: stream.read(PIECE_BYTES), b"")
        return parse_json(whole(blocks, _length(stream)), encoding=encoding)


def _length(stream: Any) -> int:
    """The declared length of a request's body."""
    return int(getattr(stream, "META", {}).get("CONTENT_LENGTH") or 0)
