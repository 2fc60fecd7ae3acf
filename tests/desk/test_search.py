"""What Ctrl+K finds: everything that has a name, of one's own workspaces, as it is typed."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evals.models import ModelEval
from predictions.models import Project
from prompts.models import Prompt
from tests.conftest import Caller, desk_of, make_caller

pytestmark = pytest.mark.django_db

FOUND = re.compile(r'href="([^"]+)" data-title="([^"]*)" data-description="([^"]*)"')


def found(desk: Client, text: str) -> list[tuple[str, ...]]:
    answer = desk.get("/admin/search/", {"s": text, "extended": "1"})
    assert answer.status_code == 200
    return FOUND.findall(answer.content.decode())


@pytest.fixture
def task(ada: Caller, project: Project) -> int:
    """A task with all names, and a prediction of v2."""
    body = {
        "data": {"image": "http://x.y/1.jpg"},
        "meta": {"image_name": "night/Car 7.jpg", "image_id": "000007"},
    }
    made: dict[str, Any] = ada.client.post(
        f"/api/projects/{project.pk}/import?return_task_ids=1", [body], format="json"
    ).json()
    prediction = {"task": made["task_ids"][0], "result": [], "model_version": "V2"}
    ada.client.post("/api/predictions/", prediction, format="json")
    return int(made["task_ids"][0])


def test_everything_by_its_name(ada: Caller, project: Project, task: int) -> None:
    Project.objects.filter(pk=project.pk).update(title="Cars at night")
    prompt = Prompt.objects.create(workspace=ada.workspace, title="Is it a car?")
    evaluation = ModelEval.objects.create(
        workspace=ada.workspace, project=project, model_version="V2", status="done"
    )
    desk = desk_of(ada)
    at, of = f"/admin/predictions/task/{task}/review/", f"task {task} of Cars at night"
    page = f"/admin/predictions/project/{project.pk}/"
    expected = {
        "Cars": [(page, "Cars at night", f"project {project.pk}")],
        "night/Car 7.jpg": [(at, "night/Car 7.jpg", of)],
        "000007": [(at, "000007", of)],
        "V2": [
            (
                f"/admin/predictions/prediction/?project={project.pk}&amp;model_version=V2",
                "V2",
                "model version in Cars at night",
            ),
            (
                f"/admin/evals/modeleval/{evaluation.eval_id}/",
                "V2",
                f"evaluation {evaluation.eval_id} in Cars at night",
            ),
        ],
        "is it a": [
            (f"/admin/prompts/prompt/{prompt.pk}/change/", "Is it a car?", f"prompt {prompt.pk}")
        ],
        "ada@": [(f"/admin/accounts/user/{ada.user.pk}/change/", "ada@example.com", "person")],
        "lab": [(f"/admin/accounts/workspace/{ada.workspace.pk}/change/", "lab", "workspace")],
        "zzz": [],
        "x" * 300: [],
        "a\0b": [],
        "9" * 30: [],
    }  # fmt: skip
    assert {text: found(desk, text) for text in expected} == expected
    assert (at, f"Task {task}", of) in found(desk, f"#{task}")
    assert "Nothing is called" in desk.get("/admin/search/", {"s": "zzz"}).content.decode()
    assert desk.get("/admin/search/", {"s": "  "}).content == b""


def test_nothing_of_other_workspaces(
    ada: Caller, olga: Caller, project: Project, task: int
) -> None:
    desk = desk_of(olga)
    for text in (project.title, "night/Car 7.jpg", "000007", str(task), "V2", "ada@", "lab"):
        assert found(desk, text) == [], text


def test_who_left_a_workspace_finds_nothing_of_it_any_more(ada: Caller, project: Project) -> None:
    mia = make_caller("mia@example.com", "lab", "member")
    desk = desk_of(mia)
    assert found(desk, project.title)
    mia.user.memberships.all().delete()
    assert found(desk, project.title) == []


def test_the_number_of_statements(ada: Caller, project: Project) -> None:
    desk = desk_of(ada)
    counted = []
    for first, n in ((0, 1), (1, 49)):
        Project.objects.bulk_create(
            Project(workspace=ada.workspace, title=f"Dogs {i}", slug=f"dogs-{i}")
            for i in range(first, first + n)
        )
        with CaptureQueriesContext(connection) as asked:
            assert len(found(desk, "Dogs")) == min(first + n, 8)
        counted.append(len(asked))
    assert counted == [9, 9], "\n".join(one["sql"][:90] for one in asked)
