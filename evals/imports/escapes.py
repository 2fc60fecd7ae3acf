"""Escapes in a JSON file that stand for half a character: the parser of imports reads `?` there."""

import re
from typing import IO

from evals.imports.errors import UnreadableFile

BLOCK_BYTES = 2**20
#: An escape as a whole; `half` is one of UTF-16's surrogates without the other.
ESCAPE = re.compile(
    rb"""\\(?:
        [^u]
      | u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}
      | u(?![dD][89a-fA-F])
      | (?P<half>u)
    )""",
    re.VERBOSE | re.DOTALL,
)
#: What most files have none of.
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
LONGEST_ESCAPE = len(rb"\ud83d\ude00")


def refuse_half_characters(file: IO[bytes]) -> None:
    """`UnreadableFile` for a file with such an escape."""
    file.seek(0)
    left, offset = b"", 0
    while block := file.read(BLOCK_BYTES):
        left = _checked(left + block, offset, is_end=False)
        offset = file.tell() - len(left)
    _checked(left, offset, is_end=True)


def _checked(text: bytes, offset: int, *, is_end: bool) -> bytes:
    """What is left of the text, as an escape may go on behind it; nothing at the end."""
    if not SURROGATE.search(text):
        return b"" if is_end else _unfinished(text)
    at = 0
    while found := ESCAPE.search(text, at):
        if not is_end and found.start() > len(text) - LONGEST_ESCAPE:
            return text[found.start() :]
        if found["half"]:
            place = offset + found.start()
            shown = text[found.start() : found.start() + 6].decode(errors="replace")
            raise UnreadableFile("", f"Byte {place:,}: {shown} is half a character.")
        at = found.end()
    # A backslash alone is the beginning of an escape.
    return text[-1:] if text.endswith(b"\\") and at < len(text) else b""


def _unfinished(text: bytes) -> bytes:
    """The end of a text from the first escape on that may go on behind it."""
    first = text.find(b"\\", max(0, len(text) - LONGEST_ESCAPE))
    if first < 0:
        return b""
    before = text[:first]
    # Two backslashes are an escape.
    is_second = (len(before) - len(before.rstrip(b"\\"))) % 2 == 1
    return text[first - is_second :]
