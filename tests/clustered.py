"""The suite on a cluster: TEST_DATABASE_URL is its coordinator, TEST_CLUSTER_NODES its other nodes.

Each test process makes its database on every node, joins them, and spreads it.
"""

import os
from contextlib import closing
from typing import Any

import psycopg2
from django.core.management import call_command
from django.db import connection

#: host:port, host:port
NODES = [entry for entry in os.environ.get("TEST_CLUSTER_NODES", "").split(",") if entry]
#: Few, since a test that empties the tables empties each piece.
SHARDS = 4


def _at(host: str, port: str, database: str) -> Any:
    settings = connection.settings_dict
    return psycopg2.connect(
        host=host,
        port=port,
        dbname=database,
        user=settings["USER"],
        password=settings["PASSWORD"] or None,
    )


def _prepare_node(host: str, port: str, name: str) -> None:
    with closing(_at(host, port, "postgres")) as raw:
        raw.autocommit = True
        with raw.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{name}"')
    with closing(_at(host, port, name)) as raw:
        raw.autocommit = True
        with raw.cursor() as cursor:
            cursor.execute("CREATE EXTENSION citus")


def spread() -> None:
    """Joins the nodes and spreads the migrated database of this test process over them."""
    name = str(connection.settings_dict["NAME"])
    settings = connection.settings_dict
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS citus")
        cursor.execute(
            "SELECT citus_set_coordinator_host(%s, %s)",
            [settings["HOST"] or "localhost", int(settings["PORT"] or 5432)],
        )
    for entry in NODES:
        host, _, port = entry.rpartition(":")
        _prepare_node(host, port, name)
        with connection.cursor() as cursor:
            cursor.execute("SELECT citus_add_node(%s, %s)", [host, int(port)])
    call_command("distribute", shards=SHARDS, verbosity=0)
    connection.close()
