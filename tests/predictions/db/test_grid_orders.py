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
    assert "SubPlan" not in plan, plan
