"""The grid lists tasks by what is on them in the order of the API, in one pass over its rows."""

import json

import pytest
from django.db import connection

from predictions.db.curation.cards import card_page
from predictions.db.curation.listing import ids as listed
from predictions.db.reviews.neighbours import neighbours
from predictions.db.task_pages import page
from predictions.filters import children
from predictions.filters.tasks import TaskFilter, of_query
from predictions.models import Project
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all
from tests.clustered import NODES, one_node
from tests.conftest import Caller, region

SCORES: list[list[float | None]] = [
    [],
    [0.5],
    [0.9, 0.1],
    [None],
    [0.25, None, 0.5],
    [0.5],
    [-3.0],
]
COLUMNS = [*children.NUMBERS, *children.MOMENTS]


@pytest.fixture(autouse=True)
def tasks(ada: Caller, project: Project) -> None:
    """Tasks with predictions of these scores, and annotations some of which are skipped."""
    body = [
        {
            "data": {"image": f"{n}.jpg"},
            "predictions": [{"result": [region()], "score": score} for score in scores],
            "annotations": [{"result": [], "was_cancelled": k % 2 == 1} for k in range(n % 4)],
        }
        for n, scores in enumerate(SCORES)
    ]
    answer = ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    assert answer.status_code == 201, answer.content


def wanted(project: Project, order: str, *, filtered: bool = False) -> TaskFilter:
    item = {"filter": "total_predictions", "operator": "greater", "value": 0, "type": "Number"}
    group = {"conjunction": "and", "items": [item]}
    query = {"ordering": [order], **({"filters": group} if filtered else {})}
    return of_query(json.dumps(query), project_id=project.pk)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("falls", ["", "-"])
@pytest.mark.parametrize("filtered", [False, True])
def test_pages_have_the_order_of_the_api(
    ada: Caller, project: Project, column: str, falls: str, filtered: bool
) -> None:
    found = wanted(project, f"{falls}tasks:{column}", filtered=filtered)
    of_api = page(
        found, workspace_id=project.workspace_id, project_id=project.pk, limit=100, offset=0
    )
    order = [task["id"] for task in of_api]
    assert len(order) == len(SCORES) - filtered
    in_pages = [
        card.id
        for offset in range(0, len(SCORES) + 2, 2)
        for card in card_page(
            found, project_id=project.pk, limit=2, offset=offset, version=None
        ).cards
    ]
    assert in_pages == order
    assert neighbours(found, order[1], project_id=project.pk) == (order[0], order[2])


@one_node
@pytest.mark.parametrize("falls", ["", "-"])
def test_scores_are_read_from_the_index_alone(project: Project, falls: str) -> None:
    sql, params = listed(
        wanted(project, f"{falls}tasks:predictions_score"), project_id=project.pk, limit=24
    )
    with connection.cursor() as cursor:
        # Of seven tasks any plan is as good: what counts is that the index can serve it.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Only Scan using predictions_prediction_t_idx" in plan, plan
    assert "Seq Scan on predictions" not in plan, plan


# Fewer on a cluster, whose planner is not told of them: it would look at each pair.
N_MANY = 600 if NODES else 12_000
TASKS_SQL = """
INSERT INTO predictions_task
    (project_id, slot, data, meta, inner_id, overlap, created_at, updated_at)
SELECT %(project)s, %(slot)s, '{}', '{}', 100 + n, 1, now(), now()
FROM generate_series(1, %(n)s) n
"""
PREDICTIONS_SQL = """
INSERT INTO predictions_prediction
    (project_id, slot, task_id, result, model_version, score, mislabeling, created_at, updated_at)
SELECT %(project)s, %(slot)s, m.id, '[]', 'v' || k,
       CASE WHEN (m.inner_id * 7 + k) %% 10 > 0 THEN (m.inner_id * 7919 + k * 104729) %% 1009 END,
       0, now(), now()
FROM predictions_task m, generate_series(1, 3) k
WHERE m.slot = %(slot)s AND m.project_id = %(project)s AND m.inner_id > 100
"""
PLAIN_SQL = """
SELECT t.id FROM predictions_task t WHERE t.project_id = %s ORDER BY
(SELECT avg(q.score) FROM predictions_prediction q WHERE q.task_id = t.id) {0} NULLS LAST, t.id {0}
"""


@pytest.fixture
def many(project: Project) -> int:
    """N_MANY tasks more, with predictions; their slot."""
    slot = slots.of_project(project.pk)
    for sql in (TASKS_SQL, PREDICTIONS_SQL):
        execute(sql, {"project": project.pk, "slot": slot, "n": N_MANY})
    if not NODES:
        # The planner shall know of them, which a cluster does not allow within a transaction.
        execute("ANALYZE predictions_task, predictions_prediction", [])
    return slot


@pytest.mark.parametrize(("falls", "word"), [("", "ASC"), ("-", "DESC")])
def test_of_many_tasks_the_first_are_found_without_the_mean_of_each(
    project: Project, many: int, falls: str, word: str
) -> None:
    found = wanted(project, f"{falls}tasks:predictions_score")
    order = fetch_all(PLAIN_SQL.format(word), [project.pk], slot=many)
    assert len(order) == len(SCORES) + N_MANY
    for offset in (0, 24, 500, N_MANY - 10):
        sql, params = listed(found, project_id=project.pk, limit=24, offset=offset)
        assert fetch_all(sql, params, slot=many) == order[offset : offset + 24]
    if NODES:
        return  # A plan is read where all rows are.
    sql, params = listed(found, project_id=project.pk, limit=24)
    plan = [row[0] for row in fetch_all(f"EXPLAIN (ANALYZE, FORMAT TEXT) {sql}", params)]
    # The other half of the statement is there for pages that are further away.
    assert any("never executed" in line and "Join" in line for line in plan), plan
