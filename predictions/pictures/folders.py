"""Folders that may be registered as image roots."""

import os
from collections.abc import Sequence


class FolderError(ValueError):
    """This is no folder that may be registered; the text says why."""


def real_folder(text: str, allowed: Sequence[str]) -> str:
    """The real path of a folder. FolderError for what is none, the whole file system, and what is
    outside of the `allowed` ones; none given allow all.
    """
    try:
        # The current folder has no name.
        real = os.path.realpath(text or "\0", strict=True)
        real.encode()
    except (OSError, ValueError):
        raise FolderError(f"There is no folder {text!r}.") from None
    if not os.path.isdir(real):
        raise FolderError(f"{text!r} is no folder.")
    if not os.access(real, os.R_OK | os.X_OK):
        raise FolderError(f"{text!r} cannot be read.")
    if real == os.sep:
        raise FolderError("The whole file system is no folder of pictures.")
    if not is_allowed(real, allowed):
        raise FolderError(f"{real!r} is outside of LOCAL_FILES_ROOTS.")
    return real


def is_allowed(real: str, allowed: Sequence[str]) -> bool:
    """Whether a real path is one of the `allowed` folders or below one; none given allow all."""
    return not allowed or any(is_below(real, os.path.realpath(one)) for one in allowed)


def is_below(path: str, folder: str) -> bool:
    """Whether a real path is the folder's or below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
