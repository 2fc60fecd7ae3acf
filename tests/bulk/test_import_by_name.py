"""Imported predictions that name their task by `external_id` or `meta.image_id`."""

from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Prediction, Project, Task
from tests.conftest import RECORDED, Caller


@pytest.fixture
def url(project: Project) -> str:
    return f"/api/projects/{project.pk}/import"


@pytest.fixture
def tasks(ada: Caller, url: str) -> list[int]:
    """Named a, b, twice c; with image ids 1, "x", twice "y"; and one without a name."""
    body = [
        {"data": {"image": "0"}, "external_id": "a", "meta": {"image_id": 1}},
        {"data": {"image": "1"}, "external_id": "b", "meta": {"image_id": "x" * 300}},
        {"data": {"image": "2"}, "external_id": "c", "meta": {"image_id": "y"}},
        {"data": {"image": "3"}, "external_id": "c", "meta": {"image_id": "y"}},
        {"data": {"image": "4"}, "external_id": None, "meta": {"image_id": "x" * 299}},
        {"image": "5", "external_id": "flat"},
    ]
    answer = ada.client.post(f"{url}?return_task_ids=1", body, format="json")
    ids: list[int] = answer.json()["task_ids"]
    return ids


def post(caller: Caller, url: str, *items: Any) -> Any:
    return caller.client.post(f"{url}/predictions", list(items), format="json")


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ({"external_id": "a"}, 0),
        ({"external_id": "b"}, 1),
        ({"meta": {"image_id": 1}}, 0),
        ({"meta": {"image_id": "1"}}, 0),
        ({"meta": {"image_id": "x" * 300}}, 1),
        ({"meta": {"image_id": "x" * 299}}, 4),
        ({"external_id": "b", "meta": {"image_id": "y"}}, 1),
    ],
)
def test_a_name_finds_its_task(
    ada: Caller, url: str, tasks: list[int], name: dict[str, Any], index: int
) -> None:
    assert post(ada, url, {**name, "result": []}).status_code == 201
    assert Prediction.objects.get().task_id == tasks[index]


def test_an_id_goes_before_a_name(ada: Caller, url: str, tasks: list[int]) -> None:
    post(ada, url, {"task": tasks[1], "external_id": "a", "result": []})
    assert Prediction.objects.get().task_id == tasks[1]


def test_names_and_ids_together(
    ada: Caller, url: str, tasks: list[int], django_assert_num_queries: Any
) -> None:
    items = [
        {"external_id": "b", "result": []},
        {"task": tasks[0], "result": []},
        {"meta": {"image_id": 1}, "result": []},
    ]
    # The key, the project, savepoint and end, ids, and one for each kind of name.
    with django_assert_num_queries(8 + RECORDED):
        assert post(ada, url, *items).json()["created"] == 3
    stored = Prediction.objects.order_by("id").values_list("task_id", flat=True)
    assert list(stored) == [tasks[1], tasks[0], tasks[0]]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ({"external_id": "nobody"}, "No task has external_id 'nobody'"),
        ({"external_id": "flat"}, "No task has external_id 'flat'"),
        ({"external_id": "c"}, "external_id 'c' names 2 tasks of the project"),
        ({"external_id": None}, "external_id must be text of 1 to 255 characters"),
        ({"external_id": ""}, "external_id must be text of 1 to 255 characters"),
        ({"external_id": 7}, "external_id must be text of 1 to 255 characters"),
        ({"external_id": "\0"}, "Null characters are not allowed."),
        ({"meta": {"image_id": "y"}}, "meta.image_id 'y' names 2 tasks of the project"),
        ({"meta": {"image_id": 2}}, "No task has meta.image_id '2'"),
        (
            {"meta": {"image_id": True}},
            "meta.image_id must be text or a whole number, got True",
        ),
        ({"meta": {"image_id": "\0"}}, "Null characters are not allowed."),
        ({"meta": {}}, "Missing required field 'task'"),
        ({"meta": 7}, "Missing required field 'task'"),
    ],
)
def test_refuses(
    ada: Caller, url: str, tasks: list[int], name: dict[str, Any], reason: str
) -> None:
    response = post(ada, url, {**name, "result": []})
    found = response.json()["validation_errors"]["non_field_errors"]
    assert found == [f"Prediction 0: {reason}"]
    assert Prediction.objects.count() == 0


def test_names_of_another_project_mean_nothing(
    ada: Caller, tasks: list[int], make_project: Callable[..., Project]
) -> None:
    other = make_project(ada, title="Other")
    response = post(ada, f"/api/projects/{other.pk}/import", {"external_id": "a", "result": []})
    assert response.status_code == 400


@pytest.mark.parametrize("name", ["", "x" * 256, 7, "\0"])
def test_tasks_with_a_bad_name_are_refused(ada: Caller, url: str, name: Any) -> None:
    body = [{"data": {"image": "0"}, "external_id": name}]
    assert ada.client.post(url, body, format="json").status_code == 400
    assert Task.objects.count() == 0
