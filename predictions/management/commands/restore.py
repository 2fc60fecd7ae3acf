"""`manage.py restore FILE`: fills an empty database from a file that `backup` wrote."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions_api.operations import dumps


class Command(BaseCommand):
    help = (
        "Fill an empty database from a file of `backup`: all of it or nothing. Run `migrate`"
        " afterwards if this version is newer than the one that wrote the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="A file of `backup`; - for standard input.")

    def handle(self, *, file: str, **options: Any) -> None:
        try:
            dumps.restore(file)
        except dumps.DumpError as error:
            raise CommandError(str(error)) from error
