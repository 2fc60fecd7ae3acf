"""What JSON and jsonb can both hold. Anything else is refused before it is stored: a stored bad
value would break every later read around it.
"""

import json
import math
import re
import sys
from collections.abc import Iterator
from typing import Any

import orjson

MAX_DEPTH = 512
MAX_KEYS = 100_000
# Of one JSON value. A list of a few larger ones would not fit into memory, ours or a client's.
MAX_TEXT_BYTES = 32 * 1024 * 1024
TOO_LONG = f"A JSON value may have {MAX_TEXT_BYTES:,} bytes at most."


class Refused(ValueError):
    """A value that cannot be stored; the text is the message for the caller."""


class TooDeep(Refused):
    """Nested over MAX_DEPTH deep."""


class TooManyKeys(Refused):
    """An object has over MAX_KEYS keys."""


def containers(value: Any) -> Iterator[Any]:
    """Every object and list of a JSON value, level by level. TooDeep or TooManyKeys where one of
    them breaks a limit.
    """
    level = [value] if isinstance(value, dict | list) else []
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise TooDeep(f"Nested deeper than {MAX_DEPTH} levels.")
        inner: list[Any] = []
        for node in level:
            if isinstance(node, dict) and len(node) > MAX_KEYS:
                raise TooManyKeys(f"An object has more than {MAX_KEYS:,} keys.")
            yield node
            entries = node.values() if isinstance(node, dict) else node
            inner.extend(entry for entry in entries if isinstance(entry, dict | list))
        level = inner


def scalars(value: Any) -> Iterator[Any]:
    """Every scalar and key inside a JSON value. Raises as `containers`."""
    if not isinstance(value, dict | list):
        yield value
    for node in containers(value):
        entries = node.values() if isinstance(node, dict) else node
        if isinstance(node, dict):
            yield from node.keys()
        yield from (entry for entry in entries if not isinstance(entry, dict | list))


# Types of Python's own, and nothing that only looks like JSON.
STRICT = (
    orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def json_text(value: Any) -> str:
    """The value as compact JSON text that jsonb accepts, digits and key order as given.

    Refused for NaN and infinities, NUL characters, lone surrogates, what `containers` refuses, and
    more than MAX_TEXT_BYTES.
    """
    try:
        content = orjson.dumps(value, option=STRICT)
    except TypeError:
        content = b"null"
    # For what JSON has no number for it writes null, and it refuses what the slower encoder takes:
    # whole numbers of any size, and deeper nesting.
    text = _exact_text(value) if b"null" in content else content.decode()
    if _may_break_a_limit(content):
        _name_the_fault(value)
    if len(text) > MAX_TEXT_BYTES:
        raise Refused(TOO_LONG)
    return text


def _exact_text(value: Any) -> str:
    try:
        text = COMPACT.encode(value)
    except (ValueError, RecursionError):
        _name_the_fault(value)
        raise Refused("Not a JSON value.") from None
    if not encodes(text) or _may_break_a_limit(text.encode()):
        _name_the_fault(value)
    return text


# orjson rounds integers beyond 64 bits; a text that may hold one is parsed exactly instead.
LONG_INTEGER = re.compile(rb"(?<![\d.])-?\d{19}")
# Every digit becomes 0 and everything else a space. Twenty times as fast as the expression, which
# only sees what has 19 digits in a row.
DIGITS = bytes(ord("0") if chr(n).isdigit() and n < 128 else ord(" ") for n in range(256))
LONG_RUN = b"0" * 19
STEP = 1 << 20


def may_hold_long_integer(text: bytes) -> bool:
    """Whether there is an integer of 19 digits or more, outside of a fraction."""
    if len(text) <= STEP:
        found = LONG_RUN in text.translate(DIGITS)
    else:
        pieces = (text[max(0, n - 20) : n + STEP] for n in range(0, len(text), STEP))
        found = any(LONG_RUN in piece.translate(DIGITS) for piece in pieces)
    return found and LONG_INTEGER.search(text) is not None


def json_value(text: str | bytes) -> Any:
    """The value of JSON text; whole numbers keep all their digits, which orjson alone rounds beyond
    64 bits. ValueError for what is no JSON.

    >>> json_value("[12345678901234567890123, 0.5]")
    [12345678901234567890123, 0.5]
    """
    content = text.encode() if isinstance(text, str) else text
    if not may_hold_long_integer(content):
        return orjson.loads(content)
    try:
        return json.loads(content, parse_constant=_refused)
    except RecursionError:
        raise TooDeep("Nested too deeply.") from None


def float_value(text: str | bytes) -> Any:
    """The same with whole numbers beyond 64 bits as the nearest finite float64: for what computes
    with them, or draws. ValueError for what is no JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # It refuses what no float64 holds.
        return json.loads(text, parse_int=_near, parse_constant=_refused)


def _near(digits: str) -> int | float:
    number = float(digits)
    if abs(number) < 2**63:
        return int(digits)
    return math.copysign(min(abs(number), sys.float_info.max), number)


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON.")


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number: true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_within(value: Any, least: float, most: float) -> float | None:
    """A JSON number from `least` to `most`; None for anything else, NaN and bools among it."""
    return value if is_number(value) and least <= value <= most else None


def whole_within(value: Any, least: int, most: int) -> int | None:
    """A whole JSON number from `least` to `most`; None for anything else, bools among it."""
    return value if type(value) is int and least <= value <= most else None


def as_whole(value: Any) -> Any:
    """A float without a fraction as a whole number, 10.0 as 10; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def whole_told(value: Any, most: int) -> int | None:
    """A whole number from 0 to `most`, as text or with a fraction of 0, too; None for anything
    else.
    """
    if isinstance(value, str) and value.isdecimal() and len(value) < 13:
        value = int(value)
    return whole_within(as_whole(value), 0, most)


def is_number_text(text: str) -> bool:
    """Whether `float` may read it: no digits of other scripts, no `1_000`, which is a number in
    Python alone.
    """
    return text.isascii() and "_" not in text


def finite_number(value: Any) -> float | None:
    """The float of a number or of text that is one; None for what is neither, or not finite. True
    is 1, as for Label Studio.
    """
    if not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not is_number_text(value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _may_break_a_limit(text: bytes) -> bool:
    """Whether the value must be walked to know; text alone can rule a fault out, and fast."""
    return (
        b"\\u0000" in text
        or (len(text) > 2 * MAX_DEPTH and text.count(b"[") + text.count(b"{") > MAX_DEPTH)
        or (len(text) > 3 * MAX_KEYS and text.count(b'":') > MAX_KEYS)
    )


def encodes(text: str) -> bool:
    """Whether text is Unicode that UTF-8 can hold: no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_the_fault(value: Any) -> None:
    """Refused with the reason, if there is one."""
    for scalar in scalars(value):
        if isinstance(scalar, float) and not math.isfinite(scalar):
            raise Refused("Numbers must be finite.")
        if isinstance(scalar, str):
            if "\0" in scalar:
                raise Refused("Null characters are not allowed.")
            if not encodes(scalar):
                raise Refused("Surrogate characters are not allowed.")


def bulk_json_text(value: Any) -> bytes:
    """As `json_text`, an order of magnitude faster, for values that orjson itself parsed.

    orjson admits no NaN, infinity or lone surrogate on its way in, so only NUL, depth and keys are
    left to check. What needs the exact parser (integers beyond 64 bits) takes the slower way out,
    too.
    """
    try:
        text = orjson.dumps(value)
    except TypeError:
        return json_text(value).encode()
    if _may_break_a_limit(text):
        _name_the_fault(value)
    if len(text) > MAX_TEXT_BYTES:
        raise Refused(TOO_LONG)
    return text
