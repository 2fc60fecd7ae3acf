"""How Postgres answers each list and filter of a large table: by an index, never by reading or
sorting the table. Plans are made for 50,000 analysed rows, 10,000 of them in the project asked for.
"""

from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict

from predictions.db import imports, places, prediction_lists, predictions, tasks, versions
from predictions.filters.predictions import filter_of
from tests.clustered import one_node

pytestmark = one_node


@pytest.fixture(scope="module")
def ids(django_db_setup: None, django_db_blocker: Any) -> Any:
    """Ids by name: a project of many rows among others, its workspace and a task of it."""
    from predictions.db import projects
    from predictions.regions import labelling
    from tests.bulk import conftest
    from tests.conftest import IMAGE_CONFIG, make_caller

    with django_db_blocker.unblock():
        from django.db import transaction

        with transaction.atomic():
            caller = make_caller("ada@example.com", "lab")
            parsed = labelling.parse(IMAGE_CONFIG)
            made = [
                projects.create_project(
                    {"title": "Cars", "label_config": IMAGE_CONFIG}, caller.access, parsed=parsed
                )
                for _ in range(3)
            ]
            for project, n_tasks, n in zip(
                made, (500, 2_000, 2_000), (5_000, 20_000, 20_000), strict=True
            ):
                found = conftest.insert_tasks(project.pk, n_tasks)
                conftest.insert_predictions(project.pk, found, n, 20)
            with connection.cursor() as cursor:
                # What earlier tests left of rows in the indexes, and of the planner's numbers,
                # shall not count.
                cursor.execute("REINDEX TABLE predictions_prediction")
                cursor.execute("REINDEX TABLE predictions_task")
                cursor.execute("ANALYZE")
                sql = "SELECT min(id) FROM predictions_task WHERE project_id = %s"
                cursor.execute(sql, [made[0].pk])
                task = cursor.fetchone()[0]
            yield {
                "project": made[0].pk,
                "workspace": caller.workspace.pk,
                "task": task,
                "access": caller.access,
            }
            transaction.set_rollback(True)


def nodes_of(plan: dict[str, Any], *, of_a_row: bool = False) -> list[dict[str, Any]]:
    """The plan's nodes, from the top. `Of A Row` are those that run once for each row of others."""
    of_a_row = of_a_row or plan.get("Parent Relationship") == "SubPlan"
    below = (nodes_of(child, of_a_row=of_a_row) for child in plan.get("Plans", ()))
    return [{**plan, "Of A Row": of_a_row}, *(node for nodes in below for node in nodes)]


def plan_of(sql: str, params: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        return nodes_of(cursor.fetchone()[0][0]["Plan"])


def assert_by_index(nodes: list[dict[str, Any]], *, sorts: bool = False) -> None:
    """No node reads a whole hot table; none sorts, unless what one row or one project has."""
    hot = {"predictions_prediction", "predictions_task"}
    for node in nodes:
        reads_all = node["Node Type"] == "Seq Scan" and node.get("Relation Name") in hot
        assert not reads_all, node
        assert sorts or node["Of A Row"] or "Sort" not in node["Node Type"], node


def index_names(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def list_plan(ids: dict[str, int], query: str) -> list[dict[str, Any]]:
    wanted = filter_of(QueryDict(query.format(**ids)), workspace_id=ids["workspace"])
    return plan_of(*prediction_lists.statement_of(wanted))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("project={project}&limit=100", "predictions_prediction_p_idx"),
        ("project={project}&limit=100&after=5000", "predictions_prediction_p_idx"),
        ("project={project}&limit=100&ordering=-id", "predictions_prediction_p_idx"),
        ("task__project={project}&limit=100", "predictions_prediction_p_idx"),
        ("task={task}", "predictions_prediction_t_idx"),
        ("task={task}&project={project}", "predictions_prediction_t_idx"),
        ("task={task}&limit=10", "predictions_prediction_t_idx"),
        ("project={project}&model_version=v3&limit=100", "predictions_prediction_v_idx"),
        ("project={project}&model_version=v3", "predictions_prediction_v_idx"),
        ("project={project}&model_version__isnull=true", "predictions_prediction_v_idx"),
        ("project={project}&score_gte=0.9&limit=100", "predictions_prediction_p_idx"),
        ("project={project}&score_lte=0.9&limit=100", "predictions_prediction_p_idx"),
        ("project={project}&created_after=2020-01-01&limit=100", "predictions_prediction_p_idx"),
        ("project={project}&created_before=2099-01-01&limit=100", "predictions_prediction_p_idx"),
    ],
)
def test_lists_go_by_an_index_and_sort_nothing(ids: dict[str, int], query: str, index: str) -> None:
    nodes = list_plan(ids, query)
    # What one task or one version has may be sorted: that is no sort of the table.
    assert_by_index(nodes, sorts="task=" in query or "model_version" in query)
    assert index in index_names(nodes)


@pytest.mark.django_db
def test_a_workspaces_list_goes_by_primary_key(ids: dict[str, int]) -> None:
    nodes = list_plan(ids, "limit=100")
    assert_by_index(nodes)
    assert "predictions_prediction_pkey" in index_names(nodes)


@pytest.mark.django_db
def test_a_streamed_project_starts_at_once(ids: dict[str, int]) -> None:
    wanted = filter_of(QueryDict(f"project={ids['project']}"), workspace_id=ids["workspace"])
    sql, params = prediction_lists.statement_of(wanted)
    nodes = plan_of(f"DECLARE c NO SCROLL CURSOR FOR {sql}", params)
    assert nodes[0]["Startup Cost"] < 100
    assert_by_index(nodes)


@pytest.mark.django_db
@pytest.mark.parametrize("place", ["task={task}", "project={project}"])
@pytest.mark.parametrize("ordering", ["score", "-score", "created_at", "-updated_at"])
def test_other_orders_sort_one_task_or_project_at_most(
    ids: dict[str, int], place: str, ordering: str
) -> None:
    nodes = list_plan(ids, f"{place}&ordering={ordering}&limit=10")
    assert_by_index(nodes, sorts=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sql", "params"),
    [
        (prediction_lists.PREDICTION_SQL, ["task", "workspace"]),
        (places.TASK_TARGET_SQL, ["task", "workspace"]),
        (places.PREDICTION_TARGET_SQL, ["task", "workspace"]),
        (tasks.ONE_TASK_SQL, ["workspace", "task"]),
        (predictions.DELETE_SQL, ["task", "workspace", "task"]),
    ],
)
def test_single_rows_go_by_their_key(ids: dict[str, int], sql: str, params: list[str]) -> None:
    assert_by_index(plan_of(sql, [ids[name] for name in params]))


def plans_of_prepared() -> dict[str, tuple[int, int]]:
    """The connection's prepared statements: how often each was run, and planned for its values."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement, generic_plans + custom_plans, custom_plans"
            " FROM pg_prepared_statements"
        )
        return {statement: (n_runs, n_plans) for statement, n_runs, n_plans in cursor.fetchall()}


def forget_prepared() -> None:
    """As of a new connection: what tests before this one ran on small tables was planned anew each
    time, and goes on to be.
    """
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    connection.statements.calls.clear()  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_prepared_statements_are_planned_five_times(ids: Any) -> None:
    forget_prepared()
    access, regions = ids["access"], [{"type": "choices", "value": {"choices": ["Car"]}}]
    for _ in range(8):
        values = {"task": ids["task"], "result": regions, "model_version": "v9"}
        made = predictions.create(values, access)["id"]
        for change in ({"score": 0.5}, {"model_version": "v8"}, {"score": 0.5, "result": regions}):
            place = places.target_of_prediction(made, workspace_id=access.workspace_id)
            assert place is not None
            predictions.update(made, change, access, place)
        assert prediction_lists.prediction(made, workspace_id=access.workspace_id)
        wanted = filter_of(QueryDict(f"task={ids['task']}"), workspace_id=access.workspace_id)
        assert len(prediction_lists.page(wanted)) > 0
        predictions.delete(made, access)
    # After five plans Postgres keeps one, unless it expects planning anew to be cheaper.
    found = {text: n for text, (n_runs, n) in plans_of_prepared().items() if n_runs >= 8}
    assert len(found) >= 8
    assert {text: n for text, n in found.items() if n > 5} == {}


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["v3", "", None])
def test_a_version_is_deleted_by_its_index(ids: dict[str, int], version: str | None) -> None:
    nodes = plan_of(*versions.version_delete(ids["project"], version))
    assert_by_index(nodes)
    assert "predictions_prediction_v_idx" in index_names(nodes)


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["external_id", "meta.image_id"])
def test_names_of_tasks_go_by_their_index(ids: dict[str, int], column: str) -> None:
    index = {"external_id": "predictions_task_e_idx", "meta.image_id": "predictions_task_i_idx"}
    params = {"project": ids["project"], "names": ["a"], "stems": ["a"]}
    nodes = plan_of(imports.LOOKUPS[column], params)
    assert index[column] in index_names(nodes)


def test_these_are_all_the_indexes(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename, array_agg(replace(indexname, tablename, '') ORDER BY 1)"
            " FROM pg_indexes WHERE tablename IN ('predictions_prediction', 'predictions_task')"
            " GROUP BY 1"
        )
        found = {row[0]: set(row[1]) for row in cursor.fetchall()}
    assert found == {
        "predictions_prediction": {"_pkey", "_p_idx", "_t_idx", "_v_idx", "_m_idx", "_r_idx"},
        "predictions_task": {"_pkey", "_p_idx", "_e_idx", "_i_idx", "_n_idx"},
    }
