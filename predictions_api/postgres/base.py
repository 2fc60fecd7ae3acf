"""Django's PostgreSQL backend with two differences.

Without a DATABASE_URL the first connection starts the embedded server, so commands that never
open one (`--help`, the schema, mypy) start nothing. And the health check that each request begins
with costs no round trip.
"""

import select
from typing import Any

from django.db.backends.postgresql import base

from predictions_api.postgres import embedded
from predictions_api.postgres.client import DatabaseClient


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Connection parameters; of the embedded server, started if need be, if it is the one.

        Raises `embedded.ServerError`, an OperationalError, when it cannot start.
        """
        if data_dir := self.settings_dict.get("DATA_DIR"):
            server = embedded.use(data_dir)
            # Kept in the settings too: dbshell and the test runner read the address from there.
            self.settings_dict.update(HOST=server.socket_dir, PORT=str(server.port))
        return super().get_connection_params()

    def is_usable(self) -> bool:
        """Whether an idle connection still stands.

        A server that went away has closed its end, which makes the socket readable; nothing else
        does while no statement runs. Only then is the server asked: the `SELECT 1` of every
        request was a third of its statements.
        """
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0) or super().is_usable()
