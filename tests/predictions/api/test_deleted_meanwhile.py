"""A task or an ML backend that goes away between the look at it and the write: refused, never a
5xx, and no prediction names a backend that is gone.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from predictions.db import places, prediction_batches, predictions, projects
from predictions.models import MLBackend, Prediction, Task
from predictions_api.postgres.spread import slots
from tests import clustered
from tests.conftest import Caller, MakeProject, assert_invalid

pytestmark = pytest.mark.django_db(transaction=True)

# Not pg_stat_activity, which stands still within a transaction.
WAITING_SQL = "SELECT count(*) FROM pg_locks WHERE NOT granted"
if clustered.NODES:
    # Who waits does so on another node.
    WAITING_SQL = "SELECT count(*) FROM citus_lock_waits"


Waited = Callable[..., Any]


@pytest.fixture
def waited(ada: Caller) -> Waited:
    """The answer to a request that had to wait for a transaction in which something is done."""

    def send(method: str, path: str, body: Any) -> Any:
        client = APIClient(HTTP_AUTHORIZATION=f"Token {ada.key}")
        try:
            return getattr(client, method)(f"/api/{path}", body, format="json")
        finally:
            connection.close()

    def wait(do: Callable[[], Any], method: str, path: str, body: Any = None) -> Any:
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                do()
                answer = pool.submit(send, method, path, body)
                with connection.cursor() as cursor:
                    waiting = 0
                    while not waiting and not answer.done():
                        cursor.execute(WAITING_SQL)
                        (waiting,) = cursor.fetchone()
                assert waiting, "the request did not wait"
            return answer.result()

    return wait


@pytest.fixture
def lost(waited: Waited) -> Callable[..., Any]:
    """The answer to a request that had to wait for the deletion of its task."""

    def lose(task: int, method: str, path: str, body: Any) -> Any:
        return waited(Task.objects.filter(pk=task).delete, method, path, body)

    return lose


@pytest.fixture
def backend(ada: Caller, make_project: MakeProject) -> MLBackend:
    """Of another project than the predictions that name it."""
    return MLBackend.objects.create(project=make_project(ada), url="http://ml.example.com")


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


@pytest.mark.parametrize("query", ["", "?upsert=true"])
@pytest.mark.parametrize("how", ["post", "array", "patch"])
def test_an_ml_backend(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    make_prediction: Callable[..., Any],
    backend: MLBackend,
    waited: Waited,
    how: str,
    query: str,
) -> None:
    made = make_prediction(ada, make_task(ada, make_project(ada)))
    body = {"task": made["task"], "result": [], "model": backend.pk}
    method, path = "post", f"predictions/{query}"
    if how == "patch":
        method, path = "patch", f"predictions/{made['id']}/"

    response = waited(
        lambda: projects.delete_ml_backend(backend.pk),
        method,
        path,
        [body] if how == "array" else body,
    )

    errors = {"model": [f'Invalid pk "{backend.pk}" - object does not exist.']}
    assert_invalid(response, {"non_field_errors": [errors]} if how == "array" else errors)
    assert ada.client.get("/api/predictions/").json() == [made]


@pytest.mark.parametrize("deleted", ["ml", "projects"])
@pytest.mark.parametrize("how", ["create", "create_many", "update", "move"])
def test_an_ml_backend_that_a_prediction_names_meanwhile(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    make_prediction: Callable[..., Any],
    backend: MLBackend,
    waited: Waited,
    how: str,
    deleted: str,
) -> None:
    project = make_project(ada)
    other = next(
        other
        for other in (make_project(ada) for _ in range(100))
        if slots.of_project(other.pk) != slots.of_project(project.pk)
    )
    task, elsewhere = make_task(ada, project), make_task(ada, other)
    values = {"task": task, "result": [], "model": backend.pk}
    named = make_prediction(ada, task, **({"model": backend.pk} if how == "move" else {}))

    def name_it() -> None:
        if how == "create":
            predictions.create(values, ada.access)
        elif how == "create_many":
            prediction_batches.create_many([values, values], ada.access)
        else:
            place = places.target_of_prediction(named["id"], workspace_id=ada.workspace.pk)
            assert place is not None
            change = {"task": elsewhere} if how == "move" else {"model": backend.pk}
            predictions.update(named["id"], change, ada.access, place)

    ids = {"ml": backend.pk, "projects": backend.project_id}
    response = waited(name_it, "delete", f"{deleted}/{ids[deleted]}/")

    assert response.status_code == 204, response.content
    models = Prediction.objects.values_list("model", flat=True)
    assert list(models) == [None] * (1 + {"create": 1, "create_many": 2}.get(how, 0))
