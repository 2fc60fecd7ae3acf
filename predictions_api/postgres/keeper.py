"""The process that starts an embedded Postgres, waits until nobody uses it, and stops it.

Each process that uses the server holds a shared kernel lock on USERS_LOCK, which the kernel
releases however the process ends. The keeper waits for the exclusive lock. So there is no list of
process ids that a SIGKILL would leave wrong, and no exit hook that could be missed. A process that
comes while the server stops waits for the lock and starts it again.

Runs as a script with the standard library only, so that it starts fast, and in its own session, so
that Ctrl-C in a terminal does not reach it.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

USERS_LOCK = "postgres-users.lock"
START_LOCK = "postgres-start.lock"
KEEPER_LOCK = "postgres-keeper.lock"
CLUSTER = "postgres"
LOG = "postgres.log"

# Only a name: the server listens on a unix socket and on no address.
PORT = 5433
# Lines of postmaster.pid, which Postgres documents as an interface for its own tools.
PID_LINE, PORT_LINE, SOCKET_DIR_LINE, STATUS_LINE = 0, 3, 4, 7
# A socket's path must fit into sockaddr_un: 108 bytes on Linux, 104 on macOS, the closing NUL
# included.
SOCKET_PATH_BYTES = 103
LOG_BYTES = 10_000_000
POLL_S = 0.02
FAST_STOP_S, IMMEDIATE_STOP_S = 30, 5
PR_SET_PDEATHSIG = 1

# Everyone who reaches the socket is let in; the file system decides who does. The built-in locale
# sorts alike on every machine, and byte order is the fastest to index.
INITDB = (
    *("--username=postgres", "--auth=trust", "--encoding=UTF8"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
)
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # Our queries are short: compiling one costs more than it saves.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Cluster(NamedTuple):
    """Where a server's files are, and which user runs it; None for this process's user."""

    data_dir: Path
    bin_dir: Path
    uid: int | None
    gid: int | None

    @property
    def path(self) -> Path:
        return self.data_dir / CLUSTER

    def as_user(self) -> dict[str, Any]:
        """Keyword arguments that make subprocess run a program as the server's user."""
        # No environment: PGPORT, PGDATA and their like would change the server.
        alone: dict[str, Any] = {
            "env": {"LC_ALL": "C"},
            "cwd": self.data_dir,
            "stdin": subprocess.DEVNULL,
        }
        if self.uid is None:
            return alone
        return {**alone, "user": self.uid, "group": self.gid, "extra_groups": []}


def status_lines(data_dir: Path) -> list[str]:
    """Lines of postmaster.pid; empty without a server, or while the file is being written."""
    try:
        lines = (data_dir / CLUSTER / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in lines] if len(lines) > STATUS_LINE else []


def create(cluster: Cluster) -> None:
    """Creates the cluster's files if needed. CalledProcessError with initdb's output."""
    if (cluster.path / "PG_VERSION").exists():
        return
    # Beside its place, and moved there when complete: an interrupted initdb leaves nothing.
    new = cluster.path.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if cluster.uid is not None and cluster.gid is not None:
        os.chown(new, cluster.uid, cluster.gid)
    subprocess.run(  # noqa: S603
        [cluster.bin_dir / "initdb", f"--pgdata={new}", *INITDB],
        check=True,
        capture_output=True,
        text=True,
        **cluster.as_user(),
    )
    new.rename(cluster.path)


def end_leftover(cluster: Cluster) -> None:
    """Stops a server whose keeper was killed; removes a stale postmaster.pid. Up to 30 s."""
    if not (lines := status_lines(cluster.data_dir)):
        return
    pid, deadline = int(lines[PID_LINE]), time.monotonic() + FAST_STOP_S
    while (command := _command_line(pid)) and str(cluster.path) in command:
        if time.monotonic() > deadline:
            raise TimeoutError(f"an earlier server, process {pid}, does not stop")
        os.kill(pid, signal.SIGINT)
        time.sleep(POLL_S)
    if command:
        # After a reboot, or in a new container, the number belongs to a stranger and Postgres would
        # not start.
        (cluster.path / "postmaster.pid").unlink(missing_ok=True)


def _command_line(pid: int) -> str:
    """Command line of a process, empty when there is none."""
    if sys.platform == "linux":
        # Small images carry no ps.
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(  # noqa: S603
        ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True
    )
    return listing.stdout.strip()


def socket_dir(cluster: Cluster) -> Path:
    """The socket's directory: the cluster's, or a new one if that path cannot hold a socket."""
    is_short = len(os.fsencode(cluster.path / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES
    # A comma separates directories, on the server's side and on the client's.
    if is_short and "," not in str(cluster.path):
        return cluster.path
    short = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    if cluster.uid is not None and cluster.gid is not None:
        os.chown(short, cluster.uid, cluster.gid)
    return short


def launch(cluster: Cluster, sockets: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Start the server as a child; returns before it accepts connections."""
    settings = {**SETTINGS, "unix_socket_directories": str(sockets)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            [cluster.bin_dir / "postgres", "-D", cluster.path, *options],
            stdout=output,
            stderr=output,
            preexec_fn=_end_with_parent(),
            **cluster.as_user(),
        )


def _end_with_parent() -> Any:
    """A `preexec_fn`: on Linux the server ends if the keeper is SIGKILLed."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def await_ready(cluster: Cluster, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Waits until the server accepts connections; RuntimeError with its log if it ends."""
    while True:
        lines = status_lines(cluster.data_dir)
        if lines and lines[PID_LINE] == str(server.pid) and lines[STATUS_LINE] == "ready":
            return
        if server.poll() is not None:
            raise RuntimeError(
                "".join(log.read_text(errors="replace").splitlines(keepends=True)[-10:])
            )
        time.sleep(POLL_S)


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Stops the server: a fast shutdown, or an immediate one if that takes over 30 s."""
    for how, patience_s in ((signal.SIGINT, FAST_STOP_S), (signal.SIGQUIT, IMMEDIATE_STOP_S)):
        server.send_signal(how)
        try:
            server.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        return
    server.kill()


def keep(cluster: Cluster, report: int) -> None:
    """Runs the server until nobody uses it; writes "ready" to the descriptor `report`."""
    keeper_lock = (cluster.data_dir / KEEPER_LOCK).open("a")
    fcntl.flock(keeper_lock, fcntl.LOCK_EX)
    log = cluster.data_dir / LOG
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    end_leftover(cluster)
    create(cluster)
    sockets = socket_dir(cluster)
    server = launch(cluster, sockets, log)
    signal.signal(signal.SIGTERM, lambda *_: server.send_signal(signal.SIGINT))
    try:
        await_ready(cluster, server, log)
        os.write(report, b"ready")
        os.close(report)
        threading.Thread(target=_stop_when_unused, args=(cluster, server), daemon=True).start()
        server.wait()
    finally:
        if sockets != cluster.path:
            shutil.rmtree(sockets, ignore_errors=True)


def _stop_when_unused(cluster: Cluster, server: "subprocess.Popen[bytes]") -> None:
    # Never closed: newcomers wait on this lock until the whole process has ended.
    users = os.open(cluster.data_dir / USERS_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_EX)
    stop(server)


def main(data_dir: str, bin_dir: str, uid: str = "", gid: str = "") -> int:
    """Starts the server and its keeper: 0 when ready, 1 with the reason on stderr."""
    cluster = Cluster(
        Path(data_dir), Path(bin_dir), int(uid) if uid else None, int(gid) if gid else None
    )
    outcome, report = os.pipe()
    if os.fork():
        os.close(report)
        with os.fdopen(outcome) as reported:
            message = reported.read()
        if message == "ready":
            return 0
        sys.stderr.write(message or "its keeper ended without a message")
        sys.stderr.flush()
        return 1
    os.close(outcome)
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    try:
        keep(cluster, report)
    except subprocess.CalledProcessError as error:
        os.write(report, f"{error.cmd[0]}: {error.stderr or error.stdout}".encode())
    except Exception as error:
        os.write(report, str(error).encode())
    return 0


if __name__ == "__main__":
    # Not sys.exit: nothing of the interpreter's is worth the wait of a thread that never ends.
    os._exit(main(*sys.argv[1:]))
