"""`manage.py worker`: child processes that execute jobs, and the parent that supervises them.

Each child takes jobs of one queue, one at a time; those that wait for others it shares out
(`predictions_api/jobs/sharing.py`). The parent replaces children that die and calls the sweeps,
which queue the jobs of dead workers again. It keeps no database connection open, so that no child
inherits one.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.models import Count, Min
from django.db.models.functions import Now
from django.utils.crypto import get_random_string

from predictions_api import memory
from predictions_api.jobs import attendance, kinds, stopping, sweeps
from predictions_api.jobs.queueing import QUEUES
from predictions_api.operations import collector, processes

log = logging.getLogger(__name__)

POLL_S = 0.1
RESTART_AFTER_S = 0.5
MAX_SWEEP_S = 10.0
# A terminal and a parent both send the signal: two within this time count as one.
SAME_WISH_S = 1.0
# On a machine that also serves the web, requests come before jobs.
NICENESS = 5

#: Takes jobs from the queues of these names.
Serve = Callable[[Sequence[str]], None]


def serve_database(queues: Sequence[str], *, interval: float, once: bool) -> None:
    """Takes jobs from queues in Postgres until asked to stop or, with `once`, they are empty."""
    from django_tasks_db.management.commands.db_worker import Worker

    class Child(Worker):  # type: ignore[misc]  # the package has no types
        """Tells long jobs of a signal, and counts one that is sent twice as one."""

        asked_at = 0.0

        def shutdown(self, signum: int, frame: FrameType | None) -> None:
            if stopping.requested.is_set() and time.monotonic() - self.asked_at < SAME_WISH_S:
                return
            self.asked_at = time.monotonic()
            stopping.requested.set()
            super().shutdown(signum, frame)

        def run_task(self, db_task_result: Any) -> None:
            super().run_task(db_task_result)
            if memory.keeper.look() and not once:
                log.warning("this process has grown too large; another takes its place")
                self.running = False

    worker = Child(
        queue_names=list(queues),
        interval=interval,
        batch=once,
        backend_name="default",
        # A random second, so that a fleet does not ask all at once.
        startup_delay=not once,
        max_tasks=None,
        worker_id=get_random_string(32),
        excluded_queue_names=[],
    )
    worker.configure_signals()
    worker.run()


def serve_redis(queues: Sequence[str], *, interval: float, once: bool) -> None:
    """Takes jobs from queues in Redis, which wakes the worker at once."""
    import django_rq
    from django_tasks_rq import Job
    from rq import SimpleWorker
    from rq.timeouts import TimerDeathPenalty

    class Child(SimpleWorker):
        """Works in its own process; jobs have no time limit."""

        death_penalty_class = TimerDeathPenalty

        def request_stop(self, signum: Any, frame: Any) -> None:
            stopping.requested.set()
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

        def execute_job(self, job: Any, queue: Any) -> None:
            super().execute_job(job, queue)
            if memory.keeper.look() and not once:
                log.warning("this process has grown too large; another takes its place")
                self._stop_requested = True

    found = [django_rq.get_queue(name, job_class=Job) for name in queues]
    worker = Child(found, connection=found[0].connection, job_class=Job)
    # Its scheduler hands over the jobs that were queued for later.
    worker.work(burst=once, logging_level="WARNING", with_scheduler=True)


def waiting_in_database(queues: Sequence[str] = QUEUES) -> tuple[int, float]:
    """How many jobs are due and wait, and for how many seconds the first of them has."""
    from django_tasks_db.models import DBTaskResult

    due = DBTaskResult.objects.ready().filter(queue_name__in=queues)
    found = due.aggregate(n=Count("pk"), waited=Now() - Min("enqueued_at"))
    return found["n"], found["waited"].total_seconds() if found["waited"] else 0.0


def waiting_in_redis(queues: Sequence[str] = QUEUES) -> tuple[int, float]:
    """As `waiting_in_database`, of the queue in Redis; 0 where it is empty."""
    import django_rq
    from django_tasks_rq import Job

    found = [django_rq.get_queue(name, job_class=Job) for name in queues]
    first = [job for queue in found for job in queue.get_jobs(0, 1)]
    since = [job.enqueued_at for job in first if job.enqueued_at is not None]
    now = datetime.now(UTC)
    return sum(queue.count for queue in found), max(
        (now - moment).total_seconds() for moment in [*since, now]
    )


WAITING: dict[str, Callable[..., tuple[int, float]]] = {
    "django_tasks_db.DatabaseBackend": waiting_in_database,
    "django_tasks_rq.RQBackend": waiting_in_redis,
}
SERVERS: dict[str, Callable[..., None]] = {
    "django_tasks_db.DatabaseBackend": serve_database,
    "django_tasks_rq.RQBackend": serve_redis,
}


class Team:
    """The child processes of a worker command: `size` for each queue."""

    def __init__(self, serve: Serve, *, size: int) -> None:
        self.serve = serve
        self.size = size
        self.children: dict[int, str] = {}
        self._n_signals = 0
        self._id = uuid4()

    def work(self) -> None:
        """Runs until a signal: the first asks every child to stop, the second kills them."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        kinds.load()
        # Before the children are made, which then share what is loaded for good.
        collector.keep_what_is_loaded()
        n_processes = self.size * len(QUEUES)
        sweeps.register(partial(attendance.beat, self._id, processes=n_processes))
        shortest_lease_s = min(settings.RUN_LEASE_S, settings.EVALUATION_LEASE_S)
        sweep_s = min(shortest_lease_s / 2, MAX_SWEEP_S)
        next_sweep = next_start = time.monotonic()
        while self.children or not stopping.requested.is_set():
            now = time.monotonic()
            if self._reap():
                next_start = now + RESTART_AFTER_S
            if now >= next_start:
                self._fill()
            if now >= next_sweep and not stopping.requested.is_set():
                sweeps.sweep()
                next_sweep = now + sweep_s
            time.sleep(POLL_S)
        self._leave()

    def _leave(self) -> None:
        try:
            attendance.leave(self._id)
        except DatabaseError:
            log.warning("this worker could not take its leave", exc_info=True)
        finally:
            connections.close_all()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._n_signals += 1
        stopping.requested.set()
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    def _fill(self) -> None:
        for queue in QUEUES:
            while list(self.children.values()).count(queue) < self.size:
                if stopping.requested.is_set():
                    return
                connections.close_all()
                prepare = processes.end_with_parent()
                child = os.fork()
                if child == 0:
                    self._be_child(queue, prepare)
                self.children[child] = queue

    def _be_child(self, queue: str, prepare: Callable[[], None] | None) -> None:
        code = 1
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            if prepare is not None:
                prepare()
            with contextlib.suppress(OSError):
                os.nice(NICENESS)
            self.serve([queue])
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            log.exception("a worker process died")
        finally:
            os._exit(code)

    def _reap(self) -> bool:
        """Whether a child has ended."""
        ended = [child for child in self.children if os.waitpid(child, os.WNOHANG)[0]]
        for child in ended:
            del self.children[child]
        return bool(ended)
