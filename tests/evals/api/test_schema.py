"""Answers of the evaluation routes are what the OpenAPI document promises."""

from typing import Any

import pytest

from evals.models import ModelEval
from predictions.models import Project
from tests.checking import contract
from tests.conftest import Caller
from tests.evals.conftest import computed, ids_of

pytestmark = pytest.mark.usefixtures("kept")

ONE = "/{workspace}/model-evals/{eval_id}"
PATHS = [
    "/{workspace}",
    "/{workspace}/model-evals",
    "/{workspace}/model-evals/compare",
    ONE,
    *(
        f"{ONE}/{panel}"
        for panel in (
            "map-results",
            "confidence-sweep",
            "performance-by-class",
            "confusion-matrix",
            "recommendations",
            "intervals",
            "image-predictions",
            "image-predictions/{image_id}",
            "diff/{other_id}",
        )
    ),
]


def documented(path: str, verb: str, status: int) -> Any:
    """The JSON schema of an answer."""
    document = contract()
    response = document.resolved(document.document["paths"][path][verb]["responses"][str(status)])
    return document.validator(response["content"]["application/json"]["schema"])


def errors(path: str, verb: str, answer: Any) -> list[str]:
    found = documented(path, verb, answer.status_code).iter_errors(answer.json())
    return [f"{error.instance_path}: {error.message[:200]}" for error in found]


@pytest.mark.parametrize("path", PATHS)
def test_answers(ada: Caller, evaluation: ModelEval, project: Project, path: str) -> None:
    names = {
        "{workspace}": "lab",
        "{eval_id}": evaluation.eval_id,
        "{other_id}": evaluation.eval_id,
        "{image_id}": ids_of(project)["two"],
    }
    asked = path
    for name, value in names.items():
        asked = asked.replace(name, value)
    query = {"project": "cars", "version": "v1"} if path.endswith("compare") else {}

    answer = ada.client.get(asked, query)
    assert answer.status_code == 200
    assert errors(path, "get", answer) == []


def test_states_of_an_evaluation(ada: Caller, project: Project, task_ids: list[int]) -> None:
    body = {"project": "cars", "modelVersion": "v1"}
    made = ada.client.post("/lab/model-evals", body, format="json")
    asked = f"/lab/model-evals/{made.json()['evalId']}"

    assert errors("/{workspace}/model-evals", "post", made) == []
    assert errors(ONE, "get", ada.client.get(asked)) == []
    cancelled = ada.client.post(f"{asked}/cancel")
    assert errors(f"{ONE}/cancel", "post", cancelled) == []


@pytest.mark.parametrize("query", ["", "?split=dev"])
def test_refusals(ada: Caller, project: Project, task_ids: list[int], query: str) -> None:
    found = computed(ada, project)
    ModelEval.objects.filter(pk=found.pk).update(status="running")
    path = f"{ONE}/confusion-matrix"

    answer = ada.client.get(f"/lab/model-evals/{found.eval_id}/confusion-matrix{query}")
    assert answer.status_code in {400, 409}
    assert errors(path, "get", answer) == []
    assert errors(path, "get", ada.client.get("/lab/model-evals/none/confusion-matrix")) == []
