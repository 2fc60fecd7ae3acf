"""?upsert=true: in place of the predictions of the same task and model version."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from predictions.models import Prediction, Project
from tests.conftest import Caller, MakeProject, MakeTask, assert_invalid

URL = "/api/predictions/?upsert=true"
Make = Callable[..., dict[str, Any]]


def test_replaces_every_prediction_of_task_and_version(
    ada: Caller, project: Project, task: int, make_task: MakeTask, make_prediction: Make
) -> None:
    other_task = make_task(ada, project)
    for _ in range(2):
        make_prediction(ada, task, model_version="v1")
    kept = [
        make_prediction(ada, task, model_version="v2"),
        make_prediction(ada, task),
        make_prediction(ada, other_task, model_version="v1"),
    ]

    response = ada.client.post(
        URL, {"task": task, "result": [], "model_version": "v1", "score": 0.5}, format="json"
    )

    assert response.status_code == 201
    assert ada.client.get("/api/predictions/").json() == [*kept, response.json()]
    assert response.json()["score"] == 0.5


def _box(name: str, *, left: float = 1.5, score: float = 0.5) -> dict[str, Any]:
    value = {"x": left, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["Car"]}
    tool = {"from_name": "label", "to_name": "image", "type": "rectanglelabels"}
    return {**tool, "id": name, "score": score, "value": value}


IMPORT = "/api/projects/{project}/import/predictions?upsert=true"
WAYS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    (URL, lambda body: body),
    (URL, lambda body: [body]),
    (IMPORT, lambda body: [body]),
]


@pytest.mark.parametrize(("url", "sent"), WAYS)
def test_annotations_follow_the_prediction_that_says_the_same(
    ada: Caller,
    project: Project,
    task: int,
    make_prediction: Make,
    url: str,
    sent: Callable[[dict[str, Any]], Any],
) -> None:
    def parents() -> list[int | None]:
        path = f"/api/tasks/{task}/annotations/"
        return [one["parent_prediction"] for one in ada.client.get(path).json()]

    made = make_prediction(ada, task, model_version="v1", result=[_box("a")])
    other = make_prediction(ada, task, model_version="v2", result=[_box("a")])
    for parent in (made["id"], other["id"], None):
        body = {"result": [_box("a")], "parent_prediction": parent}
        ada.client.post(f"/api/tasks/{task}/annotations/", body, format="json")
    before = parents()
    assert sorted(before, key=str) == sorted([made["id"], other["id"], None], key=str)

    same = {"task": task, "model_version": "v1", "result": [_box("new", score=0.25)]}
    answer = ada.client.post(url.format(project=project.pk), sent(same), format="json")
    assert answer.status_code == 201
    (new,) = Prediction.objects.filter(model_version="v1").values_list("pk", flat=True)
    assert parents() == [new if parent == made["id"] else parent for parent in before]

    different = {**same, "result": [_box("new", left=1.25)]}
    answer = ada.client.post(url.format(project=project.pk), sent(different), format="json")
    assert answer.status_code == 201
    assert parents() == [None if parent == made["id"] else parent for parent in before]


def test_the_empty_version_is_one_too(ada: Caller, task: int, make_prediction: Make) -> None:
    make_prediction(ada, task)

    response = ada.client.post(URL, {"task": task, "result": []}, format="json")

    assert ada.client.get("/api/predictions/").json() == [response.json()]


def test_a_refused_one_replaces_nothing(ada: Caller, task: int, make_prediction: Make) -> None:
    made = make_prediction(ada, task)

    for body in (
        {"task": task, "result": "Car"},
        [{"task": task, "result": []}, {"task": 999999, "result": []}],
    ):
        assert ada.client.post(URL, body, format="json").status_code == 400
    assert ada.client.get("/api/predictions/").json() == [made]


def test_a_validating_project(ada: Caller, project: Project, task: int) -> None:
    Project.objects.update(validate_predictions=True)

    for score in (0.25, 0.5):
        body = {"task": task, "result": [], "score": score}
        assert ada.client.post(URL, body, format="json").status_code == 201
    assert Prediction.objects.get().score == 0.5


def test_another_workspaces_task(
    ada: Caller, olga: Caller, task: int, make_prediction: Make
) -> None:
    made = make_prediction(ada, task)

    response = olga.client.post(URL, {"task": task, "result": []}, format="json")

    assert_invalid(response, {"task": [f'Invalid pk "{task}" - object does not exist.']})
    assert ada.client.get("/api/predictions/").json() == [made]


def test_an_array(
    ada: Caller, project: Project, task: int, make_task: MakeTask, make_prediction: Make
) -> None:
    other_task = make_task(ada, project)
    make_prediction(ada, task)
    body = [{"task": pk, "result": []} for pk in (other_task, task)]

    response = ada.client.post(URL, body, format="json")

    assert response.status_code == 201
    assert ada.client.get("/api/predictions/").json() == response.json()


def test_an_array_may_not_overwrite_itself(ada: Caller, task: int) -> None:
    body: list[dict[str, Any]] = [
        {"task": task, "result": [], "model_version": v} for v in ("a", "b", "a")
    ]

    response = ada.client.post(URL, body, format="json")

    repeated = {"non_field_errors": ["Repeats task and model_version of item 0."]}
    assert_invalid(response, {"non_field_errors": [{}, {}, repeated]})
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("value", ["yes", "2"])
def test_refuses_what_is_no_boolean(ada: Caller, task: int, value: str) -> None:
    response = ada.client.post(
        f"/api/predictions/?upsert={value}", {"task": task, "result": []}, format="json"
    )

    assert_invalid(response, {"upsert": ["Must be a valid boolean."]})


def in_threads(calls: list[Callable[[], Any]]) -> list[Any]:
    """The results of calls made at once, each on a connection of its own."""

    def closing(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(closing, calls))


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_leave_one(
    ada: Caller, make_project: MakeProject, make_task: MakeTask
) -> None:
    task = make_task(ada, make_project(ada))

    def writer(score: int) -> Callable[[], Any]:
        client = APIClient(HTTP_AUTHORIZATION=f"Token {ada.key}")
        body = {"task": task, "result": [], "model_version": "v", "score": score}
        return lambda: client.post(URL, body, format="json")

    responses = in_threads([writer(score) for score in range(8)])

    assert [response.status_code for response in responses] == [201] * 8
    assert Prediction.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_arrays_in_opposite_orders_never_wait_in_a_circle(
    ada: Caller, make_project: MakeProject, make_task: MakeTask
) -> None:
    project = make_project(ada)
    tasks = [make_task(ada, project) for _ in range(40)]

    def writer(order: list[int]) -> Callable[[], Any]:
        client = APIClient(HTTP_AUTHORIZATION=f"Token {ada.key}")
        body = [{"task": pk, "result": []} for pk in order]
        return lambda: client.post(URL, body, format="json")

    responses = in_threads([writer(order) for order in (tasks, tasks[::-1]) * 3])

    assert [response.status_code for response in responses] == [201] * 6
    assert Prediction.objects.count() == 40
