"""How many connections the server has, of how many it allows."""

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
