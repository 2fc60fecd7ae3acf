"""What /metrics reads from the database: jobs by state, the queue, workers, connections.

Asked at most once in FRESH_S by a process, whoever asks how often: /metrics needs no key.
"""

import threading
import time
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Max, Q, Sum
from django.db.models.functions import Coalesce, Now
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from predictions_api.jobs import attendance, kinds
from predictions_api.jobs.models import Worker
from predictions_api.operations import workers
from predictions_api.postgres import activity
from predictions_api.postgres.outages import disk_is_full

FRESH_S = 5.0


class DatabaseCollector(Collector):
    """Reads the gauges when Prometheus asks; without a database only `database_up`, 0."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = -FRESH_S
        self._families: Sequence[GaugeMetricFamily] = ()

    def describe(self) -> Sequence[GaugeMetricFamily]:
        """None: registering this asks the database nothing."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, at most FRESH_S old."""
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH_S:
                self._families = self._read()
                self._read_at = time.monotonic()
            yield from self._families

    def _read(self) -> Sequence[GaugeMetricFamily]:
        try:
            return [
                _gauge("database_up", "Whether the database answers.", 1),
                _gauge("database_disk_full", "Whether its disk is full.", int(disk_is_full())),
                *_connections(),
                _jobs(),
                *_queue(),
                *_workers(),
            ]
        except DatabaseError:
            return [_gauge("database_up", "Whether the database answers.", 0)]


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _connections() -> Iterator[GaugeMetricFamily]:
    by_state = GaugeMetricFamily(
        "database_connections", "Connections to this database, by state.", labels=["state"]
    )
    for state, n in activity.connections_by_state().items():
        by_state.add_metric([state], n)
    yield by_state
    most = activity.most_connections()
    yield _gauge("database_connections_max", "Connections that the server allows.", most)


def _jobs() -> GaugeMetricFamily:
    jobs = GaugeMetricFamily("jobs", "Jobs, by kind and state.", labels=["kind", "state"])
    for (kind, state), n in sorted(kinds.counts().items()):
        jobs.add_metric([kind, state], n)
    return jobs


def _queue() -> Iterator[GaugeMetricFamily]:
    depth, oldest_s = workers.WAITING[str(settings.TASKS["default"]["BACKEND"])]()
    yield _gauge("queue_depth", "Jobs that wait for a worker.", depth)
    yield _gauge("queue_oldest_seconds", "How long the oldest of them has waited.", oldest_s)


def _workers() -> Iterator[GaugeMetricFamily]:
    alive = Q(seen_at__gte=Now() - attendance.GONE_AFTER)
    found = Worker.objects.aggregate(
        processes=Coalesce(Sum("processes", filter=alive), 0), last=Max("seen_at")
    )
    n_alive = Worker.objects.filter(alive).count()
    yield _gauge("workers_alive", "Workers heard of within 30 seconds.", n_alive)
    yield _gauge("workers_processes", "Jobs they can do at a time.", found["processes"])
    seen = GaugeMetricFamily(
        "workers_last_heartbeat_timestamp_seconds", "The newest heartbeat of any worker."
    )
    if found["last"] is not None:
        seen.add_metric([], found["last"].timestamp())
    yield seen
