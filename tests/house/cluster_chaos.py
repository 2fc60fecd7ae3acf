"""What `make chaos` kills of a cluster: a node, the coordinator in the middle of a commit, Redis.

A write of what lies on all nodes is prepared on each, committed on the coordinator, and then on
each node. The coordinator's process is killed on either side of its own commit, held there by a
wait for a standby that does not exist. The servers run on this machine, and the role is a
superuser's.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg2

from predictions_api.postgres.sql import Row
from tests.house.chaos import LOADS, TIMEOUT_S, WITHIN_S, Load, Service
from tests.prompts.crew import until

NODES = [entry for entry in os.environ.get("TEST_CLUSTER_NODES", "").split(",") if entry]
SHARDS = 4
# The engine looks for what was left prepared once a minute.
RECOVERED_WITHIN_S = 150.0
NOBODY = "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
ANYBODY = "ALTER SYSTEM RESET synchronous_standby_names"
RELOAD = "SELECT pg_reload_conf()"
# The engine names what it prepares by the coordinator's process.
PREPARED_SQL = """
SELECT split_part(gid, '_', 3)::int FROM pg_prepared_xacts
WHERE database = current_database() AND gid LIKE 'citus\\_0\\_%'
"""
WAITS_SQL = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = ANY(%s)"
PROJECTS_SQL = """
SELECT title, count(*) FROM predictions_project WHERE title ~ '^projects-' GROUP BY 1
"""


class Server:
    """One server of the cluster, by its address, host:port, and the database that is tried."""

    def __init__(self, address: str, database: str, user: str, password: str | None) -> None:
        host, _, port = address.rpartition(":")
        self.address, self.port = address, int(port)
        self.settings = {"host": host, "port": port, "user": user, "password": password}
        self.database = database

    def ask(self, sql: str, *params: Any, database: str | None = None) -> list[Row]:
        """Rows of a statement that commits at once."""
        raw = psycopg2.connect(dbname=database or self.database, **self.settings)
        try:
            raw.autocommit = True
            with raw.cursor() as cursor:
                cursor.execute(sql, params)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            raw.close()

    def is_there(self) -> bool:
        with contextlib.suppress(psycopg2.Error):
            return bool(self.ask("SELECT 1"))
        return False

    def kill(self) -> None:
        """SIGKILL for the server and all of its processes; then it is started as it was."""
        [(data,)] = self.ask("SHOW data_directory")
        server = psutil.Process(int((Path(data) / "postmaster.pid").read_text().split()[0]))
        command, user, group = server.cmdline(), server.uids().real, server.gids().real
        killed = [server, *server.children(recursive=True)]
        for process in killed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(killed, TIMEOUT_S)
        subprocess.Popen(
            command, cwd=data, user=user, group=group, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until(self.is_there, within_s=WITHIN_S)

    @contextlib.contextmanager
    def no_commit_returns(self) -> Iterator[None]:
        """Within the block commits are stored, and do not return."""
        self.ask(NOBODY)
        self.ask(RELOAD)
        try:
            yield
        finally:
            until(self.is_there, within_s=WITHIN_S)
            self.ask(ANYBODY)
            self.ask(RELOAD)


class ClusterService(Service):
    """The service on a database of its own, spread over the cluster, with its queue in Redis."""

    def __init__(self, folder: Path) -> None:
        given = urlsplit(os.environ["TEST_DATABASE_URL"])
        name = f"chaos_{os.getpid()}"
        address = f"{given.hostname or '127.0.0.1'}:{given.port or 5432}"
        self.coordinator, *self.nodes = [
            Server(one, name, given.username or "postgres", given.password)
            for one in (address, *NODES)
        ]
        for server in self.servers:
            self._drop(server)
            server.ask(f'CREATE DATABASE "{name}"', database="postgres")
            server.ask("CREATE EXTENSION citus")
            # What is acknowledged has to outlive the server's processes.
            server.ask(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
        host, port = self.coordinator.settings["host"], self.coordinator.port
        self.coordinator.ask("SELECT citus_set_coordinator_host(%s, %s)", host, port)
        for node in self.nodes:
            sql = "SELECT citus_add_node(%s, %s)"
            self.coordinator.ask(sql, node.settings["host"], node.port)
        self.socket = folder / "redis.sock"
        self.redis = self._start_redis()
        url = given._replace(path=f"/{name}").geturl()
        queue = {"TASKS_BACKEND": "rq", "REDIS_URL": f"unix://{self.socket}"}
        super().__init__(folder, DATABASE_URL=url, **queue)

    @property
    def servers(self) -> list[Server]:
        """The coordinator, and the other nodes."""
        return [self.coordinator, *self.nodes]

    def prepare(self) -> None:
        """Spreads it."""
        call = self.crew.manage("distribute", f"--shards={SHARDS}", "--verbosity=0")
        assert call.wait(WITHIN_S) == 0

    def victims(self) -> dict[str, Callable[[], None]]:
        """What a cluster has more than one server has, and the worker."""
        every = super().victims()
        return {
            **{f"node {node.address}": partial(self._kill_node, node) for node in self.nodes},
            "before its commit": self._kill_before_commit,
            "after its commit": self._kill_after_commit,
            "Redis": self._kill_redis,
            "the worker": every["the worker"],
        }

    def _kill_node(self, node: Server) -> None:
        node.kill()
        self._wait_for_recovery()

    def _kill_before_commit(self) -> None:
        """A process of the coordinator that has prepared on a node and not on all."""
        with self.nodes[-1].no_commit_returns():
            [pid, *_] = until(lambda: self.nodes[-1].ask(PREPARED_SQL), within_s=WITHIN_S)[0]
            os.kill(pid, signal.SIGKILL)
        self._wait_for_recovery()

    def _kill_after_commit(self) -> None:
        """One that has committed and not told the nodes."""
        with self.coordinator.no_commit_returns():
            [pid] = until(self._committing, within_s=WITHIN_S)[0]
            os.kill(pid, signal.SIGKILL)
        self._wait_for_recovery()

    def _committing(self) -> list[Row]:
        prepared = [pid for (pid,) in self.nodes[0].ask(PREPARED_SQL)]
        return self.coordinator.ask(WAITS_SQL, prepared)

    def _wait_for_recovery(self) -> None:
        """Until the coordinator is back and nothing of what was killed is in doubt."""
        until(self.coordinator.is_there, within_s=WITHIN_S)
        [(began,)] = self.coordinator.ask("SELECT clock_timestamp()")
        sql = "SELECT count(*) FROM pg_prepared_xacts WHERE prepared < %s"
        until(
            lambda: not any(node.ask(sql, began)[0][0] for node in self.nodes),
            within_s=RECOVERED_WITHIN_S,
        )

    def _start_redis(self) -> "subprocess.Popen[bytes]":
        program = shutil.which("redis-server")
        assert program is not None, "redis-server is not installed (apt-get install redis-server)"
        self.socket.unlink(missing_ok=True)
        command = [program, "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self.socket.exists)
        return started

    def _kill_redis(self) -> None:
        """With all that waits in it."""
        self.redis.kill()
        self.redis.wait()
        self.redis = self._start_redis()

    def _drop(self, server: Server) -> None:
        sql = f'DROP DATABASE IF EXISTS "{server.database}" WITH (FORCE)'
        server.ask(sql, database="postgres")

    def end(self) -> None:
        """Ends all but the cluster, and drops its databases."""
        super().end()
        self.redis.kill()
        self.redis.wait()
        for server in self.servers:
            self._drop(server)


class ClusterLoad(Load):
    """The clients, and one that makes projects, which lie on all nodes."""

    names = (*LOADS, "projects")
    service: ClusterService

    def _projects(self, title: str) -> None:
        status, document = self.ask("POST", "/api/projects/", {"title": title})
        if status == 201:
            self.told.projects.add(title)
        else:
            self._unanswered("projects", status, document)

    def check(self) -> None:
        """Projects, too: each that was acknowledged is on every node, once."""
        made = set(self.told.projects)
        super().check()
        for server in self.service.servers:
            there: dict[str, int] = dict(server.ask(PROJECTS_SQL))
            self.faults += [
                f"{title} was acknowledged and is on {server.address} {there.get(title, 0)} times"
                for title in made
                if there.get(title, 0) != 1
            ]

    def check_ends(self) -> None:
        """The nodes' copies agree, too."""
        super().check_ends()
        call = self.service.crew.manage("distribute", "--check", stdout=subprocess.PIPE)
        said, _ = call.communicate(timeout=WITHIN_S)
        if call.returncode:
            self.faults.append(said.decode())
