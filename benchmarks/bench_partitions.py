"""Predictions in one table against the same rows in hash partitions by project.

Both have the store's columns and indexes; rows are spread over projects. Each line prints what one
statement of the store takes in either, best of some rounds, and the ratio: above 1 the partitions
are faster. `--rows` and `--partitions` say how many.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")
os.environ.setdefault("DATA_DIR", str(ROOT / ".data" / "bench"))
os.environ.setdefault("LOG_LEVEL", "WARNING")

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

N_PROJECTS = 100
ROUNDS = 7
SINGLE, PARTS = "bench_single", "bench_parts"
# As those of predictions_prediction; a partitioned table's primary key must hold its key.
INDEXES = ("project_id, id", "task_id, id", "project_id, left(model_version, 200), id")
COLUMNS = "id, project_id, task_id, result, model_version, score, mislabeling, created_at"
ROWS_SQL = """
INSERT INTO {table} ({columns}, updated_at)
SELECT n, 1 + n %% {projects}, n / 10, jsonb_build_array(jsonb_build_object(
           'id', n, 'from_name', 'label', 'to_name', 'image', 'type', 'rectanglelabels',
           'value', jsonb_build_object('x', n %% 100, 'y', 1, 'width', 2, 'height', 3))),
       'v' || n / {projects} %% 20, 0.5, 0, now(), now()
FROM generate_series(%s, %s) n
"""


def execute(sql: str, params: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def make(table: str, partitions: int) -> None:
    """An empty table, in partitions if there shall be any."""
    execute(f"DROP TABLE IF EXISTS {table}")
    by = " PARTITION BY HASH (project_id)" if partitions else ""
    execute(f"CREATE TABLE {table} (LIKE predictions_prediction){by}")
    for n in range(partitions):
        values = f"WITH (MODULUS {partitions}, REMAINDER {n})"
        execute(f"CREATE TABLE {table}_{n} PARTITION OF {table} FOR VALUES {values}")
    key = "id, project_id" if partitions else "id"
    execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({key})")
    for columns in INDEXES:
        execute(f"CREATE INDEX ON {table} ({columns})")


def fill(table: str, first: int, last: int) -> None:
    sql = ROWS_SQL.format(table=table, columns=COLUMNS, projects=N_PROJECTS)
    execute(sql, [first, last])


def once(work: Callable[[], object], *, keeps: bool) -> float:
    """Seconds; what was changed is undone, outside of them, unless it is kept."""
    if keeps:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    with transaction.atomic():
        started = time.perf_counter()
        work()
        passed = time.perf_counter() - started
        transaction.set_rollback(True)
    return passed


def statements(n: int) -> dict[str, Callable[[str], Any]]:
    """The store's statements, by name."""
    middle = n // 2
    page = "SELECT id, result::text FROM {} WHERE project_id = 7 AND id > %s ORDER BY id LIMIT 100"
    return {
        "first page of a project": lambda t: execute(page.format(t), [0]),
        "last page of a project": lambda t: execute(page.format(t), [n - 101 * N_PROJECTS]),
        "one by id": lambda t: execute(f"SELECT * FROM {t} WHERE id = %s", [middle]),
        "those of a task": lambda t: execute(f"SELECT * FROM {t} WHERE task_id = %s", [middle]),
        "count of a project": lambda t: execute(f"SELECT count(*) FROM {t} WHERE project_id = 7"),
        "delete a version": lambda t: execute(
            f"DELETE FROM {t} WHERE project_id = 7 AND left(model_version, 200) = 'v3'"
        ),
        "insert 20,000": lambda t: fill(t, n + 1, n + 20_000),
    }


def compare(name: str, work: Callable[[str], Any], *, rounds: int, keeps: bool = False) -> None:
    times: dict[str, list[float]] = {SINGLE: [], PARTS: []}
    for _ in range(rounds):
        for table, measured in times.items():
            measured.append(once(lambda t=table: work(t), keeps=keeps))  # type: ignore[misc]
    single, parts = min(times[SINGLE]) * 1000, min(times[PARTS]) * 1000
    print(f"{name:26} {single:10.2f} ms {parts:10.2f} ms  {single / parts:5.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=16)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    print(f"{options.rows:,} rows, {options.partitions} partitions{'single':>11}{'parts':>14}")
    for table, partitions in ((SINGLE, 0), (PARTS, options.partitions)):
        make(table, partitions)
        fill(table, 1, options.rows)
        execute(f"VACUUM ANALYZE {table}")
    for name, work in statements(options.rows).items():
        compare(name, work, rounds=ROUNDS)
    compare("vacuum of the whole", lambda t: execute(f"VACUUM {t}"), rounds=2, keeps=True)
    for table in (SINGLE, PARTS):
        execute(f"DROP TABLE {table}")


if __name__ == "__main__":
    main()
