"""Chooses the user that runs the embedded Postgres if we are root: Postgres refuses to be root."""

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
    """User and group to run `programs` on `cluster`: the owner of the cluster or its directory.

    If root owns both, it is the system user `pgserver`, created if needed. Directories above both
    paths get the search permission that this user lacks. OSError if the user cannot be created.
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
    """The path's owner; None if that is root or the path does not exist."""
    if not path.exists():
        return None
    status = path.stat()
    return (status.st_uid, status.st_gid) if status.st_uid else None


def _named_owner(path: Path) -> tuple[int, int] | None:
    """As `_owner`, but None for a user id without a name: initdb refuses those."""
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
    """Whether that user lacks search permission for the directory."""
    status = directory.stat()
    return status.st_uid != uid and not status.st_mode & stat.S_IXOTH


def _open_programs(programs: Path) -> None:
    """Lets everyone read and run the wheel's files: a strict umask may have forbidden it."""
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
