"""Predictions without a model version, posted so or with null, are evaluated as the version ""."""

import pytest

from evals.documents.document import moment
from evals.jobs import run
from evals.models import ModelEval
from predictions.models import Prediction, Project
from tests.conftest import Caller, desk_of
from tests.evals.conftest import box, load
from tests.evals.desk.conftest import page

PATH = "/lab/model-evals"


@pytest.mark.parametrize("version", ["", None])
def test_predictions_without_a_version(ada: Caller, project: Project, version: str | None) -> None:
    truth = {"result": [box("Car", 10, 10, 20, 20)], "ground_truth": True}
    said = [
        {"result": [box("Car", 10, 10, 20, 20, 0.9)], "model_version": version},
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


def test_of_empty_and_null_the_newest_prediction_of_a_task_counts(
    ada: Caller, project: Project
) -> None:
    right, wrong = [box("Car", 10, 10, 20, 20, 0.9)], [box("Car", 60, 60, 20, 20, 0.9)]
    truth = {"result": [box("Car", 10, 10, 20, 20)], "ground_truth": True}
    for old, new in (("", None), (None, "")):
        said = [
            {"result": wrong, "model_version": old},
            {"result": right, "model_version": new},
            {"result": wrong, "model_version": "v1"},
        ]
        image = {"image": "http://images.test/a.jpg"}
        load(ada, project, [{"data": image, "annotations": [truth], "predictions": said}])
    asked = ada.client.post(
        PATH, {"project": str(project.pk), "modelVersion": ""}, content_type="application/json"
    )
    eval_id = checked(ada, asked.json()["evalId"])
    snapshot = ada.client.get(f"{PATH}/{eval_id}").json()["snapshot"]
    newest = Prediction.objects.exclude(model_version="v1").latest("updated_at").updated_at
    assert (snapshot["predictions"], snapshot["newestPredictionAt"]) == (2, moment(newest))


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
