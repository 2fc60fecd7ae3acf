"""How Postgres plans the statement that finds what an evaluation compares."""

from typing import Any

import pytest
from django.db import connection

from evals.db.definition import OF_VERSION
from evals.db.snapshot import PLAN_SQL


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The plan's nodes, from the top."""
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes_of(child))]


@pytest.mark.django_db
def test_no_task_is_looked_for_among_all_others_while_rows_are_uncounted() -> None:
    params: dict[str, int | str] = {"project": 1, "version": "v1", "all": False}
    with connection.cursor() as cursor:
        # As just after an import: the tables count as empty, whatever earlier tests left.
        cursor.execute("TRUNCATE predictions_task CASCADE")
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'predictions_annotation'")
        assert cursor.fetchone()[0] <= 0
        chosen = {"of_version": OF_VERSION, "chosen": "t.project_id = %(project)s"}
        sql = PLAN_SQL.format(own="NULL", asked="", lengths="", **chosen)
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        nodes = nodes_of(cursor.fetchone()[0][0]["Plan"])
    loops = [node["Plans"][1] for node in nodes if node["Node Type"] == "Nested Loop"]
    assert {inner["Node Type"] for inner in loops} <= {"Index Scan"}
    assert not [node for node in nodes if node["Node Type"] == "CTE Scan"]
