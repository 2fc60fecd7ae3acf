"""`manage.py backup FILE`: writes the whole database into a file."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions_api.operations import dumps


class Command(BaseCommand):
    help = (
        "Write the whole database into a new file, while the service goes on. Keys of providers"
        " are in it encrypted: keep SECRET_KEY or ENCRYPTION_KEY, too (of an embedded database the"
        " file secret_key in DATA_DIR)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="A file that is not there yet; - for standard output.")

    def handle(self, *, file: str, **options: Any) -> None:
        try:
            dumps.dump(file)
        except dumps.DumpError as error:
            raise CommandError(str(error)) from error
