"""GET /api/tasks/?project= and GET /api/projects/{id}/tasks/: pages that end in a 404."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import Project
from tests.conftest import Caller, assert_invalid, assert_refused, region, who_may_read

INVALID_CHOICE = ["Select a valid choice. That choice is not one of the available choices."]
Make = Callable[..., dict[str, Any]]


@pytest.fixture
def tasks(ada: Caller, project: Project) -> list[int]:
    """Five tasks: two predictions on each, an annotation on the first."""
    body = [
        {
            "data": {"image": "a.jpg", "n": n},
            "predictions": [{"result": [region()], "score": n}] * 2,
        }
        for n in range(5)
    ]
    body[0]["annotations"] = [{"result": []}]
    answer = ada.client.post(
        f"/api/projects/{project.pk}/import?return_task_ids=1", body, format="json"
    )
    ids: list[int] = answer.json()["task_ids"]
    return ids


def test_lists_tasks(ada: Caller, project: Project, tasks: list[int]) -> None:
    response = ada.client.get(f"/api/tasks/?project={project.pk}")

    assert response.status_code == 200
    page = response.json()
    assert list(page) == ["total_annotations", "total_predictions", "total", "tasks"]
    assert (page["total_annotations"], page["total_predictions"], page["total"]) == (1, 10, 5)
    assert [task["id"] for task in page["tasks"]] == tasks
    assert page["tasks"][0] == {
        "id": tasks[0],
        "data": {"image": "a.jpg", "n": 0},
        "meta": {},
        "created_at": page["tasks"][0]["created_at"],
        "updated_at": page["tasks"][0]["updated_at"],
        "is_labeled": True,
        "overlap": 1,
        "inner_id": 1,
        "total_annotations": 1,
        "cancelled_annotations": 0,
        "total_predictions": 2,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": project.pk,
        "updated_by": None,
        "file_upload": None,
        "comment_authors": [],
        "tags": [],
        "drafts": [],
    }


def test_all_fields_are_those_of_the_task(ada: Caller, project: Project, tasks: list[int]) -> None:
    page = ada.client.get(f"/api/tasks/?project={project.pk}&fields=all").json()

    assert page["tasks"] == [ada.client.get(f"/api/tasks/{pk}/").json() for pk in tasks]
    assert len(page["tasks"][0]["predictions"]) == 2


def test_includes_only_what_is_named(ada: Caller, project: Project, tasks: list[int]) -> None:
    url = f"/api/tasks?project={project.pk}"

    assert ada.client.get(f"{url}&include=id").json()["tasks"] == [{"id": pk} for pk in tasks]
    named = ada.client.get(f"{url}&include=inner_id,id,unheard_of").json()["tasks"]
    assert named[0] == {"inner_id": 1, "id": tasks[0]}


def test_the_pages_end_in_a_404(ada: Caller, project: Project, tasks: list[int]) -> None:
    url = f"/api/tasks/?project={project.pk}&fields=all&page_size=2"

    def page(n: int) -> list[int]:
        return [t["id"] for t in ada.client.get(f"{url}&page={n}").json()["tasks"]]

    assert [page(n) for n in (1, 2, 3)] == [tasks[:2], tasks[2:4], tasks[4:]]
    assert_refused(ada.client.get(f"{url}&page=4"), 404, "Invalid page.")


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "9" * 18, "9" * 5000])
def test_a_page_that_cannot_be(ada: Caller, project: Project, page: str) -> None:
    response = ada.client.get(f"/api/tasks/?project={project.pk}&page={page}")

    assert_refused(response, 404, "Invalid page.")


def test_the_first_page_of_nothing(ada: Caller, project: Project) -> None:
    url = f"/api/tasks/?project={project.pk}"

    assert ada.client.get(url).json() == {
        "total_annotations": 0,
        "total_predictions": 0,
        "total": 0,
        "tasks": [],
    }
    assert_refused(ada.client.get(f"{url}&page=2"), 404, "Invalid page.")


def test_lists_only_annotated_or_chosen_tasks(
    ada: Caller, project: Project, tasks: list[int], make_annotation: Make
) -> None:
    make_annotation(ada, tasks[3], was_cancelled=True)
    make_annotation(ada, tasks[4])
    make_annotation(ada, tasks[4])

    def listed(**query: Any) -> tuple[list[int], tuple[int, int, int]]:
        page = ada.client.get("/api/tasks/", {"project": project.pk, **query}).json()
        totals = (page["total"], page["total_annotations"], page["total_predictions"])
        return [task["id"] for task in page["tasks"]], totals

    everything = (tasks, (5, 3, 10))
    assert listed() == everything
    assert listed(only_annotated="false", review="false", resolve_uri="true") == everything
    assert listed(only_annotated="true") == ([tasks[0], tasks[4]], (2, 3, 4))
    assert listed(only_annotated="true", page_size=1, page=2) == ([tasks[4]], (2, 3, 4))
    these = json.dumps({"all": False, "included": [tasks[0], tasks[1]]})
    but_these = json.dumps({"all": True, "excluded": [tasks[0]]})
    assert listed(selectedItems=these) == (tasks[:2], (2, 1, 4))
    assert listed(selectedItems=but_these) == (tasks[1:], (4, 2, 8))
    assert listed(selectedItems=but_these, only_annotated="1") == ([tasks[4]], (1, 2, 2))
    query = json.dumps({"selectedItems": json.loads(these), "ordering": ["-tasks:id"]})
    assert listed(query=query) == (tasks[1::-1], (2, 1, 4))
    assert listed(query=query, selectedItems=but_these) == ([tasks[1]], (1, 0, 2))


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"only_annotated": "perhaps"}, {"only_annotated": ["Must be a valid boolean."]}),
        ({"review": "true"}, {"review": ["Tasks are not listed for review here."]}),
        ({"selectedItems": "[1]"}, {"selectedItems": ["The query is not a JSON object."]}),
        ({"selectedItems": "{"}, {"selectedItems": ["The query is not JSON."]}),
        (
            {"selectedItems": '{"all": false, "included": ["x"]}'},
            {"selectedItems": ["Expected a list of task ids."]},
        ),
    ],
    ids=repr,
)
def test_refuses_what_it_cannot_choose_by(
    ada: Caller, project: Project, query: dict[str, str], errors: Any
) -> None:
    asked = {"project": str(project.pk), **query}
    assert_invalid(ada.client.get("/api/tasks/", asked), errors)


@pytest.mark.parametrize("query", ["", "?project=", "?page=1"])
def test_a_project_must_be_named(ada: Caller, query: str) -> None:
    response = ada.client.get(f"/api/tasks/{query}")

    assert response.status_code == 404
    assert response.json() == {"detail": "Neither project nor view id specified"}


def test_refuses(ada: Caller, olga: Caller, project: Project) -> None:
    for client, pk in ((ada.client, 999999), (olga.client, project.pk)):
        response = client.get(f"/api/tasks/?project={pk}")
        assert_refused(response, 404, "No Project matches the given query.")
    assert_invalid(ada.client.get("/api/tasks/?project=abc"), {"project": INVALID_CHOICE})
    for size in ("0", "1001", "x"):
        assert_invalid(
            ada.client.get(f"/api/tasks/?project={project.pk}&page_size={size}"),
            {"page_size": ["Enter a whole number from 1 to 1000."]},
        )


def test_a_projects_own_list_is_an_array(ada: Caller, project: Project, tasks: list[int]) -> None:
    url = f"/api/projects/{project.pk}/tasks/"

    response = ada.client.get(url)

    assert response.json() == ada.client.get(f"/api/tasks/?project={project.pk}").json()["tasks"]
    assert [t["id"] for t in ada.client.get(f"{url}?page=2&page_size=3").json()] == tasks[3:]
    assert_refused(ada.client.get(f"{url}?page=2"), 404, "Invalid page.")
    assert_refused(ada.client.post(url, {}), 405, 'Method "POST" not allowed.')


@pytest.mark.parametrize("url", ["/api/tasks/?project={}", "/api/projects/{}/tasks/"])
@who_may_read()
def test_permissions(
    someone: Callable[[str], APIClient],
    ada: Caller,
    project: Project,
    url: str,
    who: str,
    status: int,
) -> None:
    assert someone(who).get(url.format(project.pk)).status_code == status


@pytest.mark.parametrize("n", [1, 50])
def test_the_number_of_statements(
    ada: Caller, project: Project, n: int, django_assert_num_queries: Any
) -> None:
    ada.client.get("/api/predictions/1/")
    task: dict[str, Any] = {
        "data": {"image": "a.jpg"},
        "predictions": [{"result": []}],
        "annotations": [{"result": []}],
    }
    ada.client.post(f"/api/projects/{project.pk}/import", [task] * n, format="json")
    url = f"/api/tasks/?project={project.pk}"

    with django_assert_num_queries(4):
        assert len(ada.client.get(url).json()["tasks"]) == n
    with django_assert_num_queries(6):
        assert len(ada.client.get(f"{url}&fields=all").json()["tasks"]) == n
    with django_assert_num_queries(3):
        assert len(ada.client.get(f"/api/projects/{project.pk}/tasks/").json()) == n
