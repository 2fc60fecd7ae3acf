"""JSON documents, and lines of them, as typed values; what does not fit is an error by place."""

import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from predictions.formats.errors import Errors
from predictions.formats.sources import MARK, Source

Value = TypeVar("Value")
#: Where in a value msgspec found what is wrong.
PLACE = re.compile(r"(?s)(.*) - at `\$(.*)`\Z")


def where(exc: Exception) -> tuple[str, str]:
    """The way into the value (`.bbox[2]`, or empty), and what msgspec says is wrong there."""
    found = PLACE.match(str(exc))
    return (found[2], f"{found[1]}.") if found else ("", f"{exc}.")


def decoded(content: object, kind: type[Value], place: str, errors: Errors) -> Value | None:
    """The value of a JSON text; None, and an error, for one that is no JSON or no such value."""
    if isinstance(content, bytes):
        content = content.removeprefix(MARK)
    try:
        return msgspec.json.decode(content, type=kind)  # type: ignore[call-overload,no-any-return]
    except msgspec.MsgspecError as exc:
        inside, message = where(exc)
        errors.add(f"{place}, {inside.lstrip('.')}" if inside else place, message)
    except UnicodeDecodeError as exc:
        errors.add(place, f"is not UTF-8: {exc.reason}.")
    except RecursionError:
        errors.add(place, "is nested too deeply.")
    return None


def lines(source: Source) -> Iterator[tuple[str, bytes]]:
    """Place and text of each line that is not empty."""
    content = source.content()
    name = source.names()[0]
    at, n, size = 0, 0, len(content)
    while at < size:
        n += 1
        end = content.find(b"\n", at)
        end = size if end < 0 else end
        line = content[at:end]
        if line.strip():
            yield f"{name}, line {n}", line
        at = end + 1
