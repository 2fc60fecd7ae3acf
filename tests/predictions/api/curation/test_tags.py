"""Tags: in the task document, by the actions, as a column of filters, and a project's list."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Project, TaskTag
from tests.conftest import Caller, assert_invalid, assert_refused, who_may_read, who_may_write

ALL = {"all": True}


@pytest.fixture
def tasks(ada: Caller, project: Project, make_task: Callable[..., int]) -> list[int]:
    """Four tasks: both tags, `night`, `blurred, dark`, none."""
    tags: tuple[list[str], ...] = (["night", "blurred, dark"], ["night"], ["blurred, dark"], [])
    return [make_task(ada, project, tags=names) for names in tags]


def act(caller: Caller, project: Project, action: str, body: Any) -> Any:
    url = f"/api/dm/actions/?id={action}&project={project.pk}"
    return caller.client.post(url, body, format="json")


def tags_of(caller: Caller, project: Project) -> list[list[str]]:
    page = caller.client.get(f"/api/tasks/?project={project.pk}&include=tags").json()
    return [task["tags"] for task in page["tasks"]]


def test_a_task_has_tags(ada: Caller, project: Project, make_task: Callable[..., int]) -> None:
    task = make_task(ada, project, tags=["b", "a", "b"])
    url = f"/api/tasks/{task}/"

    assert ada.client.get(url).json()["tags"] == ["a", "b"]
    patch = lambda body: ada.client.patch(url, body, format="json")  # noqa: E731
    assert patch({"tags": ["c", "a"]}).json()["tags"] == ["a", "c"]
    assert patch({"overlap": 2}).json()["tags"] == ["a", "c"]
    assert patch({"tags": []}).json()["tags"] == []
    assert_invalid(
        patch({"tags": ["x" * 101]}),
        {"tags": {"0": ["Ensure this field has no more than 100 characters."]}},
    )
    assert_invalid(patch({"tags": [""]}), {"tags": {"0": ["This field may not be blank."]}})
    assert patch({"tags": ["a\0"]}).status_code == 400
    assert not TaskTag.objects.exists()


def test_many_tasks_at_once(ada: Caller, project: Project, tasks: list[int]) -> None:
    some = {"selectedItems": {"all": False, "included": tasks[1:]}, "tags": ["night", "new"]}
    assert act(ada, project, "add_tags", some).json() == {
        "processed_items": 5,
        "detail": "Added 5 tags",
    }
    assert tags_of(ada, project) == [
        ["blurred, dark", "night"],
        ["new", "night"],
        ["blurred, dark", "new", "night"],
        ["new", "night"],
    ]
    off = {"selectedItems": ALL, "tags": ["night", "unheard of"]}
    assert act(ada, project, "remove_tags", off).json() == {
        "processed_items": 4,
        "detail": "Removed 4 tags",
    }
    assert tags_of(ada, project) == [
        ["blurred, dark"],
        ["new"],
        ["blurred, dark", "new"],
        ["new"],
    ]
    assert_invalid(
        act(ada, project, "add_tags", {"selectedItems": ALL}), {"tags": ["This field is required."]}
    )
    assert_invalid(
        act(ada, project, "add_tags", {"selectedItems": ALL, "tags": []}),
        {"tags": ["This list may not be empty."]},
    )


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("contains", "night", [0, 1]),
        ("equal", "blurred, dark", [0, 2]),
        ("contains", ["night", "blurred, dark"], [0, 1, 2]),
        ("in_list", ["night"], [0, 1]),
        ("not_contains", "night", [2, 3]),
        ("not_equal", "nigh", [0, 1, 2, 3]),
        ("not_in_list", ["night", "blurred, dark"], [3]),
        ("empty", True, [3]),
        ("empty", "false", [0, 1, 2]),
    ],
)
def test_filters(
    ada: Caller,
    project: Project,
    tasks: list[int],
    operator: str,
    value: Any,
    expected: list[int],
) -> None:
    item = {"filter": "filter:tasks:tags", "operator": operator, "value": value, "type": "List"}
    query = json.dumps({"filters": {"conjunction": "and", "items": [item]}})
    page = ada.client.get("/api/tasks/", {"project": str(project.pk), "query": query}).json()
    assert [tasks.index(task["id"]) for task in page["tasks"]] == expected


@pytest.mark.parametrize(
    ("operator", "value", "message"),
    [
        ("greater", "a", "The operator 'greater' does not go with tags."),
        ("contains", {"a": 1}, "{'a': 1} is not text."),
        ("empty", "perhaps", "'perhaps' is neither true nor false."),
    ],
)
def test_refuses(ada: Caller, project: Project, operator: str, value: Any, message: str) -> None:
    item = {"filter": "tasks:tags", "operator": operator, "value": value}
    query = json.dumps({"filters": {"conjunction": "and", "items": [item]}})
    answer = ada.client.get("/api/tasks/", {"project": str(project.pk), "query": query})
    assert_invalid(answer, {"query": [message]})


def test_the_tags_of_a_project(
    ada: Caller, olga: Caller, project: Project, tasks: list[int]
) -> None:
    url = f"/api/projects/{project.pk}/tags/"
    assert ada.client.get(url).json() == [
        {"name": "blurred, dark", "tasks": 2},
        {"name": "night", "tasks": 2},
    ]
    ada.client.delete(f"/api/tasks/{tasks[0]}/")
    assert [tag["tasks"] for tag in ada.client.get(url).json()] == [1, 1]
    assert_refused(olga.client.get(url), 404, "No Project matches the given query.")


@who_may_read()
def test_who_lists(who: str, status: int, someone: Any, project: Project) -> None:
    assert someone(who).get(f"/api/projects/{project.pk}/tags/").status_code == status


@who_may_write(200)
def test_who_tags(who: str, status: int, someone: Any, project: Project) -> None:
    url = f"/api/dm/actions/?id=add_tags&project={project.pk}"
    body = {"selectedItems": ALL, "tags": ["a"]}
    assert someone(who).post(url, body, format="json").status_code == status
