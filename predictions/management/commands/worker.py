"""`manage.py worker`: runs queued jobs until it is told to stop."""

from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections

from predictions_api.jobs import sweeps
from predictions_api.jobs.queueing import QUEUES
from predictions_api.operations import command_line, workers


class Command(BaseCommand):
    help = (
        "Run queued jobs: runs of prompts, evaluations, big imports. On SIGINT or SIGTERM a job at "
        "hand is handed over within seconds, to go on in another worker; a second signal ends "
        "everything at once. The queue is in Postgres or, with TASKS_BACKEND=rq, in Redis."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--interval",
            type=float,
            default=1.0,
            help="Seconds between two looks at an empty queue (default: %(default)s).",
        )
        parser.add_argument(
            "--concurrency",
            type=int,
            default=1,
            help="Processes for jobs that compute, and as many for jobs that wait for models"
            " (default: %(default)s).",
        )
        parser.add_argument("--once", action="store_true", help="End when the queue is empty.")

    def handle(self, *, interval: float, concurrency: int, once: bool, **options: Any) -> None:
        backend = settings.TASKS["default"]["BACKEND"]
        if backend not in workers.SERVERS:
            raise CommandError(f"The queue is {backend}, which brings a worker of its own.")
        _refuse_unmigrated()
        serve = partial(workers.SERVERS[backend], interval=interval, once=once)
        if once:
            sweeps.sweep()
            serve(QUEUES)
        else:
            workers.Team(serve, size=max(1, concurrency)).work()


def _refuse_unmigrated() -> None:
    """CommandError where the database lacks migrations; one that is away may come back."""
    try:
        if (reason := command_line.unmigrated()) is not None:
            raise CommandError(reason)
    except OperationalError:
        return
    finally:
        connections.close_all()  # children inherit none
