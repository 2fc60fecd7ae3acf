"""Addresses of files as tasks name them: below image roots, `/data/local-files/?d=ROOT/NAME`, and
in the buckets of import storages, `s3://BUCKET/KEY`.
"""

import base64
import re
from contextlib import suppress
from urllib.parse import parse_qs, quote, unquote, urlsplit

PREFIX = "/data/local-files/"
#: With and without its last slash, as Label Studio's.
LOCAL = re.compile(r"/data/local-files/?\?")
ROOT_ID = re.compile(r"[0-9a-f]{16}")
#: Of the whole name, and of one of its segments, in bytes: what Linux takes.
MOST_BYTES, MOST_SEGMENT_BYTES = 4000, 255


def address(root_id: str, name: str) -> str:
    """Where a browser finds the file `name`, a path below the root with forward slashes.

    >>> address("0123456789abcdef", "cats/a b.jpg")
    '/data/local-files/?d=0123456789abcdef/cats/a%20b.jpg'
    """
    return f"{PREFIX}?d={root_id}/{quote(name, safe='/')}"


def is_local(text: str) -> bool:
    """Whether this is the address of a file below a root, there or not."""
    return LOCAL.match(text) is not None


def thumbnail_address(text: str, side: int) -> str | None:
    """Where the thumbnail is of the picture at that address; None for one that is not local."""
    start = LOCAL.match(text)
    return start and f"{PREFIX}thumbnail?size={side}&{text[start.end() :]}"


def name_in(text: str) -> str | None:
    """The name in such an address, without the root; None for other addresses."""
    if not is_local(text):
        return None
    try:
        found = split(parse_qs(urlsplit(text).query).get("d", [""])[0])
    except ValueError:
        return None
    return found and found[1]


def end_of(text: str | None) -> str:
    """The file's name in any address; '' for none, and for one that holds the file itself."""
    if not text or text.startswith("data:"):
        return ""
    if (local := name_in(text)) is not None:
        return local.rpartition("/")[2]
    with suppress(ValueError):
        text = urlsplit(text).path
    return unquote(text.rstrip("/").rpartition("/")[2])


OBJECT = "s3://"


def shown_at(text: str, task_id: int) -> str:
    """Where a browser finds what a task names so: of an object of a bucket the address that leads
    to it, as Label Studio's clients put it together; any other address itself.

    >>> shown_at("s3://cars/a.jpg", 7), shown_at("a.jpg", 7)
    ('/tasks/7/resolve/?fileuri=czM6Ly9jYXJzL2EuanBn', 'a.jpg')
    """
    if not text.startswith(OBJECT):
        return text
    named = base64.urlsafe_b64encode(text.encode(errors="replace")).decode()
    return f"/tasks/{task_id}/resolve/?fileuri={named}"


def split(text: str) -> tuple[str, str] | None:
    """Root and name of the parameter `d`; None for what cannot be one.

    A name has forward slashes, and no segment that is empty, `.` or `..`, no backslash, no NUL.
    """
    root_id, _, name = text.partition("/")
    return (root_id, name) if ROOT_ID.fullmatch(root_id) and is_name(name) else None


def is_name(name: str) -> bool:
    """Whether this may name a file below a folder."""
    if "\0" in name or "\\" in name:
        return False
    try:
        segments = name.encode().split(b"/")
    except UnicodeEncodeError:
        return False
    return sum(map(len, segments)) <= MOST_BYTES and all(
        segment not in {b"", b".", b".."} and len(segment) <= MOST_SEGMENT_BYTES
        for segment in segments
    )
