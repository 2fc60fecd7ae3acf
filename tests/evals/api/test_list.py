"""GET /:workspace/model-evals, and what the client asks before: POST / and GET /:workspace."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import load, tasks


@pytest.fixture
def make(ada: Caller, project: Project) -> Callable[..., ModelEval]:
    def make_evaluation(**fields: Any) -> ModelEval:
        defaults = {
            "workspace": ada.workspace,
            "project": project,
            "version_id": "1",
            "task_type": "object-detection",
            "matching": "iou-class-first/1",
        }
        return ModelEval.objects.create(**{**defaults, **fields})

    return make_evaluation


def listed(caller: Caller, **query: Any) -> list[str]:
    answer = caller.client.get("/lab/model-evals", query)
    assert answer.status_code == 200, answer.content
    return [one["evalId"] for one in answer.json()["evals"]]


def test_item(ada: Caller, make: Callable[..., ModelEval]) -> None:
    found = make(model_id="m-1", status="done")

    document = ada.client.get("/lab/model-evals").json()
    created = document["evals"][0].pop("createdAt")
    assert created == found.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert document == {
        "evals": [
            {
                "evalId": found.eval_id,
                "status": "done",
                "project": "cars",
                "versionId": "1",
                "modelId": "m-1",
                "modelUrl": None,
            }
        ]
    }
    assert len(found.eval_id) == 20
    assert found.eval_id.isalnum()


def test_filters(ada: Caller, make: Callable[..., ModelEval], make_project: MakeProject) -> None:
    other = make_project(ada, title="Trucks")
    a = make(model_id="m", status="done").eval_id
    b = make(version_id="2", status="failed").eval_id
    c = make(project=other, version_id="2").eval_id

    assert listed(ada) == [c, b, a]
    assert listed(ada, project="cars") == [b, a]
    assert listed(ada, project=str(other.pk)) == [c]
    assert listed(ada, version="2") == listed(ada, versionId="2") == [c, b]
    assert listed(ada, model="m") == listed(ada, modelId="m") == [a]
    assert listed(ada, status="running") == [c]
    assert listed(ada, project="cars", status="failed") == [b]
    assert listed(ada, limit=2) == [c, b]
    assert listed(ada, limit=100_000) == [c, b, a]
    assert listed(ada, project="nobody") == listed(ada, model="x") == listed(ada, version="9") == []


def test_an_empty_version_is_that_of_predictions_without_one(
    ada: Caller, make: Callable[..., ModelEval]
) -> None:
    """All evaluations of the workspace were listed."""
    make()
    unnamed = make(version_id="").eval_id

    assert listed(ada, version="") == listed(ada, versionId="") == [unnamed]


def test_a_number_is_the_id_whatever_projects_are_called(
    ada: Caller, project: Project, make_project: MakeProject
) -> None:
    """One called as another's id was evaluated in its place, and listed with it."""
    load(ada, project, tasks())
    called = make_project(ada, title=str(project.pk))
    assert called.slug == f"project-{project.pk}"
    load(ada, called, tasks())
    for one in (project, called):
        body = {"project": one.pk, "modelVersion": "v1"}
        asked = ada.client.post("/lab/model-evals", body, content_type="application/json")
        assert (asked.status_code, asked.json()["project"]) == (202, one.slug)
        assert listed(ada, project=str(one.pk)) == [asked.json()["evalId"]]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"project": "cars", "version": "1"}, "invalid_filter_combination"),
        ({"version": "1", "model": "m"}, "invalid_filter_combination"),
        ({"status": "queued"}, "invalid_status"),
        ({"limit": 0}, "invalid_pagination"),
        ({"limit": -5}, "invalid_pagination"),
        ({"limit": "many"}, "invalid_pagination"),
        ({"project": ""}, "invalid_request"),
        ({"model": ""}, "invalid_request"),
        ({"version": "", "project": "cars"}, "invalid_filter_combination"),
        ({"modelVersion": "v1"}, "invalid_request"),
    ],
)
def test_refuses(ada: Caller, query: dict[str, Any], code: str) -> None:
    answer = ada.client.get("/lab/model-evals", query)

    assert (answer.status_code, answer.json()["error"]) == (400, code)


@pytest.mark.parametrize("n", [1, 50])
def test_statements(
    ada: Caller, make: Callable[..., ModelEval], django_assert_num_queries: Any, n: int
) -> None:
    for _ in range(n):
        make()
    listed(ada)

    with django_assert_num_queries(3):
        assert len(listed(ada)) == n


def test_a_deleted_project_leaves_its_history(
    ada: Caller, make: Callable[..., ModelEval], project: Project
) -> None:
    make()
    ada.client.delete(f"/api/projects/{project.pk}/")

    assert ada.client.get("/lab/model-evals").json()["evals"][0]["project"] is None


@pytest.mark.parametrize("path", ["/", "//"])
def test_login(ada: Caller, path: str) -> None:
    client = APIClient(enforce_csrf_checks=True)

    answer = client.post(f"{path}?api_key={ada.key}")
    assert answer.status_code == 200
    assert answer.json()["workspace"] == "lab"


def test_workspace(rita: Caller, ada: Caller, project: Project) -> None:
    document = rita.client.get("/lab").json()["workspace"]

    assert document["name"] == "lab"
    assert document["url"] == "lab"
    assert document["members"] == 2
    [shown] = document["projects"]
    assert shown["id"] == "lab/cars"
    assert shown["name"] == "Cars"
    assert shown["type"] == "object-detection"
    assert shown["created"] == pytest.approx(project.created_at.timestamp())


@pytest.mark.parametrize("path", ["/lab/model-evals", "//lab/model-evals", "///lab/model-evals"])
def test_leading_slashes_are_one(ada: Caller, path: str) -> None:
    answer = APIClient().get("/", {"api_key": ada.key}, PATH_INFO=path)

    assert answer.json() == {"evals": []}


@pytest.mark.parametrize("path", ["/admin", "/api", "/static", "//api/version", "/api/model-evals"])
def test_own_routes_are_no_workspaces(ada: Caller, path: str) -> None:
    answer = APIClient().get("/", {"api_key": ada.key}, PATH_INFO=path)

    assert answer.status_code in {200, 301, 302, 404}
    assert b"workspace_not_found" not in answer.content


@pytest.mark.parametrize("path", ["/docs", "/health", "/ready", "/version", "/metrics"])
def test_own_routes_answer_as_ever(db: None, path: str) -> None:
    assert APIClient().get(path).status_code == 200


def test_a_trailing_slash_is_another_path(ada: Caller) -> None:
    assert APIClient().get("/lab/model-evals/", {"api_key": ada.key}).status_code == 404
