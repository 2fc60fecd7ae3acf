"""Opens a file below a folder, and nothing else.

Links are followed where they lead to a place below the folder: the real path is looked at first.
Then it is opened segment by segment, each without following links, so that a link which is put
there in between opens nothing.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

from predictions.pictures.addresses import is_name
from predictions.pictures.folders import is_below

#: Read of a file at a time, for an answer.
BLOCK = 64 * 1024
#: Only to go through it, where the system can tell; reading it is not needed.
TO_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Never waits for a pipe's other end, and makes no terminal ours.
TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NoFile(Exception):
    """There is no such file, or none that may be read."""


@dataclass(slots=True)
class Opened:
    """An open regular file: its real path, size in bytes, and a text that changes with it."""

    descriptor: int
    path: str
    size: int
    tag: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Once or several times."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def head(self, n: int) -> bytes:
        """The first bytes, fewer of a shorter file; none of one that cannot be read."""
        try:
            return os.pread(self.descriptor, n, 0)
        except OSError:
            return b""

    def file(self) -> BinaryIO:
        """The file from its beginning. To be used before this is closed."""
        file = os.fdopen(os.dup(self.descriptor), "rb")
        file.seek(0)
        return file


class Pieces:
    """The bytes from `start` to before `end` in blocks; closes the file. For a streamed answer.

    EOFError where the file has become shorter: what was promised cannot be sent any more, and the
    server ends the connection.
    """

    def __init__(self, opened: Opened, start: int, end: int) -> None:
        self.opened, self.start, self.end = opened, start, end

    def __iter__(self) -> Iterator[bytes]:
        while self.start < self.end:
            n = min(BLOCK, self.end - self.start)
            piece = os.pread(self.opened.descriptor, n, self.start)
            if not piece:
                raise EOFError("The file has become shorter while it was sent.")
            self.start += len(piece)
            yield piece

    def close(self) -> None:
        """What Django calls when the answer ends, however it does."""
        self.opened.close()


def open_below(folder: str, name: str) -> Opened:
    """The regular file `name` below the folder, whose path is real. NoFile otherwise."""
    if not is_name(name):
        raise NoFile
    try:
        real = os.path.realpath(os.path.join(folder, name), strict=True)
        if real == folder or not is_below(real, folder):
            raise NoFile
        descriptor = _open(real)
    except (OSError, ValueError):
        raise NoFile from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise NoFile
    tag = f"{found.st_dev:x}-{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"
    return Opened(descriptor, real, found.st_size, tag)


def has_file(folder: str, name: str) -> bool:
    """Whether `open_below` would open it."""
    try:
        open_below(folder, name).close()
    except NoFile:
        return False
    return True


def _open(real: str) -> int:
    """Opens a path that must have no link in it. OSError otherwise."""
    *folders, last = real.strip(os.sep).split(os.sep)
    place = os.open(os.sep, TO_PASS)
    try:
        for folder in folders:
            inner = os.open(folder, TO_PASS, dir_fd=place)
            os.close(place)
            place = inner
        # Opening a device may do something.
        if not stat.S_ISREG(os.stat(last, dir_fd=place, follow_symlinks=False).st_mode):
            raise FileNotFoundError(real)
        return os.open(last, TO_READ, dir_fd=place)
    finally:
        os.close(place)
