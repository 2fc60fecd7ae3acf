"""The suite on a cluster: TEST_DATABASE_URL is its coordinator, TEST_CLUSTER_NODES its other nodes.

Each test process makes its database on every node, joins them, and spreads it.
"""

import os
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection

from predictions_api.cluster import distributing, tables

#: host:port, host:port
NODES = [entry for entry in os.environ.get("TEST_CLUSTER_NODES", "").split(",") if entry]
#: Few, since a test that empties the tables empties each piece.
SHARDS = 4
#: Of tests whose subject is a plan, or how many statements there are.
one_node = pytest.mark.skipif(
    bool(NODES), reason="plans are read, and statements are counted, on one node"
)
#: Of tests that send again what was recorded: it names the ids that one node gives, 1, 2, 3.
recorded_ids = pytest.mark.skipif(bool(NODES), reason="recordings have the ids of one node")
#: Statements that a page may need more on a cluster: rows that tests store by the object mapper
#: have ids that do not tell their node.
MORE = 1 if NODES else 0
#: Of tests that make triggers, or empty tables as `emptying.py` does.
own_tables = pytest.mark.skipif(bool(NODES), reason="tables of a cluster have no triggers")
#: Of tests that ask for the server's own process, or for statements that it keeps.
direct = pytest.mark.skipif(
    os.environ.get("PREPARED_STATEMENTS") == "false", reason="a pooler may be before the server"
)
#: Of tests in which two transactions write one table at once: what is on all nodes takes one.
at_once = pytest.mark.skipif(
    bool(NODES), reason="a table that is on all nodes is written by one transaction at a time"
)


def at(address: str, database: str) -> Any:
    """A connection of the driver's to a database of the node, host:port, which commits at once."""
    settings = connection.settings_dict
    host, _, port = address.rpartition(":")
    raw = psycopg2.connect(
        host=host,
        port=port,
        dbname=database,
        user=settings["USER"],
        password=settings["PASSWORD"] or None,
    )
    raw.autocommit = True
    return raw


def coordinator() -> str:
    """Its address."""
    settings = connection.settings_dict
    return f"{settings['HOST'] or 'localhost'}:{settings['PORT'] or 5432}"


def run(address: str, database: str, *statements: str) -> None:
    """Executes them on the node."""
    with closing(at(address, database)) as raw, raw.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def create_extension() -> None:
    """On the coordinator, in the database that is connected to."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS citus")


def name_coordinator() -> None:
    """Tells the coordinator its address."""
    host, _, port = coordinator().rpartition(":")
    with connection.cursor() as cursor:
        cursor.execute("SELECT citus_set_coordinator_host(%s, %s)", [host, int(port)])


def join() -> None:
    """Makes the database on the other nodes, and joins them."""
    name = str(connection.settings_dict["NAME"])
    for address in NODES:
        drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
        run(address, "postgres", drop, f'CREATE DATABASE "{name}"')
        run(address, name, "CREATE EXTENSION citus")
        host, _, port = address.rpartition(":")
        with connection.cursor() as cursor:
            cursor.execute("SELECT citus_add_node(%s, %s)", [host, int(port)])


def join_all() -> None:
    """Joins the coordinator and the nodes in the database that is connected to."""
    create_extension()
    name_coordinator()
    join()


def spread() -> None:
    """Joins the nodes and spreads the migrated database of this test process over them."""
    join_all()
    call_command("distribute", shards=SHARDS, verbosity=0)
    with connection.cursor() as cursor:
        # Tests make rows by the object mapper, whose ids carry no slot.
        for table in tables.checks():
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}{distributing.CARRIES}")
    connection.close()
