"""Django's PostgreSQL backend with three additions.

- Without a DATABASE_URL the first connection starts the embedded server. Commands that open no
  connection (`--help`, the schema, mypy) start nothing.
- The health check at the start of each request reads the socket's state and sends no query.
- Each connection keeps its prepared statements (`prepared.py`).
"""

import select
from typing import Any

from django.db.backends.postgresql import base

from predictions_api.postgres import embedded
from predictions_api.postgres.client import DatabaseClient
from predictions_api.postgres.prepared import Statements


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    statements: Statements

    def get_connection_params(self) -> dict[str, Any]:
        """Connection parameters. Without a DATABASE_URL: starts the embedded server if needed.

        Raises `embedded.ServerError`, an OperationalError, when it cannot start.
        """
        if data_dir := self.settings_dict.get("DATA_DIR"):
            server = embedded.use(data_dir)
            # Kept in the settings too: dbshell and the test runner read the address from there.
            self.settings_dict.update(HOST=server.socket_dir, PORT=str(server.port))
        return super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A new connection, without prepared statements."""
        raw = super().get_new_connection(conn_params)
        self.statements = Statements(raw)
        return raw

    def is_usable(self) -> bool:
        """Whether an idle connection is still open.

        A server that went away has closed its end, which makes the socket readable; nothing else
        does while no statement runs. Only then `SELECT 1` is sent: with every request it was a
        third of all statements.
        """
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0) or super().is_usable()
