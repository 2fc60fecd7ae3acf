"""/api/dm/views: saved filters and orders of a project's tasks."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Project, SavedView
from tests.conftest import (
    Caller,
    MakeProject,
    assert_invalid,
    assert_refused,
    who_may_read,
    who_may_write,
)

VIEWS = "/api/dm/views/"
FILTERS: dict[str, Any] = {
    "conjunction": "and",
    "items": [
        {
            "filter": "filter:tasks:data.n",
            "operator": "greater",
            "type": "Number",
            "value": 0,
        }
    ],
}
DATA = {"title": "Late", "filters": FILTERS, "ordering": ["-tasks:id"], "gridWidth": 4}


@pytest.fixture
def view(ada: Caller, project: Project) -> dict[str, Any]:
    """A view of the tasks with `n` above 0, the newest first."""
    body = {"project": project.pk, "data": DATA}
    answer = ada.client.post(VIEWS, body, format="json")
    assert answer.status_code == 201
    document: dict[str, Any] = answer.json()
    return document


def test_a_view_and_its_tasks(
    ada: Caller, project: Project, view: dict[str, Any], make_task: Callable[..., int]
) -> None:
    tasks = [make_task(ada, project, data={"image": "a.jpg", "n": n}) for n in range(3)]
    whole = {
        "id": view["id"],
        "data": DATA,
        "order": 0,
        "user": ada.user.pk,
        "project": project.pk,
    }
    assert view == whole
    assert ada.client.get(f"{VIEWS}{view['id']}/").json() == whole
    assert ada.client.get(VIEWS, {"project": project.pk}).json() == [whole]

    def listed(**query: Any) -> list[int]:
        page = ada.client.get("/api/tasks/", {"include": "id", **query}).json()
        return [task["id"] for task in page["tasks"]]

    assert listed(view=view["id"]) == [tasks[2], tasks[1]]
    assert listed(view=view["id"], project=project.pk) == [tasks[2], tasks[1]]
    # As the legacy client sends it with every list.
    everything = json.dumps({"filters": None, "ordering": [], "selectedItems": {"all": True}})
    assert listed(view=view["id"], query=everything) == [tasks[2], tasks[1]]
    assert listed(view=view["id"], query='{"ordering": ["tasks:id"]}') == [tasks[1], tasks[2]]
    only = json.dumps({"selectedItems": {"all": False, "included": tasks[:2]}})
    assert listed(view=view["id"], query=only) == [tasks[1]]
    narrower = {"conjunction": "or", "items": [{**FILTERS["items"][0], "value": 1}]}
    assert listed(view=view["id"], query=json.dumps({"filters": narrower})) == [tasks[2]]
    assert listed(view=view["id"], selectedItems='{"all": false, "included": []}') == []


def test_a_view_of_another_project_lists_none(
    ada: Caller, view: dict[str, Any], make_project: MakeProject, make_task: Callable[..., int]
) -> None:
    other = make_project(ada)
    make_task(ada, other, data={"image": "a.jpg", "n": 1})
    answer = ada.client.get("/api/tasks/", {"view": view["id"], "project": other.pk})
    assert_refused(answer, 404, "No View matches the given query.")


def test_changes(ada: Caller, project: Project, view: dict[str, Any]) -> None:
    url = f"{VIEWS}{view['id']}/"
    other = {"title": "All"}

    answer = ada.client.patch(url, {"data": other}, format="json")
    assert (answer.status_code, answer.json()["data"]) == (200, other)
    answer = ada.client.put(url, {"data": DATA, "project": project.pk}, format="json")
    assert (answer.status_code, answer.json()) == (200, view)
    assert ada.client.delete(url).status_code == 204
    assert_refused(ada.client.get(url), 404, "No View matches the given query.")


def test_order_and_reset(ada: Caller, project: Project, make_project: MakeProject) -> None:
    for title in "abc":
        body = {"project": project.pk, "data": {"title": title}}
        ada.client.post(VIEWS, body, format="json")
    other = make_project(ada)
    ada.client.post(VIEWS, {"project": other.pk}, format="json")
    a, b, c = SavedView.objects.filter(project=project).order_by("pk").values_list("pk", flat=True)

    body = {"project": project.pk, "ids": [c, a]}
    answer = ada.client.post(f"{VIEWS}order/", body, format="json")
    assert [(one["id"], one["order"]) for one in answer.json()] == [(c, 0), (a, 1), (b, 2)]
    unknown = {"project": project.pk, "ids": [999999]}
    assert_invalid(
        ada.client.post(f"{VIEWS}order/", unknown, format="json"),
        {"ids": ['Invalid pk "999999" - object does not exist.']},
    )
    assert ada.client.delete(f"{VIEWS}reset/?project={project.pk}").status_code == 204
    assert [one["project"] for one in ada.client.get(VIEWS).json()] == [other.pk]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"filters": [1]}, "filters is an object with conjunction and items."),
        ({"ordering": ["tasks:nothing"]}, "Tasks cannot be ordered by 'nothing'."),
        (
            {"filters": {"conjunction": "xor", "items": FILTERS["items"]}},
            'The conjunction is "and" or "or".',
        ),
        (
            {"ordering": ["tasks:evaluation.nobody.f1"]},
            "The project has no finished evaluation 'nobody'.",
        ),
    ],
)
def test_refuses_what_cannot_be_read(
    ada: Caller, project: Project, view: dict[str, Any], data: Any, message: str
) -> None:
    made = ada.client.post(VIEWS, {"project": project.pk, "data": data}, format="json")
    assert_invalid(made, {"data": [message]})
    changed = ada.client.patch(f"{VIEWS}{view['id']}/", {"data": data}, format="json")
    assert_invalid(changed, {"data": [message]})


def test_a_view_stays_in_its_project(
    ada: Caller, olga: Caller, view: dict[str, Any], make_project: MakeProject
) -> None:
    mine, theirs = make_project(ada), make_project(olga)
    moved = ada.client.patch(f"{VIEWS}{view['id']}/", {"project": mine.pk}, format="json")
    assert_invalid(moved, {"project": ["A view stays in its project."]})
    foreign = ada.client.post(VIEWS, {"project": theirs.pk}, format="json")
    unknown = {"project": [f'Invalid pk "{theirs.pk}" - object does not exist.']}
    assert_invalid(foreign, unknown)
    for answer in (
        ada.client.delete(f"{VIEWS}reset/?project={theirs.pk}"),
        ada.client.post(f"{VIEWS}order/", {"project": theirs.pk, "ids": []}, format="json"),
    ):
        assert_refused(answer, 404, "No Project matches the given query.")
    assert olga.client.get("/api/tasks/", {"view": view["id"]}).status_code == 404
    assert olga.client.get(VIEWS).json() == []


@who_may_read()
def test_who_reads(who: str, status: int, someone: Any, view: dict[str, Any]) -> None:
    assert someone(who).get(f"{VIEWS}{view['id']}/").status_code == status


@who_may_write(204)
def test_who_deletes(who: str, status: int, someone: Any, view: dict[str, Any]) -> None:
    assert someone(who).delete(f"{VIEWS}{view['id']}/").status_code == status
