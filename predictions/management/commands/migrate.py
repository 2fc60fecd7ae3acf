"""`manage.py migrate`: Django's, but it refuses a database that no migration leads on from.

What it makes on a cluster, `manage.py distribute` can spread.
"""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from predictions_api.cluster import distributing
from predictions_api.operations.command_line import database_name
from predictions_api.postgres import upgrades


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        # `--check` is asked every minute, of a database that was migrated once.
        if not options["check_unapplied"]:
            if reason := upgrades.refusal(connection, database=database_name()):
                raise CommandError(reason)
            distributing.leave_new_tables()
        super().handle(*args, **options)
