"""How Postgres plans the statement that finds what an evaluation compares."""

from typing import Any

import pytest
from django.db import connection

from evals.db.definition import OF_NO_VERSION, OF_VERSION
from evals.db.snapshot.plan import FACTS_SQL, PLAN_SQL
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import of_slot
from tests.clustered import one_node
from tests.conftest import Caller, MakeProject

# Ten predictions of v1 and ten without a version among 20,000 of others of the same project.
MANY_SQL = """
INSERT INTO predictions_prediction (project_id, slot, task_id, result, model_version, mislabeling,
    created_at, updated_at)
SELECT %(project)s, %(slot)s, n, '[]', CASE WHEN n <= 10 THEN 'v1' WHEN n <= 15 THEN ''
    WHEN n > 20 THEN 'other' END, 0, now(), now()
FROM generate_series(1, 20000) n
"""


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
        sql = PLAN_SQL.format(data="''", own="NULL", asked="", lengths="", **chosen)
        cursor.execute(*of_slot(f"EXPLAIN (FORMAT JSON) {sql}", params, slots.of_project(1)))
        nodes = nodes_of(cursor.fetchone()[0][0]["Plan"])
    loops = [node["Plans"][1] for node in nodes if node["Node Type"] == "Nested Loop"]
    assert {inner["Node Type"] for inner in loops} <= {"Index Scan"}
    assert not [node for node in nodes if node["Node Type"] == "CTE Scan"]


@one_node
@pytest.mark.parametrize("version", [OF_VERSION, OF_NO_VERSION])
@pytest.mark.django_db
def test_predictions_of_a_version_are_found_by_their_index(
    ada: Caller, make_project: MakeProject, version: str
) -> None:
    """Also those without any, which are text or null, among many of others. How long a result is
    is asked of the chosen ones alone, one by one as they are fetched.
    """
    made = make_project(ada)
    params: dict[str, int | str] = {"project": made.pk, "version": "v1", "all": False}
    params["slot"] = slots.of_project(made.pk)
    chosen = {"of_version": version, "chosen": "true", "data": "''", "own": "NULL"}
    plan = PLAN_SQL.format(asked="", lengths="", **chosen)
    facts = FACTS_SQL.format(of_version=version)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(MANY_SQL, params)
        cursor.execute("ANALYZE predictions_prediction")
        for sql, keys in ((plan, ["predictions_prediction_pkey"]), (facts, [])):
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            reads = [
                node
                for node in nodes_of(cursor.fetchone()[0][0]["Plan"])
                if node.get("Relation Name", "") == "predictions_prediction"
            ]
            sizes = [one for one in reads if one["Parent Relationship"] == "SubPlan"]
            assert [one["Index Name"] for one in sizes] == keys
            found = [one for one in reads if one not in sizes]
            assert found
            for node in found:
                indexes = {one.get("Index Name") for one in nodes_of(node)} - {None}
                assert indexes == {"predictions_prediction_v_idx"}, node
