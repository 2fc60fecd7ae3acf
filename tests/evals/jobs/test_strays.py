"""Regions of a page that their task lacks, or of no object: told of, never dropped in silence."""

from typing import Any

import pytest

from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import box, computed, load

Json = dict[str, Any]
SPANS = (
    '<View><Text name="one" value="$one"/><Text name="two" value="$two"/>'
    '<Labels name="label" toName="one,two"><Label value="PER"/></Labels></View>'
)
PAGES = (
    '<View><Image name="image" valueList="$pages"/>'
    '<RectangleLabels name="label" toName="image"><Label value="Car"/></RectangleLabels>'
    '<Choices name="mood" toName="image" perItem="true"><Choice value="good"/></Choices></View>'
)
RELATION = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}


def span(to_name: str) -> Json:
    value = {"start": 0, "end": 3, "labels": ["PER"]}
    return {"from_name": "label", "to_name": to_name, "type": "labels", "value": value}


def mood(page: Any) -> Json:
    region = {"from_name": "mood", "to_name": "image", "type": "choices", "item_index": page}
    return {**region, "value": {"choices": ["good"]}}


def car(page: Any) -> Json:
    return {**box("Car", 10, 10, 20, 20), "item_index": page}


def evaluated(
    caller: Caller, make_project: MakeProject, config: str, sides: tuple[Any, Any], **asked: Any
) -> tuple[ModelEval, int]:
    made = make_project(caller, config, title="Strays")
    truth, said = sides
    [task_id] = load(
        caller,
        made,
        [
            {
                "data": {"one": "Ada", "two": "Bob", "pages": ["1.jpg", "2.jpg"], "none": []},
                "annotations": [{"result": truth, "ground_truth": True}],
                "predictions": [{"result": said, "model_version": "v1"}],
            }
        ],
    )
    return computed(caller, made, **asked), task_id


def passed_over(task_id: int, side: str, regions: int, region: int | str) -> Json:
    example = {"task": task_id, "region": region}
    return {"reason": "other_control", "side": side, "regions": regions, "example": example}


def test_answers_of_no_object_are_told_of_once(ada: Caller, make_project: MakeProject) -> None:
    sides = [RELATION, span("one"), span("three")], [span("two"), span("one"), span("old")]
    found, task_id = evaluated(ada, make_project, SPANS, sides)
    assert (found.status, found.ignored) == (
        "done",
        [passed_over(task_id, "groundTruth", 1, 2), passed_over(task_id, "predictions", 1, 2)],
    )


@pytest.mark.parametrize(
    ("config", "sides", "asked"),
    [
        (SPANS, ([span("three")], [span("three")]), {}),
        (PAGES, ([car(2)], [car(2)]), {"control": "label"}),
        (PAGES, ([car("0")], [car(0)]), {"control": "label"}),
        (PAGES, ([mood(2)], [mood(0)]), {"control": "mood"}),
    ],
)
def test_a_side_of_nothing_else_is_not_evaluated(
    ada: Caller, make_project: MakeProject, config: str, sides: tuple[Any, Any], asked: Json
) -> None:
    found, task_id = evaluated(ada, make_project, config, sides, **asked)
    region = sides[0][0].get("id", 0)
    assert (found.status, found.failure_reason) == (
        "failed",
        "No region of the ground truth can be evaluated (other_control: 1, such as task "
        f"{task_id}, region {region}).",
    )


def test_regions_of_other_controls_alone_are_no_failure(
    ada: Caller, make_project: MakeProject
) -> None:
    found, _ = evaluated(ada, make_project, PAGES, ([mood(2)], [mood(0)]), control="label")
    assert found.status == "done"


MIXED = (
    '<View><Image name="scan" valueList="$none"/><Image name="front" value="$one"/>'
    '<RectangleLabels name="label" toName="scan,front"><Label value="Car"/></RectangleLabels>'
    "</View>"
)


def test_the_only_image_beside_a_list_of_none(ada: Caller, make_project: MakeProject) -> None:
    """It is not that of the first object, whose list is empty."""
    front = {**box("Car", 10, 10, 20, 20), "to_name": "front"}
    sides = [front], [{**front, "score": 0.5}]
    found, task_id = evaluated(ada, make_project, MIXED, sides)
    assert (found.status, found.ignored) == ("done", [])
    path = f"/lab/model-evals/{found.eval_id}"
    [image] = ada.client.get(f"{path}/image-predictions").json()["images"]
    assert (image["imageId"], image["confusion"]) == (f"{task_id}#front", [[0, 0, 1]])
    one = ada.client.get(f"{path}/image-predictions/{task_id}%23front").json()
    assert [found["verdict"] for found in one["predictions"]] == ["tp"]


BOTH = (
    '<View><Image name="a" value="$one"/><Image name="b" value="$two"/>'
    '<RectangleLabels name="label" toName="a,b"><Label value="Car"/></RectangleLabels></View>'
)


def at(to_name: str) -> Json:
    return {**car(0), "to_name": to_name}


@pytest.mark.parametrize(
    ("config", "truth", "said", "is_told"),
    [
        (SPANS, [span("one")], [span("two")], True),
        (SPANS, [span("one"), span("two")], [span("two")], False),
        (SPANS, [span("one")], [span("one")], False),
        (SPANS, [span("one")], [], False),
        (SPANS, [], [span("two")], False),
        (BOTH, [at("a")], [{**at("b"), "score": 0.01}], True),
        # Both are of one picture, however wrong.
        (BOTH, [at("a")], [{**at("a"), **box("Car", 70, 70, 5, 5, 0.01), "to_name": "a"}], False),
        (PAGES, [car(0)], [car(1)], True),
        (PAGES, [car(0)], [car(1), car(0)], False),
    ],
)
def test_sides_that_no_image_shares(
    ada: Caller,
    make_project: MakeProject,
    config: str,
    truth: list[Json],
    said: list[Json],
    is_told: bool,
) -> None:
    asked = {"taskType": "object-detection"} if config == PAGES else {}
    found, _ = evaluated(ada, make_project, config, (truth, said), **asked)
    message = (
        "No image has regions of both sides, though 1 tasks with several images have them: the "
        "ground truth is of other images than the predictions, so nothing could match. Does each "
        "region name its picture as its to_name, and its page, counted from 0, as its item_index?"
    )
    warning = {"reason": "no_shared_image", "tasks": 1, "message": message}
    assert found.warnings == ([warning] if is_told else [])
