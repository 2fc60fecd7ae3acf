"""Scores that are no confidences are counted as they are, those that stand where none is read are
not, and the evaluation says so.
"""

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


ELSEWHERE = (
    "{n} predicted regions have no score, but a confidence or probability, or a score in their "
    "value or meta. It is not read: they count as sure as their prediction, without a score there "
    "as sure ones. Write it as the region's score."
)


def told_elsewhere(n: int) -> list[Json]:
    message = ELSEWHERE.format(n=n)
    return [{"reason": "unread_score", "regions": n, "message": message}] if n else []


def within(region: Json, **told: Any) -> Json:
    return {**region, "value": {**region["value"], **told}}


@pytest.mark.parametrize("shaped", [dict, turned])
@pytest.mark.parametrize(
    ("told", "n"),
    [
        (lambda region: {**region, "confidence": 0.4}, 1),
        (lambda region: {**region, "probability": "0.4"}, 1),
        (lambda region: {**region, "meta": {"score": 0.4}}, 1),
        (lambda region: within(region, score=0.4), 1),
        (lambda region: within(region, confidence=0.4), 1),
        (lambda region: {**region, "confidence": None, "meta": {"confidence": "high"}}, 0),
        (lambda region: {**region, "confidence": 0.4, "score": 0.4}, 0),
        (lambda region: {**region, "score": 0.4}, 0),
        (lambda region: {**region, "note": {"confidence": 0.4}}, 0),
    ],
)
def test_a_score_where_none_is_read_is_told(
    ada: Caller, project: Project, shaped: Any, told: Any, n: int
) -> None:
    """The region counted as sure, without a word."""
    car, person = box("Car", 10, 10, 20, 20), box("Person", 50, 50, 5, 5, 0.5)
    # What the truth says of it does not matter.
    truth = [{**car, "confidence": 0.2}]
    load(ada, project, [task("one", truth=truth, said={"v1": [shaped(told(car)), person]})])
    assert warnings(ada, project) == told_elsewhere(n)


def test_a_score_where_none_is_read_is_told_of_what_is_evaluated(
    ada: Caller, make_project: MakeProject
) -> None:
    """Of answers as of boxes; not of other controls, nor of an entry whose shape has the score."""
    config = TEXT_CONFIG.replace(
        "</View>", '<TextArea name="why" toName="text"/><Image name="image" value="$text"/>'
        '<Labels name="label" toName="image"><Label value="Car"/></Labels>'
        '<Rectangle name="box" toName="image"/></View>',
    )  # fmt: skip
    made = make_project(ada, config, title="Moods")
    choice = {"from_name": "sentiment", "to_name": "text", "type": "choices",
              "confidence": 0.4, "value": {"choices": ["pos"]}}  # fmt: skip
    why = {"from_name": "why", "to_name": "text", "type": "textarea", "confidence": 0.4,
           "value": {"text": ["so"]}}  # fmt: skip
    place = {"x": 1, "y": 1, "width": 9, "height": 9}
    two = [
        {"id": "b", "from_name": "box", "to_name": "image", "type": "rectangle", "value": place,
         "confidence": 0.4, "original_width": 100, "original_height": 100},
        {"id": "b", "from_name": "label", "to_name": "image", "type": "labels",
         "value": {**place, "labels": ["Car"]}, "score": 0.7},
    ]  # fmt: skip
    load(ada, made, [{
        "data": {"text": "good"},
        "annotations": [{"result": [choice, *two], "ground_truth": True}],
        "predictions": [{"result": [choice, why, *two], "model_version": "v1", "score": 0.5}],
    }])  # fmt: skip
    answers = computed(ada, made, control="sentiment")
    assert [one["reason"] for one in answers.warnings] == ["unread_score"]
    assert answers.warnings == told_elsewhere(1)
    boxes = computed(ada, made, taskType="object-detection")
    assert boxes.status == "done", boxes.failure_reason
    assert boxes.warnings == []
