"""A cluster of few and of many predictions: pieces and pages that requests touch.

    DATABASE_URL=postgres://... python -m benchmarks cluster
    DATABASE_URL=postgres://... python benchmarks/bench_cluster.py [--many 10000000]

The database is one that `manage.py distribute` has spread, and nobody else's: the engine itself
fills it, with --few and then --many predictions over --projects projects of the workspace `bench`.
Each line is a request: the statements that asked one piece and those that asked several, by the
engine's own counters, and the pages that its reads touched with few and with many. Ends with exit
code 1 where a statement asked several.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")
os.environ.setdefault("DATA_DIR", str(ROOT / ".data" / "bench"))
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("DEBUG", "true")
# What is to be explained is written out.
os.environ["PREPARED_STATEMENTS"] = "false"

import django  # noqa: E402

django.setup()

import orjson  # noqa: E402
from django.db import connection  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from accounts import tokens  # noqa: E402
from predictions_api.postgres.spread.slots import FIRST, SLOTS  # noqa: E402
from predictions_api.postgres.sql import is_spread  # noqa: E402

OF_TASK = 10
BATCH = 500_000
# Ids as the service gives them: a number and the slot. All rows of a statement are of one table.
TASKS_SQL = """
INSERT INTO predictions_task
    (id, project_id, slot, data, meta, inner_id, overlap, created_at, updated_at)
SELECT n * {slots} + mod(j.id, {slots}), j.id, mod(j.id, {slots}), '{{"image": "x"}}', '{{}}',
       n, 1, now(), now()
FROM (SELECT n, (%(projects)s::bigint[])[1 + mod(n, %(n_projects)s)] AS id
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) n) j
"""
PREDICTIONS_SQL = """
INSERT INTO predictions_prediction
    (id, project_id, slot, task_id, result, model_version, score, mislabeling,
     created_at, updated_at)
SELECT n * {slots} + mod(j.id, {slots}), j.id, mod(j.id, {slots}),
       (%(base)s + (n - %(base)s) / {of_task}) * {slots} + mod(j.id, {slots}),
       '[{{"id": "r1", "type": "rectanglelabels", "value": {{"x": 1, "y": 1}}}}]',
       'v' || mod(n, 10), 0.5, 0, now(), now()
FROM (SELECT n, (%(projects)s::bigint[])[
          1 + mod(%(base)s + (n - %(base)s) / {of_task}, %(n_projects)s)] AS id
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) n) j
"""
FILLED = {"slots": SLOTS, "of_task": OF_TASK}
COUNTED_SQL = """
SELECT coalesce(sum(query_execution_single_shard), 0), coalesce(sum(query_execution_multi_shard), 0)
FROM citus_stat_counters WHERE name = current_database()
"""
# What is filled begins here, above all that the service gave.
BASE = FIRST // SLOTS * 2


def execute(sql: str, params: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def counted() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTED_SQL)
        single, multi = cursor.fetchone()
    return int(single), int(multi)


def is_counting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SHOW citus.enable_stat_counters")
        return bool(cursor.fetchone()[0] == "on")


def fill(projects: list[int], first: int, last: int) -> None:
    """Predictions number `first` up to `last`, and the tasks they are on."""
    for begin in range(first, last, BATCH):
        end = min(begin + BATCH, last)
        both = {"projects": projects, "n_projects": len(projects), "base": BASE}
        tasks = {"first": BASE + begin // OF_TASK, "last": BASE + (end - 1) // OF_TASK}
        execute(TASKS_SQL.format(**FILLED), {**both, **tasks})
        rows = {"first": BASE + begin, "last": BASE + end - 1}
        execute(PREDICTIONS_SQL.format(**FILLED), {**both, **rows})
    execute("ANALYZE predictions_task")
    execute("ANALYZE predictions_prediction")


def pages(plan: dict[str, Any]) -> int:
    """Pages that the pieces of a plan touched: the engine's own node has no count of its own."""
    own = plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
    jobs = plan.get("Distributed Query", {}).get("Job", {}).get("Tasks", [])
    inner = [part[0]["Plan"] for job in jobs for part in job.get("Remote Plan", [])]
    return int(own) + sum(pages(one) for one in inner)


def explained(call: Callable[[], Any]) -> int:
    """Pages of the reads of one request."""
    touched = 0

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal touched
        if "predictions_" in sql and sql.lstrip()[:6].upper() == "SELECT" and "FOR " not in sql:
            with connection.connection.cursor() as cursor:
                said = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
                cursor.execute(said, params)
                [found] = cursor.fetchone()
            document = found if isinstance(found, list) else orjson.loads(found)
            touched += pages(document[0]["Plan"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        call()
    return touched


def requests_of(client: APIClient, project: int, task: int) -> dict[str, Callable[[], Any]]:
    def body(path: str) -> bytes:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return b"".join(answer) if answer.streaming else answer.content

    [one, *_] = orjson.loads(body(f"/api/predictions/?task={task}"))
    new = {"task": task, "result": [], "model_version": "new"}

    def created() -> None:
        made = client.post("/api/predictions/", new, format="json")
        assert made.status_code == 201, made.content
        url = f"/api/predictions/{made.json()['id']}/"
        assert client.patch(url, {"score": 0.1}, format="json").status_code == 200
        assert client.delete(url).status_code == 204

    return {
        "get": lambda: body(f"/api/predictions/{one['id']}/"),
        "of a task": lambda: body(f"/api/predictions/?task={task}"),
        "page of a project": lambda: body(f"/api/predictions/?project={project}&limit=10"),
        "task": lambda: body(f"/api/tasks/{task}/"),
        "create, change, delete": created,
    }


def measured(client: APIClient, project: int, task: int) -> dict[str, tuple[int, int, int]]:
    """By request: statements on one piece and on several, and pages."""
    found = {}
    for name, call in requests_of(client, project, task).items():
        # Twice: plans are made, and the catalogue is read.
        call()
        before = counted()
        call()
        after = counted()
        found[name] = (after[0] - before[0], after[1] - before[1], explained(call))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=10_000_000)
    parser.add_argument("--projects", type=int, default=1_000)
    given = parser.parse_args()
    if not is_spread():
        sys.exit("This needs a cluster: DATABASE_URL, after manage.py distribute.")
    if not is_counting():
        sys.exit("The coordinator counts nothing: set citus.enable_stat_counters = on there.")
    _, key = tokens.create(
        email="bench@example.com", workspace_slug="bench", create_workspace=True, role="owner"
    )
    client = APIClient(HTTP_AUTHORIZATION=f"Token {key}", HTTP_HOST="localhost")
    made = [
        client.post("/api/projects/", {"title": f"Bench {n}"}, format="json").json()["id"]
        for n in range(given.projects)
    ]
    fill(made, 0, given.few)
    project = made[BASE % len(made)]
    task = BASE * SLOTS + project % SLOTS
    few = measured(client, project, task)
    fill(made, given.few, given.many)
    many = measured(client, project, task)
    print(f"{'':<24}{'one piece':>10}{'several':>9}{f'pages, {given.few:,}':>18}", end="")
    print(f"{f'pages, {given.many:,}':>20}")
    for name, (single, multi, touched) in many.items():
        print(f"{name:<24}{single:>10}{multi:>9}{few[name][2]:>18}{touched:>20}")
    return 1 if any(multi for _, multi, _ in many.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
