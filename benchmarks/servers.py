"""Starts the servers that a benchmark compares: same database, same web server."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def stopped_at_end(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path = ROOT
) -> Iterator["subprocess.Popen[bytes]"]:
    """A running program, asked to stop when the block ends."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if "BENCH_QUIET" in os.environ else None,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def gunicorn(app: str, *, env: dict[str, str], workers: int = 2, threads: int = 8) -> Iterator[int]:
    """A running gunicorn; its port. The kind of worker is that of gunicorn.conf.py."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--threads", str(threads)]
    command += ["--keep-alive", "60", "--log-level", "error"]
    environment = {**os.environ, **env, "PYTHONPATH": str(ROOT)}
    with stopped_at_end(command, environment) as process:
        wait_for(port, process)
        yield port


def wait_for(port: int, process: "subprocess.Popen[bytes]", seconds: float = 30) -> None:
    """Returns when the port answers. RuntimeError when the process ends or time runs out."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server did not start")


def memory_mb(port: int) -> float:
    """Resident memory of the processes that listen on a port, in MB."""
    import psutil

    total = 0
    for process in psutil.process_iter(["cmdline", "memory_info"]):
        if f"127.0.0.1:{port}" in (process.info["cmdline"] or []):
            total += process.info["memory_info"].rss
    return total / 1e6
