"""`manage.py worker`: runs queued jobs until it is told to stop."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

DATABASE_QUEUE = "django_tasks_db.DatabaseBackend"


class Command(BaseCommand):
    help = (
        "Run queued jobs: runs of prompts, evaluations, big imports. On SIGINT or SIGTERM it "
        "finishes the job at hand and ends; a second signal ends it at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--interval",
            type=float,
            default=1.0,
            help="Seconds between two looks at an empty queue (default: %(default)s).",
        )
        parser.add_argument("--once", action="store_true", help="End when the queue is empty.")

    def handle(self, *, interval: float, once: bool, **options: Any) -> None:
        backend = settings.TASKS["default"]["BACKEND"]
        if backend != DATABASE_QUEUE:
            raise CommandError(f"The queue is {backend}, which brings a worker of its own.")
        call_command(
            "db_worker",
            queue_name="*",
            interval=interval,
            batch=once,
            # A random second, so that a fleet does not ask all at once.
            startup_delay=not once,
            # It would restart in the middle of a job whenever a file changes.
            reload=False,
            verbosity=options["verbosity"],
        )
