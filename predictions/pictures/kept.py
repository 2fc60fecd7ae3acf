"""A bounded folder of small files that can be made again, each written whole."""

import itertools
import logging
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

#: Files written until a process looks how many bytes there are.
LOOK_EVERY = 100
#: What is left after a look that found too much.
LEFT = 0.75
#: How old a file's time of use may be before reading renews it.
RENEW_S = 24 * 3600
SUFFIX = ".kept"

_written = itertools.count()


def get(folder: Path, key: str) -> bytes | None:
    """What was put under that key, a text of letters and digits; None if it is not there."""
    path = folder / f"{key}{SUFFIX}"
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mtime < time.time() - RENEW_S:
                with suppress(OSError):
                    os.utime(path)
            return file.read()
    except OSError:
        return None


def put(folder: Path, key: str, content: bytes, *, most_bytes: int) -> None:
    """Keeps it. Now and then removes what was not used for longest, down to `most_bytes`.

    Where the folder cannot be written to, nothing is kept, and the log says so.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(dir=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(made, folder / f"{key}{SUFFIX}")
        except BaseException:
            os.unlink(made)
            raise
        if next(_written) % LOOK_EVERY == 0:
            trim(folder, most_bytes)
    except OSError as error:
        log.warning("%s cannot be written to: %s", folder, error.strerror)


def trim(folder: Path, most_bytes: int) -> None:
    """Where the folder has more bytes, removes its files until three quarters of them are left;
    also what a process left half written a day ago.
    """
    found, total = [], 0
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            about = entry.stat(follow_symlinks=False)
            found.append((about.st_mtime, about.st_size, entry.path))
            total += about.st_size
    found.sort()
    aim = most_bytes * LEFT if total > most_bytes else total
    for used_at, size, path in found:
        is_left_over = not path.endswith(SUFFIX) and used_at < time.time() - RENEW_S
        if total > aim or is_left_over:
            with suppress(FileNotFoundError):
                os.unlink(path)
            total -= size
