"""How Postgres lists a project whose rows all come after those of others: from its index, and not
by reading the others' first.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.http import QueryDict
from pytest_django import DjangoDbBlocker

from predictions.db import prediction_lists, projects, task_pages, tasks
from predictions.db.curation import listing
from predictions.filters.predictions import filter_of
from predictions.filters.tasks import of_document
from predictions.filters.within import OWNED, by_id
from predictions.models import Project
from predictions.regions import labelling
from predictions_api.postgres.spread import slots
from predictions_api.postgres.spread.fields import spread_tables
from predictions_api.postgres.spread.naming import named
from predictions_api.postgres.sql import execute
from tests.bulk.conftest import insert_predictions, insert_tasks
from tests.bulk.test_plans import assert_by_index, index_names, plan_of
from tests.clustered import one_node
from tests.conftest import IMAGE_CONFIG, make_caller

pytestmark = [one_node, pytest.mark.django_db]

BLURRED = {
    "conjunction": "and",
    "items": [{"filter": "data.image", "operator": "greater", "value": 5, "type": "Number"}],
}
N_EARLIER, N_EACH, IN_TURN = 20, 1_000, 50


@pytest.fixture(scope="module")
def late(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Project]:
    """A project whose rows all come after those of others, which were written in turn."""
    with django_db_blocker.unblock():
        with transaction.atomic():
            ada = make_caller("ada@example.com", "lab")
            values = {"title": "Cars", "label_config": IMAGE_CONFIG}
            parsed = labelling.parse(IMAGE_CONFIG)
            *earlier, project = [
                projects.create_project(values, ada.access, parsed=parsed)
                for _ in range(N_EARLIER + 1)
            ]
            for _ in range(N_EACH // IN_TURN):
                for one in earlier:
                    insert_predictions(one.pk, insert_tasks(one.pk, IN_TURN), IN_TURN)
            insert_predictions(project.pk, insert_tasks(project.pk, N_EACH), N_EACH)
            execute("ANALYZE", [])
            yield project
            transaction.set_rollback(True)
        # Or the tables stay as large as they were.
        execute("VACUUM predictions_prediction, predictions_task", [])


def plans_of(sql: str, params: Any, slot: int) -> list[list[dict[str, Any]]]:
    """On one node, and on a cluster, where the slot is named."""
    return [plan_of(sql, params), plan_of(*named(sql, params, slot, spread_tables()))]


@pytest.mark.parametrize(
    "query", ["", "&after=5000", "&ordering=-id", "&ordering=-id&after=9999999", "&score_gte=0.2"]
)
def test_of_a_late_project_no_rows_of_others_are_read(late: Project, query: str) -> None:
    asked = QueryDict(f"project={late.pk}&limit=10{query}")
    wanted = filter_of(asked, workspace_id=late.workspace_id)
    slot = slots.of_project(late.pk)
    for nodes in plans_of(*prediction_lists.statement_of(wanted), slot):
        # Of some rows of the project, all may be found and sorted.
        assert_by_index(nodes, sorts="score" in query)
        assert "predictions_prediction_p_idx" in index_names(nodes)


@pytest.mark.parametrize("query", [{}, {"ordering": ["-tasks:id"]}, {"filters": BLURRED}], ids=str)
def test_of_a_late_project_no_tasks_of_others_are_read(late: Project, query: Any) -> None:
    wanted = of_document(query, project_id=late.pk)
    where, params = wanted.within(late.pk)
    sql = task_pages.PAGE_SQL.format(where=f"{OWNED} AND {where}", order=wanted.order_within[0])
    of_page = (sql, [late.pk, late.workspace_id, *params, 10, 0])
    for asked in (of_page, listing.ids(wanted, project_id=late.pk, limit=10)):
        for nodes in plans_of(*asked, slots.of_project(late.pk)):
            assert_by_index(nodes)
            assert "predictions_task_p_idx" in index_names(nodes)
            assert "predictions_task_pkey" not in index_names(nodes)


def test_of_a_late_project_the_first_page_of_its_tasks_is_read(late: Project) -> None:
    where, params = tasks.EVERY_TASK.where(late.pk, 0)
    sql = tasks.TASKS_SQL.format(where=where, order=by_id("t"))
    for nodes in plans_of(sql, [*params, 10], slots.of_project(late.pk)):
        assert_by_index(nodes)
        assert "predictions_task_p_idx" in index_names(nodes)
