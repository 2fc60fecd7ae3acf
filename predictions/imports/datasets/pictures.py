"""Where the pictures of a file's images are."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qs, quote, unquote, urlsplit

from rest_framework.exceptions import ValidationError

from predictions.formats.content import Size


class Pictures(Protocol):
    """What `--images` names."""

    def address(self, name: str) -> str:
        """Where a browser finds the picture of that name."""

    def size(self, name: str) -> Size | None:
        """Its width and height, from its header; None where it cannot be looked at."""

    def is_missing(self, name: str) -> bool:
        """Whether it should be there and is not."""


class Named:
    """Pictures of which the names alone are known."""

    def address(self, name: str) -> str:
        return name

    def size(self, name: str) -> Size | None:
        return None

    def is_missing(self, name: str) -> bool:
        return False


class Web(Named):
    """Pictures below an address, which nobody fetches here."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix if prefix.endswith(("/", "=")) else f"{prefix}/"

    def address(self, name: str) -> str:
        return self.prefix + quote(name, safe="/")


def web(prefix: str) -> Web:
    """Pictures below an address. ValidationError for what is none."""
    parts = urlsplit(prefix)
    if parts.scheme not in {"http", "https"} or not parts.netloc or "\0" in prefix:
        raise ValidationError([f"{prefix!r:.200} is no address of pictures, as https://... is."])
    return Web(prefix)


def name_of(value: str | None) -> str | None:
    """The file's name in what a task shows: an address, or a path."""
    if not value:
        return None
    parts = urlsplit(value)
    path = parse_qs(parts.query).get("d", [parts.path])[0] if parts.scheme or parts.query else value
    return unquote(path).rstrip("/").rpartition("/")[2] or None


def path_of(key: str) -> Sequence[str]:
    """The way to a key that the config shows, `a.b`, in a task's data."""
    return key.split(".")
