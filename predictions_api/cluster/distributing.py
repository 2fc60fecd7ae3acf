"""Spreads the tables over the nodes of a cluster, while the service runs.

Each step looks at what is there and does what is left, so a call that was interrupted is called
again. The foreign keys of tables that are spread are in the way meanwhile: they are dropped, kept
in a table of this module's own, and made again at the end.
"""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from predictions_api.cluster import nodes, tables
from predictions_api.postgres.spread.slots import FIRST, SLOTS
from predictions_api.postgres.sql import execute, fetch_all, fetch_one

#: Pieces of the tables: moving one is moving a part of this size of the whole.
SHARDS = 64
LOCK = 7_100_412
Say = Callable[[str], None]

KEPT_SQL = """
CREATE TABLE IF NOT EXISTS spread_foreign_key (
    name text PRIMARY KEY, of_table text NOT NULL, definition text NOT NULL, place bigserial)
"""
# Those of tables that are not spread yet. Dropped in one transaction with what keeps them.
KEEP_SQL = """
WITH found AS (
    SELECT c.conname, c.conrelid::regclass::text AS of_table, pg_get_constraintdef(c.oid) AS text
    FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = ANY(%s::regclass[])
)
INSERT INTO spread_foreign_key (name, of_table, definition)
SELECT conname, of_table, text FROM found ORDER BY of_table, conname
ON CONFLICT (name) DO NOTHING
"""
SPREAD_SQL = "SELECT logicalrelid::regclass::text FROM pg_dist_partition WHERE partmethod = %s"
SEQUENCES_SQL = """
SELECT t.name, pg_get_serial_sequence(t.name, 'id') FROM unnest(%s::text[]) AS t(name)
JOIN pg_attribute a ON a.attrelid = t.name::regclass AND a.attname = 'id' AND NOT a.attisdropped
JOIN pg_sequence s ON s.seqrelid = pg_get_serial_sequence(t.name, 'id')::regclass
WHERE s.seqincrement <> %s
"""
# Their statements do not name slots yet; they come back and look.
END_IDLE_SQL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle'
    AND usename = current_user AND application_name NOT LIKE 'citus%%'
"""


class Refused(Exception):
    """The database cannot be spread yet; the text names the call that mends it."""


def refusal() -> str | None:
    """Why the tables cannot be spread, and what to call; None where they can. Empty where there is
    nothing to do, for the server is one node.
    """
    found = nodes.engine()
    if not found.is_available:
        return ""
    if not found.is_created:
        return "The extension is missing. On every node: CREATE EXTENSION citus;"
    known = nodes.nodes()
    if not any(node.is_coordinator for node in known):
        return (
            "The coordinator does not know its own address. Here:"
            " SELECT citus_set_coordinator_host('HOST', PORT);"
        )
    if len(known) == 1:
        return "There is no other node. Here: SELECT citus_add_node('HOST', PORT);"
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "There are migrations to apply. Here: manage.py migrate"
    return None


def distribute(say: Say, *, shards: int = SHARDS) -> None:
    """Spreads what is not spread yet. Refused as `refusal`, and while another call is at it."""
    if reason := refusal():
        raise Refused(reason)
    if not _value("SELECT pg_try_advisory_lock(%s)", LOCK):
        raise Refused("Another call is at work. When it has ended, call it again if need be.")
    try:
        _leave_room(say)
        if missing := _missing(tables.KEYS, "h"):
            _drop_keys(missing, say)
        for table in _missing((tables.EVERYWHERE,), "n"):
            say(f"{table}: a copy on every node")
            execute("SELECT create_reference_table(%s)", [table])
        _spread(say, shards=shards)
        _restore_keys(say)
        say("analyzing")
        execute("ANALYZE", [])
    finally:
        execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _value(sql: str, *params: Any) -> Any:
    row = fetch_one(sql, params)
    return None if row is None else row[0]


def _missing(ways: tuple[str, ...], method: str) -> list[str]:
    """The tables that are to lie like that and do not yet."""
    there = {row[0] for row in fetch_all(SPREAD_SQL, [method])}
    if method == "n":
        copies = "SELECT table_name::text FROM citus_tables WHERE citus_table_type = 'reference'"
        there = {row[0] for row in fetch_all(copies, [])}
    return [table for table in tables.lying(*ways) if table not in there]


def _leave_room(say: Say) -> None:
    """From here on new ids carry slots."""
    found = fetch_all(SEQUENCES_SQL, [tables.lying(tables.SLOT), SLOTS])
    for table, sequence in found:
        highest = _value(f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608 - names of ours
        first = max(FIRST, (highest // SLOTS + 1) * SLOTS)
        execute(f"ALTER SEQUENCE {sequence} INCREMENT BY {SLOTS} RESTART WITH {first}", [])
    if found:
        n = _value(END_IDLE_SQL)
        say(f"new ids carry slots; {n} idle connections ended, to learn of it")


def _drop_keys(missing: list[str], say: Say) -> None:
    execute(KEPT_SQL, [])
    kept = execute(KEEP_SQL, [missing])
    rows = fetch_all("SELECT name, of_table FROM spread_foreign_key", [])
    for name, table in rows:
        execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}", [])
    say(f"{kept} foreign keys set aside")


def _spread(say: Say, *, shards: int) -> None:
    for key in tables.KEYS:
        first, *_ = named = tables.lying(key)
        missing = _missing((key,), "h")
        for table in named:
            if table not in missing:
                continue
            together = "none" if table == first else first
            is_empty = not _value(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608
            call = "create_distributed_table" + "_concurrently" * (not is_empty)
            say(f"{table}: by {key}" + ("" if is_empty else ", its rows moved as they are written"))
            if table == first:
                sql = f"SELECT {call}(%s, %s, colocate_with => %s, shard_count => %s)"
                execute(sql, [table, key, together, shards])
            else:
                execute(f"SELECT {call}(%s, %s, colocate_with => %s)", [table, key, together])


def _restore_keys(say: Say) -> None:
    if _value("SELECT to_regclass('spread_foreign_key')") is None:
        return
    kept = fetch_all("SELECT name, of_table, definition FROM spread_foreign_key ORDER BY place", [])
    for name, table, definition in kept:
        there = "SELECT 1 FROM pg_constraint WHERE conname = %s AND conrelid = %s::regclass"
        if _value(there, name, table) is None:
            text = f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID"
            execute(text, [])
        execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}", [])
        execute("DELETE FROM spread_foreign_key WHERE name = %s", [name])
    execute("DROP TABLE spread_foreign_key", [])
    if kept:
        say(f"{len(kept)} foreign keys made again")
