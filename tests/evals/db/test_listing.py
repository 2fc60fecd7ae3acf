"""The grid lists tasks by what an evaluation counted in the order of the API, from an index."""

import json
from typing import Any

import pytest
from django.db import connection

from evals.db.columns import OF_ONE
from evals.models import ModelEval
from predictions.db.curation.cards import card_page
from predictions.db.curation.listing import ids as listed
from predictions.db.reviews.neighbours import neighbours
from predictions.db.task_pages import page
from predictions.filters.tasks import TaskFilter, of_query
from predictions.models import Project
from predictions_api.postgres.sql import is_spread
from tests import clustered
from tests.conftest import Caller
from tests.evals.conftest import computed, load, tasks

COLUMNS = [*(f"evaluation.{{}}.{name}" for name in OF_ONE), "agreement", "evaluation.{}.recall"]


@pytest.fixture
def evaluation(ada: Caller, project: Project) -> ModelEval:
    """Of three copies of the scene, in which the last task of each was not evaluated."""
    load(ada, project, [task for _ in range(3) for task in tasks()])
    return computed(ada, project)


def wanted(project: Project, order: str, *filters: Any) -> TaskFilter:
    query: dict[str, Any] = {"ordering": [order]}
    if filters:
        items = [
            {"filter": f"filter:tasks:{name}", "operator": "greater", "type": "Number", "value": n}
            for name, n in filters
        ]
        query["filters"] = {"conjunction": "and", "items": items}
    return of_query(json.dumps(query), project_id=project.pk)


def in_pages(found: TaskFilter, project: Project, size: int = 4) -> list[int]:
    """Ids of the cards, page by page."""
    ids: list[int] = []
    for offset in range(0, 20, size):
        part = card_page(found, project_id=project.pk, limit=size, offset=offset, version=None)
        ids += [card.id for card in part.cards]
    return ids


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("falls", ["", "-"])
def test_pages_have_the_order_of_the_api(
    ada: Caller, project: Project, evaluation: ModelEval, column: str, falls: str
) -> None:
    name = column.format(evaluation.eval_id)
    for filters in ((), ((name, 0),), (("id", 0), (name, -1))):
        found = wanted(project, f"{falls}tasks:{name}", *filters)
        assert (found.rows is None) == (is_spread() or column.endswith("recall"))
        by_api = page(
            found,
            workspace_id=project.workspace_id,
            project_id=project.pk,
            limit=100,
            offset=0,
        )
        order = [task["id"] for task in by_api]
        assert in_pages(found, project) == order
        if len(order) > 2:
            beside = neighbours(found, order[1], project_id=project.pk)
            assert beside == (order[0], order[2])
    # Those that the evaluation did not see come last.
    assert len(in_pages(wanted(project, f"{falls}tasks:{name}"), project)) == 15


@pytest.mark.skipif(bool(clustered.NODES), reason="on a cluster the tasks are on another node")
@pytest.mark.parametrize(
    ("column", "index"),
    [("evaluation.{}.errors", "evals_evalimage_e_idx"), ("agreement", "evals_evalimage_a_idx")],
)
@pytest.mark.parametrize("falls", ["", "-"])
def test_an_index_begins_the_list(
    project: Project, evaluation: ModelEval, column: str, index: str, falls: str
) -> None:
    name = column.format(evaluation.eval_id)
    found = wanted(project, f"{falls}tasks:{name}", (name, -1))
    sql, params = listed(found, project_id=project.pk, limit=24)
    with connection.cursor() as cursor:
        # Of fifteen tasks any plan is as good: what counts is that the index can serve it.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off")
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert index in plan, plan
