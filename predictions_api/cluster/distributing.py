"""Spreads the tables over the nodes of a cluster, while the service runs.

Each step looks at what is there and does what is left, so a call that was interrupted is called
again. The foreign keys of tables that are spread are in the way meanwhile: they are dropped, kept
in a table of this module's own, and made again at the end.
"""

import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from predictions_api.cluster import nodes, tables
from predictions_api.postgres.spread.slots import FIRST, SLOTS
from predictions_api.postgres.sql import execute, fetch_all, fetch_one

#: Pieces of the tables: moving one is moving a part of this size of the whole.
SHARDS = 64
LOCK = 7_100_412
Say = Callable[[str], None]

# Or a new table that points to a copied one would be bound to the coordinator by its key at once,
# and one with an identity never be spread. A server without the engine keeps it and does not look.
LET_NEW_TABLES_BE_SQL = "SET citus.enable_local_reference_table_foreign_keys = off"
BIND_TABLES_SQL = LET_NEW_TABLES_BE_SQL.replace("off", "on")
KEPT_SQL = """
CREATE TABLE IF NOT EXISTS spread_foreign_key (
    name text PRIMARY KEY, of_table text NOT NULL, definition text NOT NULL, place bigserial)
"""
# Those of tables that are not spread yet: kept first, and then dropped one by one.
KEEP_SQL = """
WITH found AS (
    SELECT c.conname, c.conrelid::regclass::text AS of_table, pg_get_constraintdef(c.oid) AS text
    FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = ANY(%s::regclass[])
)
INSERT INTO spread_foreign_key (name, of_table, definition)
SELECT conname, of_table, text FROM found ORDER BY of_table, conname
ON CONFLICT (name) DO NOTHING
"""
# Of tables on the coordinator that the engine does not know: their keys do not hold until then.
NEW_HERE_SQL = """
SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND conrelid = ANY(%s::regclass[])
    AND confrelid IN (SELECT table_name::oid FROM citus_tables)
"""
# By what the catalogue says of each column: a function of it would fail for a table without an id.
SEQUENCES_SQL = """
SELECT t.name, s.seqrelid::regclass::text, s.seqincrement FROM unnest(%s::text[]) AS t(name)
JOIN pg_attribute a ON a.attrelid = t.name::regclass AND a.attname = 'id'
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
    AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
JOIN pg_sequence s ON s.seqrelid = d.objid
"""
OTHERS_SQL = """
SELECT DISTINCT current_user::text, relowner::regrole::text FROM pg_class
WHERE oid = ANY(%s::regclass[]) AND NOT pg_has_role(relowner, 'USAGE')
"""
# Statements of connections that began before do not name slots: their new ids would lead nowhere.
CARRIES = "_carries_slot"
CHECKED_SQL = """
SELECT convalidated FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s
"""
# Of all connections that begin from then on. A transaction that has asked several nodes at once may
# not change what each of them has a copy of: it asks them one after the other.
IN_TURN_SQL = """
SELECT CASE WHEN pg_has_role(datdba, 'USAGE') THEN 'ALTER DATABASE '
        ELSE 'ALTER ROLE ' || quote_ident(current_user) || ' IN DATABASE ' END
    || quote_ident(datname) || ' SET citus.multi_shard_modify_mode = sequential'
FROM pg_database WHERE datname = current_database()
"""
#: What nodes write down of each change, so that rows can be moved while others write them.
MOVES_ROWS = "logical"
# How long such a connection may take to end what it is at.
PATIENCE_S = 60.0
OLD_SQL = """
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' AND application_name NOT LIKE 'citus%%'
    AND backend_start < %s
"""
COUNT_OLD_SQL = f"SELECT count(*) {OLD_SQL}"
# They come back and look.
END_OLD_SQL = f"""
SELECT count(pg_terminate_backend(pid)) {OLD_SQL} AND usename = current_user
    AND (state = 'idle' OR %s)
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
    if silent := nodes.silent():
        return (
            f"{', '.join(silent)} does not answer. Start it, or here:"
            " SELECT citus_remove_node('HOST', PORT);"
        )
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "There are migrations to apply. Here: manage.py migrate"
    if others := fetch_all(OTHERS_SQL, [sorted(tables.every())]):
        [(role, owner), *_] = others
        return (
            f"{role} does not own the tables. Call it with a DATABASE_URL of their owner, {owner}."
        )
    if any(map(_has_rows, _missing(*tables.KEYS))) and (
        unable := nodes.answering_else("SHOW wal_level", MOVES_ROWS)
    ):
        return (
            f"Tables with rows cannot be moved: {', '.join(unable)} runs without"
            f" wal_level = {MOVES_ROWS}. Set it in its postgresql.conf and start it anew."
        )
    return None


def _has_rows(table: str) -> bool:
    return bool(_value(f"SELECT EXISTS (SELECT FROM {table})"))  # noqa: S608 - names of ours


def distribute(say: Say, *, shards: int = SHARDS) -> None:
    """Spreads what is not spread yet. Refused as `refusal`, and while another call is at it."""
    if reason := refusal():
        raise Refused(reason)
    if not _value("SELECT pg_try_advisory_lock(%s)", LOCK):
        raise Refused("Another call is at work. When it has ended, call it again if need be.")
    try:
        execute(BIND_TABLES_SQL, [])
        execute(_value(IN_TURN_SQL), [])
        _leave_room(say)
        if missing := [*_missing(*tables.KEYS), *_new_here()]:
            _drop_keys(missing, say)
        for table in _missing(tables.EVERYWHERE):
            say(f"{table}: a copy on every node")
            execute("SELECT create_reference_table(%s)", [table])
        _spread(say, shards=shards)
        _restore_keys(say)
        _validate()
        say("analyzing")
        execute("ANALYZE", [])
    finally:
        execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        # This one would not learn of slots either.
        connection.close()


def _value(sql: str, *params: Any) -> Any:
    row = fetch_one(sql, params)
    return None if row is None else row[0]


def _missing(*ways: str) -> list[str]:
    """The tables that are to lie like that and do not yet."""
    there = nodes.lying()
    return [table for table in tables.lying(*ways) if there.get(table) not in ways]


def leave_new_tables() -> None:
    """On this connection new tables stay as they are made, until they are spread."""
    execute(LET_NEW_TABLES_BE_SQL, [])


def _new_here() -> list[str]:
    """Tables of the coordinator that a migration made after the others were spread."""
    there = nodes.lying()
    unknown = [table for table in tables.lying(tables.HERE) if table not in there]
    return [table for (table,) in fetch_all(NEW_HERE_SQL, [unknown])]


def _leave_room(say: Say) -> None:
    """From here on new ids carry slots, and none of them is given twice."""
    n_new = 0
    for table, sequence, increment in fetch_all(SEQUENCES_SQL, [tables.lying(tables.SLOT)]):
        highest = _value(f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608 - names of ours
        coming = f"SELECT last_value + CASE WHEN is_called THEN %s ELSE 0 END FROM {sequence}"  # noqa: S608
        first = max(FIRST, (highest // SLOTS + 1) * SLOTS)
        if increment != SLOTS:
            n_new += 1
            # A table with rows begins again at START when it is spread.
            room = f"INCREMENT BY {SLOTS} START WITH {first} RESTART WITH {first}"
            with transaction.atomic():
                _check(table)
                execute(f"ALTER SEQUENCE {sequence} {room}", [])
        elif _value(coming, SLOTS) < first:
            # The one of a table that is spread cannot be altered, but set.
            _value("SELECT setval(%s, %s, false)", sequence, first)
    if n_new:
        n = _end_older(_value("SELECT clock_timestamp()"))
        say(f"new ids carry slots; {n} connections ended, to learn of it")


def _check(table: str) -> None:
    """From here on who does not know of slots cannot store a row of the table."""
    name = table + CARRIES
    held = tables.checks().get(table)
    if held and _value(CHECKED_SQL, table, name) is None:
        text = f"ADD CONSTRAINT {name} CHECK ({held}) NOT VALID"
        execute(f"ALTER TABLE {table} {text}", [])


def _end_older(moment: Any) -> int:
    """Ends the connections that began before, when they are idle, at the latest after PATIENCE_S;
    how many.
    """
    n: int = 0
    deadline = time.monotonic() + PATIENCE_S
    while True:
        is_late = time.monotonic() > deadline
        n += _value(END_OLD_SQL, moment, is_late)
        if is_late or not _value(COUNT_OLD_SQL, moment):
            return n
        time.sleep(0.1)


def _validate() -> None:
    for table in tables.checks():
        name = table + CARRIES
        if _value(CHECKED_SQL, table, name) is False:
            execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}", [])


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
        missing = _missing(key)
        for table in named:
            if table not in missing:
                continue
            together = "none" if table == first else first
            is_empty = not _has_rows(table)
            call = "create_distributed_table" + "_concurrently" * (not is_empty)
            say(f"{table}: by {key}" + ("" if is_empty else ", its rows moved as they are written"))
            if table == first:
                sql = f"SELECT {call}(%s, %s, colocate_with => %s, shard_count => %s)"
                execute(sql, [table, key, together, shards])
            else:
                execute(f"SELECT {call}(%s, %s, colocate_with => %s)", [table, key, together])
            if not is_empty:
                _leave_room(say)


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
