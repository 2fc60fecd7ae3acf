"""Predictions that are posted without a model version are evaluated as the version ""."""

import pytest

from evals.jobs import run
from evals.models import ModelEval
from predictions.models import Project
from tests.accounts.test_admin import desk_of
from tests.conftest import Caller
from tests.evals.conftest import box, load
from tests.evals.desk.conftest import page

PATH = "/lab/model-evals"


def test_predictions_without_a_version(ada: Caller, project: Project) -> None:
    truth = {"result": [box("Car", 10, 10, 20, 20)], "ground_truth": True}
    said = [
        {"result": [box("Car", 10, 10, 20, 20, 0.9)], "model_version": ""},
        {"result": [box("Car", 50, 10, 20, 20, 0.9)], "model_version": "v1"},
    ]
    image = {"image": "http://images.test/a.jpg"}
    load(ada, project, [{"data": image, "annotations": [truth], "predictions": said}])
    body = {"project": str(project.pk), "modelVersion": ""}

    asked = ada.client.post(PATH, body, content_type="application/json")

    assert asked.status_code == 202, asked.content
    first = checked(ada, asked.json()["evalId"])
    again = ada.client.post(f"{PATH}/{first}/rerun")
    assert again.status_code == 202, again.content
    checked(ada, again.json()["evalId"])


def checked(caller: Caller, eval_id: str) -> str:
    """The id of an evaluation that is computed, and right."""
    evaluation = ModelEval.objects.get(eval_id=eval_id)
    run.run(evaluation.pk)
    document = caller.client.get(f"{PATH}/{eval_id}").json()
    names = (document["status"], document["versionId"], document["modelVersion"])
    assert names == ("done", "", "")
    assert document["summary"]["mAP"] == pytest.approx(1.0)
    desk = desk_of(caller)
    for path in (page(evaluation), "/admin/evals/modeleval/"):
        assert desk.get(path).status_code == 200
    return eval_id


def test_none_without_a_version(ada: Caller, project: Project) -> None:
    truth = {"result": [], "ground_truth": True}
    said = [{"result": [], "model_version": "v1"}]
    image = {"image": "http://images.test/a.jpg"}
    load(ada, project, [{"data": image, "annotations": [truth], "predictions": said}])
    body = {"project": str(project.pk), "modelVersion": " "}
    asked = ada.client.post(PATH, body, content_type="application/json")
    assert (asked.status_code, asked.json()["error"]) == (400, "no_predictions")
