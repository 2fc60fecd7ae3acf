"""Empties the test database after a test that commits.

Django truncates every table and fills the tables of content types and permissions anew: half a
second, for tests that leave a few rows in a few tables.
"""

from typing import Any

import psycopg2.errors
from django.db import OperationalError, connection, transaction

# Made of the code by `migrate`; the same for all tests.
KEPT = ["django_migrations", "django_content_type", "auth_permission"]
# All other tables, and whether a trigger of ours may forbid to delete from them.
TABLES_SQL = """
SELECT quote_ident(c.relname),
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND c.relname <> ALL(%s)
"""
# Where more rows than this lie, truncating is faster.
MANY = 500
TRIES = 5


def empty(_: Any = None) -> None:
    """Deletes all rows. Waits for transactions that are still writing some, of processes that the
    test has killed; one that takes its locks in another order than we is met again."""
    for n in range(1, TRIES + 1):
        try:
            return _empty()
        except OperationalError as error:
            is_deadlock = isinstance(error.__cause__, psycopg2.errors.DeadlockDetected)
            if not is_deadlock or n == TRIES:
                raise


def _empty() -> None:
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(TABLES_SQL, [KEPT])
        is_guarded = dict(cursor.fetchall())
        cursor.execute(f"LOCK TABLE {', '.join(is_guarded)} IN SHARE ROW EXCLUSIVE MODE")
        counted = (
            f"SELECT '{table}', count(*) FROM (SELECT FROM {table} LIMIT {MANY + 1}) _"
            for table in is_guarded
        )
        cursor.execute(" UNION ALL ".join(counted))
        filled = {table: n_rows for table, n_rows in cursor.fetchall() if n_rows}
        if max(filled.values(), default=0) > MANY:
            cursor.execute(f"TRUNCATE {', '.join(is_guarded)}")
            return
        for table in sorted(filled, key=is_guarded.__getitem__, reverse=True):
            cursor.execute(f"{'TRUNCATE' if is_guarded[table] else 'DELETE FROM'} {table}")
