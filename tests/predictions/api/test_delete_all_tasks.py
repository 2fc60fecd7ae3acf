"""DELETE /api/projects/{id}/tasks/: every task of one project, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import RECORDED, Caller, MakeProject, assert_refused, region

NO_PROJECT = "No Project matches the given query."


@pytest.fixture
def full(ada: Caller, project: Project) -> Project:
    body = [
        {
            "data": {"image": f"{n}.jpg"},
            "predictions": [{"result": []}],
            "annotations": [{"result": [region()]}],
        }
        for n in range(3)
    ]
    ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    return project


def left() -> tuple[int, int, int]:
    return Task.objects.count(), Prediction.objects.count(), Annotation.objects.count()


@pytest.mark.parametrize("slash", ["", "/"])
def test_deletes_all_of_one_project(
    ada: Caller,
    full: Project,
    make_project: MakeProject,
    make_task: Callable[..., int],
    slash: str,
    django_assert_num_queries: Any,
) -> None:
    make_task(ada, make_project(ada, title="Other"))
    # Who calls, whether the project is theirs, and the deletion.
    with django_assert_num_queries(3 + RECORDED):
        response = ada.client.delete(f"/api/projects/{full.pk}/tasks{slash}")
    assert (response.status_code, response.content) == (204, b"")
    assert left() == (1, 0, 0)
    again = ada.client.delete(f"/api/projects/{full.pk}/tasks{slash}")
    assert again.status_code == 204


@pytest.mark.parametrize("name", ["ids", "view", "query"])
def test_chosen_tasks_are_not_all(ada: Caller, full: Project, name: str) -> None:
    """Nothing is deleted where somebody meant some of them."""
    path = f"/api/projects/{full.pk}/tasks/"
    answer = ada.client.delete(f"{path}?{name}=1")
    assert answer.status_code == 400
    assert answer.json()["validation_errors"] == {
        name: ["There is no such parameter: leave it out."]
    }
    answer = ada.client.delete(path, {"selectedItems": {"all": False}}, format="json")
    assert answer.status_code == 400
    assert "leave the body out" in answer.json()["validation_errors"]["non_field_errors"][0]
    assert left() == (3, 3, 3)
    assert ada.client.delete(path, {}, format="json").status_code == 204


def test_who_may(ada: Caller, rita: Caller, olga: Caller, full: Project) -> None:
    path = f"/api/projects/{full.pk}/tasks/"
    detail = "A reader may not change anything in this workspace."
    assert_refused(rita.client.delete(path), 403, detail)
    assert_refused(olga.client.delete(path), 404, NO_PROJECT)
    assert_refused(ada.client.delete("/api/projects/999999/tasks/"), 404, NO_PROJECT)
    assert left() == (3, 3, 3)
