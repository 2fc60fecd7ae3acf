"""gunicorn's settings, in a container and on a laptop; gunicorn reads this file by itself."""

import ctypes
import os
import shutil
import tempfile
from contextlib import suppress
from typing import Any

wsgi_app = "predictions_api.wsgi"
bind = os.environ.get("BIND", "0.0.0.0:8000")

# Threads, because a request mostly waits for Postgres; processes, because Python runs one thread.
# Each thread keeps a connection, and the one for probes: workers x (threads + 1) x machines must
# stay below max_connections.
worker_class = "predictions_api.serving.webworker.BalancedWorker"
workers = int(os.environ.get("WEB_CONCURRENCY") or min(os.cpu_count() or 1, 4))
threads = int(os.environ.get("WEB_THREADS") or 8)

# Longer than a balancer's, so that it is never us who closes a connection it is about to use.
keepalive = 75
graceful_timeout = 30
# A big import may hold one worker; it still answers the arbiter from its other threads.
timeout = 120
limit_request_line = 8190

# Our middleware logs each request once, without keys; gunicorn's own line would show the query.
accesslog = None
logger_class = "predictions_api.operations.serverlog.ServerLog"
loglevel = os.environ.get("LOG_LEVEL", "info").lower()
# One file in the home directory for every gunicorn of a user: two services would fight for it.
control_socket_disable = True


def keep_freed_memory(size: int = 32 * 1024 * 1024) -> None:
    """Tells glibc to keep that many freed bytes instead of returning them after each request.

    Handing it back and asking for it again, page by page, was half of the time of a page of 1,000
    images (measured). Two heaps serve all threads, of which Python lets one run at a time: one each
    would keep so many bytes each. Where the C library is another one, nothing changes.
    """
    trim_threshold, mmap_threshold, arena_max = -1, -3, -8
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(trim_threshold, size)
        mallopt(mmap_threshold, size)
        mallopt(arena_max, 2)


# Before the fork, so that every worker has it.
keep_freed_memory()

# /metrics adds up what every process counted, through files that all of them write.
OWN_METRICS_DIR = ""
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    OWN_METRICS_DIR = tempfile.mkdtemp(prefix="metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = OWN_METRICS_DIR


def child_exit(server: Any, worker: Any) -> None:
    """Removes the gauges of a worker that ended; its counters stay in the sums."""
    from prometheus_client import multiprocess

    from predictions_api.serving import webworker

    webworker.forget(worker)
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """Removes our directory of metrics."""
    if OWN_METRICS_DIR:
        shutil.rmtree(OWN_METRICS_DIR, ignore_errors=True)


def post_worker_init(worker: Any) -> None:
    """Keeps the loaded application out of garbage collections."""
    from predictions_api.operations import collector

    collector.keep_what_is_loaded()
