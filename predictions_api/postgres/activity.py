"""How many connections the server has, of how many it allows, and how far its log has come."""

from django.db import connections

from predictions_api.postgres.sql import fetch_all, fetch_one


def connections_by_state() -> dict[str, int]:
    """Connections to this database by Postgres' own states: `active`, `idle`, `idle in transaction`
    and so on; `other` for those without one. One statement.
    """
    rows = fetch_all(
        "SELECT coalesce(state, 'other'), count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() GROUP BY 1 ORDER BY 1",
        [],
    )
    return dict(rows)


def most_connections() -> int:
    """How many connections the server allows in all. One statement."""
    row = fetch_one("SELECT current_setting('max_connections')::int", [])
    return int(row[0]) if row else 0


def log_end() -> str:
    """Where the server's log ends at this moment. One statement.

    What is written for others counts, too: a commit may be told before it is on disk
    (synchronous_commit=off).
    """
    row = fetch_one("SELECT pg_current_wal_insert_lsn()::text", [])
    assert row is not None
    return str(row[0])


def has_replayed(alias: str, end: str) -> bool:
    """Whether that database is a replica which has replayed the log up to there. One statement."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn", [end]
        )
        row = cursor.fetchone()
        return bool(row and row[0])
