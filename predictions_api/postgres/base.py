"""Django's PostgreSQL backend; the first connection starts the embedded server.

Commands that never open one (`--help`, the schema, mypy) therefore start nothing.
"""

from typing import Any

from django.db.backends.postgresql import base

from predictions_api.postgres import embedded


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        """Connection parameters of the running server, started if need be.

        Raises `embedded.ServerError`, an OperationalError, when it cannot start.
        """
        server = embedded.use(self.settings_dict["DATA_DIR"])
        # Kept in the settings too: dbshell and the test runner read the address from there.
        self.settings_dict.update(HOST=server.socket_dir, PORT=str(server.port))
        return super().get_connection_params()
