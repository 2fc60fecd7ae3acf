"""Django's PostgreSQL backend with six additions.

- Without a DATABASE_URL the first connection starts the embedded server. Commands that open no
  connection (`--help`, the schema, mypy) start nothing.
- The health check at the start of each request reads the socket's state and sends no query.
- The first connection of a process refuses a Postgres that is too old.
- Each connection keeps its prepared statements (`prepared.py`).
- Each connection knows whether the database is spread over a cluster (`spread/`).
- A connection by way of a pooler knows that it is one: nothing outlasts a transaction there.
"""

import select
from typing import Any

from django.db import NotSupportedError
from django.db.backends.postgresql import base

from predictions_api.postgres import embedded
from predictions_api.postgres.client import DatabaseClient
from predictions_api.postgres.prepared import Statements
from predictions_api.postgres.spread.slots import SLOTS

#: Oldest major version that works: a part of the suite passed on 16, all of it on 18.
OLDEST = 16
# Ids carry slots from the moment that the sequence leaves them room.
IS_SPREAD_SQL = """
SELECT 1 FROM pg_sequence WHERE seqincrement = %s LIMIT 1
"""


class UnsupportedPostgres(NotSupportedError):
    """The server is older than OLDEST."""


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    statements: Statements
    _is_spread: bool | None = None

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
        """A new connection, without prepared statements. One statement."""
        raw = super().get_new_connection(conn_params)
        is_pooled = self._is_pooled(raw)
        self.statements = Statements(raw, is_pooled=is_pooled)
        self._is_spread = None
        # Of rows that are read outside a transaction.
        self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = is_pooled
        return raw

    @property
    def is_spread(self) -> bool:
        """Whether the database is spread over a cluster. Asked once of each connection."""
        if self._is_spread is None:
            self.ensure_connection()
            # On the driver's cursor, so that Django's count of queries does not include it.
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute(IS_SPREAD_SQL, [SLOTS])
                self._is_spread = cursor.fetchone() is not None
        return self._is_spread

    def _is_pooled(self, raw: Any) -> bool:
        """Whether something stands between us and the server: poolers tell their clients a process
        number of their own, which is needed to cancel a statement.
        """
        if self.settings_dict.get("DATA_DIR"):
            return False
        raw.autocommit = True
        with raw.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [pid] = cursor.fetchone()
        return bool(pid != raw.info.backend_pid)

    def check_database_version_supported(self) -> None:
        """Raises UnsupportedPostgres, which names the versions that work."""
        version = self.get_database_version()
        if version < (OLDEST,):
            raise UnsupportedPostgres(
                f"This is Postgres {'.'.join(map(str, version))}; "
                f"{OLDEST} to {embedded.VERSION} work."
            )

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
