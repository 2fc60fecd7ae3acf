"""`manage.py dbshell` for the embedded server, with the psql that comes with it."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client

from predictions_api.postgres import embedded


class DatabaseClient(client.DatabaseClient):
    def runshell(self, parameters: Iterable[str]) -> None:
        """Opens psql; this process keeps the server running until psql ends."""
        self.connection.ensure_connection()
        super().runshell(parameters)

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """The command and its environment; Django's own when a DATABASE_URL names the server."""
        [program, *arguments], environment = super().settings_to_cmd_args_env(
            settings_dict, parameters
        )
        if settings_dict.get("DATA_DIR"):
            program = str(embedded.programs() / program)
        return [program, *arguments], environment
