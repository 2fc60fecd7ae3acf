"""Hot requests on a cluster: by the engine's own counters and plans, one piece of it each."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from predictions_api.postgres.sql import is_spread
from tests.conftest import make_caller, region
from tests.predictions_api.cluster.test_spreading import distribute, made

pytestmark = pytest.mark.cluster

COUNTED_SQL = """
SELECT coalesce(sum(query_execution_single_shard), 0), coalesce(sum(query_execution_multi_shard), 0)
FROM citus_stat_counters WHERE name = current_database()
"""
TASKS = re.compile(r"Task Count: (\d+)")
PLANNED = re.compile(r"\s*(?:WITH|SELECT|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


@pytest.fixture
def requests(joined: str) -> Callable[[], None]:
    """What clients do all day, on a database that is spread."""
    ada = make_caller("ada@example.com", "lab")
    distribute()
    assert is_spread()
    project = made(ada, "Cars")
    task = ada.client.get(f"/api/tasks/?project={project}").json()["tasks"][0]["id"]
    get, post = ada.client.get, ada.client.post

    def send() -> None:
        body = {"task": task, "result": [region()], "model_version": "v2"}
        one = post("/api/predictions/", body, format="json").json()["id"]
        many = [{**body, "model_version": f"v{n}"} for n in range(3)]
        assert post("/api/predictions/", many, format="json").status_code == 201
        url, of_task = f"/api/predictions/{one}/", f"/api/tasks/{task}/"
        assert get(url).status_code == 200
        assert ada.client.patch(url, {"score": 0.7}, format="json").status_code == 200
        for query in (f"task={task}", f"project={project}&limit=5", f"project={project}"):
            assert b"".join(get(f"/api/predictions/?{query}"))
        assert get(of_task).status_code == 200
        assert get(f"/api/tasks/?project={project}&fields=all").status_code == 200
        assert get(f"/api/projects/{project}/").status_code == 200
        assert get(f"/api/projects/{project}/model-versions/?extended=true").status_code == 200
        made_ = post(f"{of_task}annotations/", {"result": []}, format="json").json()["id"]
        annotation = f"/api/annotations/{made_}/"
        truth = {"ground_truth": True}
        assert ada.client.patch(annotation, truth, format="json").status_code == 200
        assert get(f"{of_task}annotations/").status_code == 200
        assert ada.client.delete(annotation).status_code == 204
        assert ada.client.delete(url).status_code == 204

    return send


def counted(ask: Callable[..., list[Any]]) -> tuple[int, int]:
    [(single, multi)] = ask(COUNTED_SQL)
    return int(single), int(multi)


def test_no_statement_of_a_hot_request_asks_several_pieces(
    requests: Callable[[], None], ask: Callable[..., list[Any]]
) -> None:
    requests()
    single, multi = counted(ask)

    for _ in range(3):
        requests()

    now_single, now_multi = counted(ask)
    assert now_multi == multi
    assert now_single - single > 50


def test_each_plan_is_of_one_piece(requests: Callable[[], None], settings: Any) -> None:
    """Explained before it is executed; those that ask no table that is spread have no task."""
    settings.PREPARED_STATEMENTS = False
    found: dict[str, int] = {}

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if PLANNED.match(sql):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (COSTS off) {sql}", params)
                plan = "\n".join(row[0] for row in cursor.fetchall())
            found[sql] = max(map(int, TASKS.findall(plan)), default=0)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        requests()

    assert {sql: n for sql, n in found.items() if n > 1} == {}
    assert sum(found.values()) > 10
