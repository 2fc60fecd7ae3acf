"""A task that goes away between the look at it and the write: refused, never a 5xx."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from predictions.models import Prediction, Task
from tests import clustered
from tests.conftest import Caller, MakeProject, assert_invalid

pytestmark = pytest.mark.django_db(transaction=True)

# Not pg_stat_activity, which stands still within a transaction.
WAITING_SQL = "SELECT count(*) FROM pg_locks WHERE NOT granted"
if clustered.NODES:
    # Who waits does so on another node.
    WAITING_SQL = "SELECT count(*) FROM citus_lock_waits"


@pytest.fixture
def lost(
    ada: Caller, make_project: MakeProject, make_task: Callable[..., int]
) -> Callable[..., Any]:
    """The answer to a request that had to wait for the deletion of its task."""

    def send(method: str, path: str, body: Any) -> Any:
        client = APIClient(HTTP_AUTHORIZATION=f"Token {ada.key}")
        try:
            return getattr(client, method)(f"/api/{path}", body, format="json")
        finally:
            connection.close()

    def lose(task: int, method: str, path: str, body: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                Task.objects.filter(pk=task).delete()
                answer = pool.submit(send, method, path, body)
                with connection.cursor() as cursor:
                    waiting = 0
                    while not waiting and not answer.done():
                        cursor.execute(WAITING_SQL)
                        (waiting,) = cursor.fetchone()
                assert waiting, "the request did not wait for the deletion"
            return answer.result()

    return lose


@pytest.mark.parametrize("many", [False, True], ids=["one", "array"])
@pytest.mark.parametrize("query", ["", "?upsert=true"])
def test_create(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    lost: Callable[..., Any],
    many: bool,
    query: str,
) -> None:
    task = make_task(ada, make_project(ada))
    body = {"task": task, "result": []}

    response = lost(task, "post", f"predictions/{query}", [body] if many else body)

    errors = {"task": [f'Invalid pk "{task}" - object does not exist.']}
    assert_invalid(response, {"non_field_errors": [errors]} if many else errors)
    assert not Prediction.objects.exists()


def test_move(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    make_prediction: Callable[..., Any],
    lost: Callable[..., Any],
) -> None:
    project = make_project(ada)
    task, target = make_task(ada, project), make_task(ada, project)
    made = make_prediction(ada, task)

    response = lost(target, "patch", f"predictions/{made['id']}/", {"task": target})

    assert_invalid(response, {"task": [f'Invalid pk "{target}" - object does not exist.']})
    assert ada.client.get(f"/api/predictions/{made['id']}/").json() == made


def test_import(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    lost: Callable[..., Any],
) -> None:
    project = make_project(ada)
    task = make_task(ada, project)

    response = lost(
        task,
        "post",
        f"projects/{project.pk}/import/predictions",
        [{"task": task, "result": []}],
    )

    error = "A task was deleted during the import; nothing is stored."
    assert_invalid(response, {"non_field_errors": [error]})


def test_annotate(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    lost: Callable[..., Any],
) -> None:
    task = make_task(ada, make_project(ada))

    response = lost(task, "post", f"tasks/{task}/annotations/", {})

    error = "What this refers to was deleted meanwhile; nothing is stored."
    assert_invalid(response, {"non_field_errors": [error]})
