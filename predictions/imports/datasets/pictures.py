"""Where the pictures of a file's images are."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, unquote, urlsplit

from rest_framework.exceptions import ValidationError

from predictions.db.pictures import image_roots
from predictions.formats.content import FileTask, Size
from predictions.formats.sources import PICTURES
from predictions.pictures import addresses
from predictions.pictures.folders import FolderError
from predictions.pictures.opening import NoFile, has_file, open_below
from predictions.pictures.sizes import size_of

#: Steps of a name, from its end, that are looked for below an image root.
MOST_FOLDERS = 100


class Pictures(Protocol):
    """What `--images` names."""

    def address(self, name: str) -> str:
        """Where a browser finds the picture of that name."""

    def size(self, name: str) -> Size | None:
        """Its width and height, from its header; None where it cannot be looked at."""

    def is_missing(self, name: str) -> bool:
        """Whether it should be there and is not."""

    def with_suffix(self, name: str) -> str:
        """The name of which only the suffix was guessed, as the picture is called."""


class Named:
    """Pictures of which the names alone are known."""

    def address(self, name: str) -> str:
        return name

    def size(self, name: str) -> Size | None:
        return None

    def is_missing(self, name: str) -> bool:
        return False

    def with_suffix(self, name: str) -> str:
        return name


class Web(Named):
    """Pictures below an address, which nobody fetches here."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix if prefix.endswith(("/", "=")) else f"{prefix}/"

    def address(self, name: str) -> str:
        return self.prefix + quote(name, safe="/")


class Root(Named):
    """Pictures below a registered folder of this machine: under their whole name or, where the
    folder is one of those in the name, under the rest of it.
    """

    def __init__(self, root_id: str, folder: str) -> None:
        self.root_id, self.folder = root_id, folder

    def address(self, name: str) -> str:
        return addresses.address(self.root_id, self._below(name) or name.lstrip("/"))

    def size(self, name: str) -> Size | None:
        below = self._below(name)
        if below is None:
            return None
        try:
            with open_below(self.folder, below) as opened, opened.file() as file:
                return size_of(file)
        except NoFile:
            return None

    def is_missing(self, name: str) -> bool:
        return self._below(name) is None

    def with_suffix(self, name: str) -> str:
        stem = PurePosixPath(name)
        tried = [name, *(stem.with_suffix(one).as_posix() for one in sorted(PICTURES))]
        return next((one for one in tried if not self.is_missing(one)), name)

    def _below(self, name: str) -> str | None:
        """The name of the file below the folder; None where there is none."""
        parts = [one for one in name.split("/") if one not in {"", "."}][-MOST_FOLDERS:]
        rests = ("/".join(parts[n:]) for n in range(len(parts)))
        return next((rest for rest in rests if has_file(self.folder, rest)), None)


def name_by_folder(tasks: Iterable[FileTask], pictures: Pictures) -> None:
    """Calls images whose files tell no suffix as their pictures are called."""
    for task in tasks:
        if task.is_suffix_guessed:
            task.image_name, task.picture = (
                name and pictures.with_suffix(name) for name in (task.image_name, task.picture)
            )


def pictures_at(text: str | None, *, workspace_id: int) -> Pictures:
    """Pictures below an address, or below the workspace's image root of that id; without either
    their names alone. ValidationError for what is neither.
    """
    if not text:
        return Named()
    if addresses.ROOT_ID.fullmatch(text):
        root = image_roots.root_of(text)
        if root is None or root[0] != workspace_id:
            raise ValidationError([f"There is no image root {text!r}."])
        return Root(text, root[1])
    return web(text)


def pictures_in(folder: str, *, workspace_id: int) -> Pictures:
    """Pictures in a folder of this machine, which is registered. ValidationError for none."""
    try:
        root = image_roots.register(workspace_id, folder)
    except FolderError as exc:
        raise ValidationError([str(exc)]) from None
    return Root(root.pk, root.path)


def is_address(text: str) -> bool:
    """Whether this is an address and no folder."""
    return "://" in text


def web(prefix: str) -> Web:
    """Pictures below an address. ValidationError for what is none."""
    try:
        parts = urlsplit(prefix)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc or "\0" in prefix:
        raise ValidationError([f"{prefix!r:.200} is no address of pictures, as https://... is."])
    return Web(prefix)


def path_in(value: str | None) -> str | None:
    """The file's name, below its folders, in what a task shows: an address, or a path."""
    if not value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    path = parse_qs(parts.query).get("d", [parts.path])[0] if parts.scheme or parts.query else value
    return unquote(path).strip("/") or None


def path_of(key: str) -> Sequence[str]:
    """The way to a key that the config shows, `a.b`, in a task's data."""
    return key.split(".")


def placed(key: str, value: Any) -> dict[str, Any]:
    """The value under a key that a config shows, `a.b`."""
    *above, last = key.split(".")
    placed: dict[str, Any] = {last: value}
    for step in reversed(above):
        placed = {step: placed}
    return placed
