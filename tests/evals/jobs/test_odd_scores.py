"""Scores that are no confidences: they are counted as they are, and the evaluation says so."""

from typing import Any

import pytest

from predictions.models import Project
from tests.conftest import TEXT_CONFIG, Caller, MakeProject
from tests.evals.conftest import box, computed, load, task

Json = dict[str, Any]
MESSAGE = (
    "{n} predicted regions have a score below 0 or above 1. Confidences go from 0 to 1: a region "
    "above 1 is kept at all of them, one below 0 at none."
)


def warnings(caller: Caller, project: Project) -> Any:
    found = computed(caller, project)
    assert found.status == "done", found.failure_reason
    return caller.client.get(f"/lab/model-evals/{found.eval_id}").json()["warnings"]


def warned(n: int) -> list[Json]:
    message = MESSAGE.format(n=n)
    return [{"reason": "score_out_of_range", "regions": n, "message": message}] if n else []


def turned(region: Json) -> Json:
    """One that does not go the quick way."""
    return {**region, "value": {**region["value"], "rotation": 30}}


@pytest.mark.parametrize(
    ("scores", "n"), [([0, 1, 0.5], 0), ([87.5, 1.0000001, -0.1], 3), ([0.5, -1e9], 1)]
)
def test_of_boxes(ada: Caller, project: Project, scores: list[float], n: int) -> None:
    truth = [box("Car", 10, 10, 20, 20)]
    said = [box("Car", 10, 10, 20, 20, score) for score in scores]
    sides = {"one": said, "two": [turned(one) for one in said]}
    load(ada, project, [task(name, truth=truth, said={"v1": of}) for name, of in sides.items()])
    assert warnings(ada, project) == warned(2 * n)


@pytest.mark.parametrize(("score", "n"), [(0.0, 0), (1, 0), (55, 1), (-0.5, 1)])
def test_of_answers_by_the_score_of_their_prediction(
    ada: Caller, make_project: MakeProject, score: float, n: int
) -> None:
    made = make_project(ada, TEXT_CONFIG, title="Moods")
    choice = {"from_name": "sentiment", "to_name": "text", "type": "choices",
              "value": {"choices": ["pos"]}}  # fmt: skip
    load(ada, made, [{
        "data": {"text": "good"},
        "annotations": [{"result": [{**choice, "score": 7}], "ground_truth": True}],
        "predictions": [{"result": [choice], "model_version": "v1", "score": score}],
    }])  # fmt: skip
    assert warnings(ada, made) == warned(n)
