"""Where a file's bytes come from: a file, a folder, a ZIP archive.

Names inside a folder or an archive are relative, with forward slashes. An archive is refused that
holds links, absolute names or `..`, over MOST_ENTRIES entries or MOST_UNPACKED times its own size.
"""

import io
import mmap
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from predictions.formats.errors import BadFile, FileError
from predictions.pictures.sizes import size_of

MOST_ENTRIES = 100_000
MOST_UNPACKED = 20
#: What is not read from an archive: pictures are given by `--images`.
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
PIECE_BYTES = 1 << 20
# What an archive raises that is broken.
UNPACKING = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    OSError,
    EOFError,
    NotImplementedError,
)
ZIP_START = b"PK\x03\x04"
Bytes = bytes | mmap.mmap
#: What some tools begin a text of UTF-8 with; it is no part of it.
MARK = b"\xef\xbb\xbf"


def refuse(name: str, message: str) -> BadFile:
    """The exception of a file that cannot be read at all."""
    return BadFile([FileError(name, message)])


class Source:
    """One file, which has no names inside; what its reader asks of it may be asked again."""

    #: Whether it has names inside.
    is_folder = False
    #: Of a folder that was named by a file in it: that file.
    entry: str | None = None
    #: Where the file is on this machine; None for one that was sent.
    path: Path | None = None

    def __init__(self, name: str, content: Bytes) -> None:
        self.name = name
        self._content = content[len(MARK) :] if content[: len(MARK)] == MARK else content

    def content(self) -> Bytes:
        """The whole file; a folder refuses."""
        return self._content

    def let_go(self) -> None:
        """What was read is kept elsewhere: a mapped file leaves memory, until it is asked again."""
        if isinstance(self._content, mmap.mmap):
            self._content.madvise(mmap.MADV_DONTNEED)

    def names(self) -> list[str]:
        """Names inside, sorted; of a file its own."""
        return [self.name]

    def inner(self, name: str) -> bytes:
        """The bytes of one of `names`."""
        return bytes(self._content)

    @property
    def size(self) -> int:
        """Bytes of all that is inside, unpacked; 0 for a folder, which is not read at once."""
        return len(self._content)

    def around(self) -> "Source":
        """The folder that a file of this machine lies in, which is then its entry."""
        if self.is_folder or self.path is None:
            return self
        folder = Folder(self.path.parent)
        folder.entry = self.path.name
        return folder

    def picture_size(self, name: str) -> tuple[int, int] | None:
        """Width and height of the picture of that name; None where there is none."""
        return None

    def pieces(self) -> Iterator[bytes]:
        """All that is inside as it is read, unpacked, a megabyte or less at a time."""
        for at in range(0, len(self._content), PIECE_BYTES):
            yield self._content[at : at + PIECE_BYTES]

    def text(self, name: str) -> str:
        """The UTF-8 text of one of `names`. BadFile names what is none."""
        try:
            return self.inner(name).decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise refuse(
                name, f"is not UTF-8: byte {exc.start} is {exc.object[exc.start]:#04x}."
            ) from None


class Folder(Source):
    """A folder of this machine, links included: whoever starts the command may read them."""

    is_folder = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), b"")
        self.path: Path = path

    def content(self) -> Bytes:
        raise refuse(self.name, "is a folder, and this format is one file.")

    @cached_property
    def _names(self) -> list[str]:
        found = []
        for folder, _, files in os.walk(self.path, followlinks=True):
            inside = Path(folder).relative_to(self.path)
            found += [(inside / file).as_posix() for file in files]
            if len(found) > MOST_ENTRIES * 10:
                raise refuse(self.name, f"holds over {MOST_ENTRIES * 10:,} files.")
        return sorted(found)

    def names(self) -> list[str]:
        return self._names

    def picture_size(self, name: str) -> tuple[int, int] | None:
        try:
            with (self.path / name).open("rb") as file:
                return size_of(file)
        except OSError:
            return None

    def inner(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as exc:
            raise refuse(name, str(exc.strerror)) from None


class Archive(Source):
    """A ZIP archive."""

    is_folder = True

    def __init__(self, name: str, file: IO[bytes]) -> None:
        super().__init__(name, b"")
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OSError) as exc:
            raise refuse(name, f"cannot be read as ZIP: {exc}") from None
        self._entries: Mapping[str, zipfile.ZipInfo] = self._checked()

    @property
    def size(self) -> int:
        return sum(entry.file_size for entry in self._entries.values())

    def content(self) -> Bytes:
        """The only file inside, where there is one only."""
        if len(self._entries) != 1:
            raise refuse(self.name, f"holds {len(self._entries)} files, and this format is one.")
        return self.inner(next(iter(self._entries))).removeprefix(MARK)

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        entries = self._zip.infolist()
        if len(entries) > MOST_ENTRIES:
            raise refuse(self.name, f"holds over {MOST_ENTRIES:,} entries.")
        found = {}
        for entry in entries:
            path = PurePosixPath(entry.filename.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
                raise refuse(self.name, f"holds an entry outside of it: {entry.filename!r:.200}.")
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise refuse(self.name, f"holds a link: {entry.filename!r:.200}.")
            if entry.flag_bits & 1:
                raise refuse(self.name, f"is encrypted: {entry.filename!r:.200}.")
            if entry.is_dir() or path.name.startswith("._") or "__MACOSX" in path.parts:
                continue
            if path.suffix.lower() in PICTURES:
                raise refuse(
                    self.name,
                    f"holds a picture, {entry.filename!r:.200}: send the labels alone, and say"
                    " where the pictures are with --images or `image_root`.",
                )
            if path.as_posix() in found:
                raise refuse(self.name, f"holds {entry.filename!r:.200} twice.")
            found[path.as_posix()] = entry
        packed = sum(entry.compress_size for entry in found.values())
        if sum(entry.file_size for entry in found.values()) > MOST_UNPACKED * max(packed, 1 << 16):
            raise refuse(self.name, f"unpacks to over {MOST_UNPACKED} times its size.")
        return dict(sorted(found.items()))

    def names(self) -> list[str]:
        return list(self._entries)

    def pieces(self) -> Iterator[bytes]:
        for name, entry in self._entries.items():
            left = entry.file_size
            try:
                with self._zip.open(entry) as file:
                    while left > 0 and (piece := file.read(min(left, PIECE_BYTES))):
                        left -= len(piece)
                        yield piece
            except UNPACKING as exc:
                raise refuse(f"{self.name}/{name}", f"cannot be unpacked: {exc}") from None

    def inner(self, name: str) -> bytes:
        entry = self._entries[name]
        try:
            with self._zip.open(entry) as file:
                # What an entry says of its size need not be true.
                content = file.read(entry.file_size + 1)
        except UNPACKING as exc:
            raise refuse(f"{self.name}/{name}", f"cannot be unpacked: {exc}") from None
        if len(content) != entry.file_size:
            raise refuse(f"{self.name}/{name}", "has another size than the archive says.")
        return content


def open_path(path: Path) -> Source:
    """The file, folder or archive of that path. BadFile for one that is not there or empty."""
    if path.is_dir():
        return Folder(path)
    try:
        with path.open("rb") as file:
            source = open_file(str(path), file)
    except OSError as exc:
        raise refuse(str(path), f"{exc.strerror}.") from None
    if not source.is_folder:
        source.path = path
    return source


def open_file(name: str, file: IO[bytes]) -> Source:
    """An open file, by its first bytes an archive or not; it may be closed afterwards."""
    start = file.read(len(ZIP_START))
    file.seek(0)
    if start == ZIP_START:
        return Archive(name, io.BytesIO(_whole(file)))
    if not start:
        raise refuse(name, "is empty.")
    return Source(name, _whole(file))


def _whole(file: IO[bytes]) -> Bytes:
    """The bytes, mapped where there is a file underneath: they need no memory of their own."""
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError, AttributeError):
        return file.read()
