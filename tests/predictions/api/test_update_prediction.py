"""PATCH and PUT /api/predictions/{id}/."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import MLBackend, Prediction, Project, Task
from tests.conftest import (
    A_MOMENT,
    JUST_NOW,
    LONG_AGO,
    TEXT_CONFIG,
    Caller,
    MakeProject,
    MakeTask,
    assert_invalid,
    assert_refused,
    region,
    who_may_write,
)

Make = Callable[..., dict[str, Any]]
NO_PREDICTION = "No Prediction matches the given query."
REQUIRED = ["This field is required."]
NULL = ["This field may not be null."]
NO_FIT = ["A result must be a list of regions; this value fits no control of the labelling config."]


def unknown(pk: Any) -> list[str]:
    return [f'Invalid pk "{pk}" - object does not exist.']


@pytest.fixture
def made(ada: Caller, task: int, make_prediction: Make) -> dict[str, Any]:
    """A prediction with something in every field, of long ago."""
    document = make_prediction(
        ada,
        task,
        score=0.5,
        model_version="v1",
        cluster=3,
        neighbors=[1],
        mislabeling=0.25,
    )
    Prediction.objects.update(created_at=LONG_AGO, updated_at=LONG_AGO)
    Task.objects.update(updated_at=LONG_AGO, updated_by=None)
    return document


@pytest.fixture
def url(made: dict[str, Any]) -> str:
    return f"/api/predictions/{made['id']}/"


def test_patches_a_prediction(ada: Caller, task: int, made: dict[str, Any], url: str) -> None:
    body = {"score": None, "result": [region("Person")], "neighbors": {"b": 1, "a": 2}}

    response = ada.client.patch(url, body, format="json")

    assert response.status_code == 200
    assert list(response.json()) == list(made)
    assert response.json() == {
        **made,
        "score": None,
        "result": [region("Person")],
        "neighbors": {"b": 1, "a": 2},
        "created_ago": response.json()["created_ago"],
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": A_MOMENT,
    }
    assert ada.client.get(url).json() == response.json()
    touched = Task.objects.get(pk=task)
    assert touched.updated_by_id == ada.user.pk
    assert touched.updated_at > LONG_AGO


def test_an_empty_patch_touches_only_the_time(ada: Caller, made: dict[str, Any], url: str) -> None:
    response = ada.client.patch(url, {}, format="json")

    assert response.status_code == 200
    changed = {"updated_at": A_MOMENT, "created_at": "2020-01-01T00:00:00Z"}
    ago = response.json()["created_ago"]
    assert response.json() == {**made, **changed, "created_ago": ago}


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"score": "0.75"}, {"score": 0.75}),
        ({"model_version": " v2 "}, {"model_version": "v2"}),
        ({"model_version": ""}, {"model_version": ""}),
        ({"model_version": None}, {"model_version": ""}),
        ({"cluster": None}, {"cluster": None}),
        ({"neighbors": None}, {"neighbors": None}),
        ({"mislabeling": 2}, {"mislabeling": 2.0}),
        ({"result": []}, {"result": []}),
        ({"model": None, "model_run": None}, {}),
        ({"project": None}, {}),
        ({"id": 7, "created_at": "2000-01-01", "unheard_of": 1}, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["patch", "put"])
def test_writes_only_what_is_named(
    ada: Caller, task: int, made: dict[str, Any], url: str, method: str, body: Any, changed: Any
) -> None:
    if method == "put":
        # What a PUT leaves out keeps its value, but task and result must be there.
        body = {"task": task, "result": made["result"], **body}

    response = getattr(ada.client, method)(url, body, format="json")

    assert response.status_code == 200, response.content
    document = response.json()
    assert document == ada.client.get(url).json()
    volatile = ("created_ago", "created_at", "updated_at")
    assert {k: v for k, v in document.items() if k not in volatile} == {
        k: v for k, v in {**made, **changed}.items() if k not in volatile
    }


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"task": None}, {"task": NULL}),
        ({"task": 999999}, {"task": unknown(999999)}),
        ({"task": "x"}, {"task": ["Incorrect type. Expected pk value, received str."]}),
        ({"project": 999999}, {"project": unknown(999999)}),
        ({"model": 999999}, {"model": unknown(999999)}),
        ({"model_run": 1}, {"model_run": unknown(1)}),
        ({"result": None}, {"result": NULL}),
        ({"result": "Car"}, {"result": NO_FIT}),
        ({"result": {}}, {"result": NO_FIT}),
        (
            {"result": [1]},
            {"non_field_errors": ["Each item in prediction result should be dict"]},
        ),
        ({"score": "high"}, {"score": ["A valid number is required."]}),
        ({"score": "1_0"}, {"score": ["A valid number is required."]}),
        ({"score": "inf"}, {"score": ["A valid number is required."]}),
        ({"mislabeling": None}, {"mislabeling": NULL}),
        ({"cluster": 1.5}, {"cluster": ["A valid integer is required."]}),
        ({"model_version": []}, {"model_version": ["Not a valid string."]}),
        (
            [{"score": 1}],
            {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["patch", "put"])
def test_refuses(
    ada: Caller, task: int, made: dict[str, Any], url: str, method: str, body: Any, errors: Any
) -> None:
    if method == "put" and isinstance(body, dict):
        body = {"task": task, "result": [], **body}
    before = Prediction.objects.values().get()

    assert_invalid(getattr(ada.client, method)(url, body, format="json"), errors)
    assert Prediction.objects.values().get() == before


def test_put_needs_task_and_result(ada: Caller, url: str) -> None:
    response = ada.client.put(url, {"score": 0.5}, format="json")

    assert_invalid(response, {"result": REQUIRED, "task": REQUIRED})


@pytest.mark.parametrize("method", ["patch", "put"])
def test_an_unknown_id_comes_before_a_bad_body(ada: Caller, method: str) -> None:
    response = getattr(ada.client, method)(
        "/api/predictions/999999/", {"score": "x"}, format="json"
    )

    assert_refused(response, 404, NO_PREDICTION)


def test_moves_to_a_task_and_its_project(
    ada: Caller,
    project: Project,
    task: int,
    made: dict[str, Any],
    url: str,
    make_project: MakeProject,
    make_task: MakeTask,
) -> None:
    other = make_project(ada)
    target = make_task(ada, other)

    def totals() -> list[int]:
        tasks = [ada.client.get(f"/api/tasks/{pk}/").json() for pk in (task, target)]
        projects = [ada.client.get(f"/api/projects/{p.pk}/").json() for p in (project, other)]
        return [
            *(t["total_predictions"] for t in tasks),
            *(p["total_predictions_number"] for p in projects),
        ]

    assert totals() == [1, 0, 1, 0]
    Task.objects.update(updated_at=LONG_AGO)

    response = ada.client.patch(url, {"task": target}, format="json")

    assert response.status_code == 200
    assert (response.json()["task"], response.json()["project"]) == (target, other.pk)
    assert totals() == [0, 1, 0, 1]
    assert Task.objects.filter(updated_at__gt=LONG_AGO, updated_by=ada.user.pk).count() == 2


def test_a_project_named_alone_moves_nothing(
    ada: Caller, project: Project, url: str, make_project: MakeProject
) -> None:
    response = ada.client.patch(url, {"project": make_project(ada).pk}, format="json")

    assert (response.status_code, response.json()["project"]) == (200, project.pk)


def test_a_shorthand_is_read_by_the_new_tasks_config(
    ada: Caller, url: str, make_project: MakeProject, make_task: MakeTask
) -> None:
    target = make_task(ada, make_project(ada, TEXT_CONFIG), data={"text": "hi"})
    assert_invalid(ada.client.patch(url, {"result": "pos"}, format="json"), {"result": NO_FIT})

    response = ada.client.patch(url, {"result": "pos", "task": target}, format="json")

    assert response.json()["result"][0]["value"] == {"choices": ["pos"]}


def test_a_model_of_the_workspace(ada: Caller, project: Project, url: str) -> None:
    backend = MLBackend.objects.create(project=project, url="http://ml.example.com")

    response = ada.client.patch(url, {"model": str(backend.pk)}, format="json")

    assert response.json()["model"] == backend.pk


def test_a_form(ada: Caller, made: dict[str, Any], url: str) -> None:
    response = ada.client.patch(url, {"score": "0.125", "model_version": ""})

    assert response.status_code == 200, response.content
    assert response.json()["score"] == 0.125
    assert response.json()["model_version"] == ""
    assert response.json()["result"] == made["result"]


@pytest.mark.parametrize("method", ["patch", "put"])
def test_without_a_slash(ada: Caller, task: int, url: str, method: str) -> None:
    body = {"task": task, "result": []}

    response = getattr(ada.client, method)(url.rstrip("/"), body, format="json")

    assert response.status_code == 200
    assert response.json()["created_ago"] != JUST_NOW


@pytest.mark.parametrize("method", ["patch", "put"])
@who_may_write(200)
def test_permissions(
    someone: Callable[[str], APIClient],
    ada: Caller,
    task: int,
    url: str,
    method: str,
    who: str,
    status: int,
) -> None:
    response = getattr(someone(who), method)(
        url, {"task": task, "result": [], "score": 0.0}, format="json"
    )

    assert response.status_code == status, response.content
    assert (Prediction.objects.get().score == 0.0) == (status == 200)
    if who == "foreign":
        assert_refused(response, 404, NO_PREDICTION)


def test_the_number_of_statements(
    ada: Caller, task: int, url: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(3):
        ada.client.patch(url, {"score": 0.5}, format="json")
    with django_assert_num_queries(3):
        ada.client.put(url, {"task": task, "result": []}, format="json")
