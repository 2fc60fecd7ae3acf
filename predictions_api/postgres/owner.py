"""Who runs the embedded Postgres when we are root, as whom it refuses to run."""

import logging
import os
import pwd
import stat
import subprocess
from pathlib import Path

NAME = "pgserver"
READ, SEARCH = stat.S_IRGRP | stat.S_IROTH, stat.S_IXGRP | stat.S_IXOTH

logger = logging.getLogger(__name__)


def of_server(cluster: Path, programs: Path) -> tuple[int, int]:
    """User and group that run `programs` on `cluster`: its owner or its directory's, not root.

    Where both are root's it is the system user `pgserver`.

    Creates that user if need be, and lets others pass (not read) the directories above both paths
    where they could not. Raises OSError when the user cannot be created.
    """
    user = _owner(cluster) or _named_owner(cluster.parent)
    if user is None:
        entry = _system_user()
        user = entry.pw_uid, entry.pw_gid
    _open_programs(programs)
    closed = [path for path in (*cluster.parents, *programs.parents) if _is_closed(path, user[0])]
    if closed:
        names = ", ".join(map(str, closed))
        logger.warning("Letting other users pass %s: Postgres cannot run as root", names)
    for directory in closed:
        directory.chmod(directory.stat().st_mode | SEARCH)
    return user


def _owner(path: Path) -> tuple[int, int] | None:
    """Who owns the path; None for root, and while there is no such path."""
    if not path.exists():
        return None
    status = path.stat()
    return (status.st_uid, status.st_gid) if status.st_uid else None


def _named_owner(path: Path) -> tuple[int, int] | None:
    """As `_owner`, and None for a number without a name, as whom initdb refuses to run."""
    owner = _owner(path)
    return owner if owner and any(owner[0] == entry.pw_uid for entry in pwd.getpwall()) else None


def _system_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    for _ in range(2):
        try:
            return pwd.getpwnam(NAME)
        except KeyError:
            # Its exit code says little: another process may be creating the user at this moment.
            subprocess.run(command, check=False, capture_output=True)  # noqa: S603
    raise PermissionError(
        f"the system user {NAME}, who would run Postgres instead of root, cannot be created"
    )


def _is_closed(directory: Path, uid: int) -> bool:
    """Whether the directory keeps that user from what lies below it."""
    status = directory.stat()
    return status.st_uid != uid and not status.st_mode & stat.S_IXOTH


def _open_programs(programs: Path) -> None:
    """Let everyone read and run the wheel's files, which a strict umask may have kept to root."""
    if (
        os.access(programs, os.X_OK)
        and programs.stat().st_mode & stat.S_IXOTH
        and _is_readable(programs / "postgres")
    ):
        return
    wheel = programs.parent.parent
    for root in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        for path in (root, *root.rglob("*")):
            mode = path.stat().st_mode
            runs = path.is_dir() or bool(mode & stat.S_IXUSR)
            path.chmod(mode | READ | (SEARCH if runs else 0))


def _is_readable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IROTH)
