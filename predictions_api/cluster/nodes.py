"""The nodes of a cluster, as its coordinator knows them."""

from typing import NamedTuple

from django.db import connection

from predictions_api.cluster import tables
from predictions_api.postgres.sql import fetch_all, fetch_one, is_spread

#: How long a node may take to be reached before it counts as away; where a command is called, whose
#: work it would end.
CONNECT_MS, PATIENT_MS = 2_000, 15_000
HAS_ENGINE_SQL = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus'),
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citus')
"""
NODES_SQL = """
SELECT nodename || ':' || nodeport, groupid = 0 FROM pg_dist_node
WHERE isactive AND noderole = 'primary' ORDER BY groupid
"""
ASKED_SQL = """
SELECT n.nodename || ':' || n.nodeport, a.success, a.result
FROM run_command_on_all_nodes(%s, give_warning_for_connection_errors => true) a
JOIN pg_dist_node n ON n.nodeid = a.nodeid ORDER BY n.groupid
"""


LIE_SQL = """
SELECT table_name::text, CASE citus_table_type WHEN 'reference' THEN %s
    WHEN 'distributed' THEN distribution_column ELSE %s END FROM citus_tables
"""


class Engine(NamedTuple):
    """Whether the extension is there in this database, and whether the server has it at all."""

    is_created: bool
    is_available: bool


class Node(NamedTuple):
    """A node by its host and port."""

    address: str
    is_coordinator: bool


class Answer(NamedTuple):
    """What a node said to a statement; why it did not, where it could not be asked."""

    address: str
    is_well: bool
    text: str


def engine() -> Engine:
    """What of the extension that spreads tables is there."""
    row = fetch_one(HAS_ENGINE_SQL, [])
    assert row is not None
    return Engine(*row)


def nodes() -> list[Node]:
    """The nodes that hold data, the coordinator first. Only where the extension is created."""
    return [Node(*row) for row in fetch_all(NODES_SQL, [])]


def lying() -> dict[str, str]:
    """How the tables lie that the engine knows, in the words of `tables`."""
    found: dict[str, str] = dict(fetch_all(LIE_SQL, [tables.EVERYWHERE, tables.HERE]))
    return found


def ask_all(sql: str, *, connect_ms: int = PATIENT_MS) -> list[Answer]:
    """The first column of a statement's first row on every node, as text. Outside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET citus.node_connection_timeout = {connect_ms}")
        try:
            return [Answer(*row) for row in fetch_all(ASKED_SQL, [sql])]
        finally:
            cursor.execute("RESET citus.node_connection_timeout")


def answering_else(sql: str, expected: str) -> list[str]:
    """Addresses of the nodes that say something else than expected to a statement."""
    return [answer.address for answer in ask_all(sql) if answer.text != expected]


def away() -> list[str]:
    """Addresses of the nodes that do not answer; none, and one look, where nothing is spread."""
    return silent(connect_ms=CONNECT_MS) if is_spread() else []


def silent(*, connect_ms: int = PATIENT_MS) -> list[str]:
    """Addresses of the nodes that do not answer. Only where the extension is created."""
    said = ask_all("SELECT 1", connect_ms=connect_ms)
    return [answer.address for answer in said if not answer.is_well]
