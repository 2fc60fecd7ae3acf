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
    owners = [
        status for status in map(_status, (cluster, cluster.parent)) if status and status.st_uid
    ]
    if owners:
        user = owners[0].st_uid, owners[0].st_gid
    else:
        entry = _system_user()
        user = entry.pw_uid, entry.pw_gid
    _open_programs(programs)
    for directory in (*cluster.parents, *programs.parents):
        _let_pass(directory, user[0])
    return user


def _status(path: Path) -> os.stat_result | None:
    return path.stat() if path.exists() else None


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


def _let_pass(directory: Path, uid: int) -> None:
    status = directory.stat()
    if status.st_uid == uid or status.st_mode & stat.S_IXOTH:
        return
    logger.warning("Letting other users pass %s, so that Postgres can run without root", directory)
    directory.chmod(status.st_mode | SEARCH)


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
