"""JSON in: strict numbers, a limit on nesting, on keys and on the body, and the peer's messages."""

import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils.json import strict_constant

MAX_DEPTH = 512
MAX_KEYS = 100_000
TOO_DEEP = f"JSON parse error - nested deeper than {MAX_DEPTH} levels"
TOO_MANY_KEYS = f"JSON parse error - an object has more than {MAX_KEYS:,} keys"


def check_shape(document: Any, *, text_length: int, brackets: int) -> None:
    """ParseError when a document is nested too deep or one of its objects has too many keys.

    Walks it only if its text could break a limit: `brackets` is how many `[` and `{` it has.
    """
    may_be_deep = brackets > MAX_DEPTH
    may_have_many_keys = text_length > 3 * MAX_KEYS
    if not (may_be_deep or may_have_many_keys):
        return
    level = [document]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ParseError(TOO_DEEP)
        inner: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                if len(node) > MAX_KEYS:
                    raise ParseError(TOO_MANY_KEYS)
                inner.extend(v for v in node.values() if isinstance(v, dict | list))
            elif isinstance(node, list):
                inner.extend(v for v in node if isinstance(v, dict | list))
        level = inner


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


class StrictJSONParser(JSONParser):
    """application/json through `parse_json`."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        return parse_json(stream.read(), encoding=encoding)
