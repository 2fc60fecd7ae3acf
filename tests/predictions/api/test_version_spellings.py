"""One model version has one name, whichever way it comes in and however it is written."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Prediction, Project
from tests.conftest import Caller

Send = Callable[[Caller, Project, int, Any], Any]


def post(caller: Caller, project: Project, task: int, version: Any) -> Any:
    body = {"task": task, "result": [], "model_version": version}
    return caller.client.post("/api/predictions/", body, format="json")


def post_many(caller: Caller, project: Project, task: int, version: Any) -> Any:
    body = [{"task": task, "result": [], "model_version": version}]
    return caller.client.post("/api/predictions/", body, format="json")


def change(caller: Caller, project: Project, task: int, version: Any) -> Any:
    made = post(caller, project, task, "other").json()
    path = f"/api/predictions/{made['id']}/"
    return caller.client.patch(path, {"model_version": version}, format="json")


def import_predictions(caller: Caller, project: Project, task: int, version: Any) -> Any:
    body = [{"task": task, "result": [], "model_version": version}]
    path = f"/api/projects/{project.pk}/import/predictions"
    return caller.client.post(path, body, format="json")


def import_tasks(caller: Caller, project: Project, task: int, version: Any) -> Any:
    predictions = [{"result": [], "model_version": version}]
    body = [{"data": {"image": "http://x.y/1.jpg"}, "predictions": predictions}]
    return caller.client.post(f"/api/projects/{project.pk}/import", body, format="json")


WAYS = [post, post_many, change, import_predictions, import_tasks]


@pytest.mark.parametrize("send", WAYS)
@pytest.mark.parametrize(
    ("version", "name"), [(" v1 ", "v1"), ("\tv1\n", "v1"), (5, "5"), (1.5, "1.5"), ("   ", "")]
)
def test_every_way_in(
    ada: Caller, project: Project, task: int, send: Send, version: Any, name: str
) -> None:
    response = send(ada, project, task, version)
    assert response.status_code in {200, 201}, response.content
    assert list(Prediction.objects.values_list("model_version", flat=True)) == [name]


@pytest.mark.parametrize("send", WAYS)
@pytest.mark.parametrize("version", [True, ["v1"], {"v": 1}], ids=repr)
def test_what_names_no_version_is_refused(
    ada: Caller, project: Project, task: int, send: Send, version: Any
) -> None:
    response = send(ada, project, task, version)
    assert response.status_code == 400, response.content
    assert not Prediction.objects.exclude(model_version="other").exists()


def test_every_way_of_asking(ada: Caller, project: Project, task: int) -> None:
    made = post(ada, project, task, "v1").json()
    where: Any = {"project": project.pk, "model_version": " v1 "}
    listed = ada.client.get("/api/predictions/", where)
    assert [row["id"] for row in listed.json()] == [made["id"]]
    column = {"filter": "filter:tasks:predictions_model_versions", "type": "String"}
    for operator, value, total in [("equal", " v1 ", 1), ("not_equal", " v1 ", 0)]:
        item = {**column, "operator": operator, "value": value}
        query = json.dumps({"filters": {"conjunction": "and", "items": [item]}})
        asked: Any = {"project": project.pk, "query": query}
        found = ada.client.get("/api/tasks/", asked)
        assert found.json()["total"] == total, operator
    versions = f"/api/projects/{project.pk}/model-versions/"
    gone = ada.client.delete(versions, {"model_version": " v1"}, format="json")
    assert gone.json() == {"deleted_predictions": 1}
    made = post(ada, project, task, 7).json()
    assert ada.client.get(versions).json() == {"7": 1}
    gone = ada.client.delete(versions, {"model_version": 7}, format="json")
    assert gone.json() == {"deleted_predictions": 1}
