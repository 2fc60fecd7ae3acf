"""How gunicorn serves the application, in a container or on a laptop; it finds this file itself."""

import os
import shutil
import tempfile
from typing import Any

wsgi_app = "predictions_api.wsgi"
bind = os.environ.get("BIND", "0.0.0.0:8000")

# Threads, because a request mostly waits for Postgres; processes, because Python runs one thread.
# Each thread keeps a connection: workers x threads x machines must stay below max_connections.
worker_class = "gthread"
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
logger_class = "predictions_api.serverlog.ServerLog"
loglevel = os.environ.get("LOG_LEVEL", "info").lower()
# One file in the home directory for every gunicorn of a user: two services would fight for it.
control_socket_disable = True

# /metrics adds up what every process counted, through files that all of them write.
OWN_METRICS_DIR = ""
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    OWN_METRICS_DIR = tempfile.mkdtemp(prefix="metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = OWN_METRICS_DIR


def child_exit(server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that ended; its counters stay in the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """Leave nothing of ours behind."""
    if OWN_METRICS_DIR:
        shutil.rmtree(OWN_METRICS_DIR, ignore_errors=True)
