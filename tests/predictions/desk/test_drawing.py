"""What a stored result becomes for the page that draws it."""

from typing import Any

import pytest

from predictions.desk.drawing import drawn, shown_data
from tests.conftest import region


def test_a_box_with_its_own_score_and_one_with_the_predictions() -> None:
    scored = {**region("Person"), "score": 0.25}
    assert drawn([region(), scored], side="prediction", score=0.75) == [
        {
            "id": "prediction-0",
            "name": "label",
            "kind": "rectangle",
            "label": "Car",
            "side": "prediction",
            "verdict": None,
            "score": 0.75,
            "width": 600,
            "height": 400,
            "geometry": {"rotation": 0, "x": 10, "y": 20, "width": 30, "height": 40},
        },
        {
            "id": "prediction-1",
            "name": "label",
            "kind": "rectangle",
            "label": "Person",
            "side": "prediction",
            "verdict": None,
            "score": 0.25,
            "width": 600,
            "height": 400,
            "geometry": {"rotation": 0, "x": 10, "y": 20, "width": 30, "height": 40},
        },
    ]


@pytest.mark.parametrize(
    ("value", "kind", "geometry"),
    [
        ({"x": 1, "y": 2, "width": 3}, "keypoint", {"x": 1, "y": 2, "width": 3}),
        (
            {"x": 1, "y": 2, "radiusX": 3, "radiusY": 4, "rotation": 5},
            "ellipse",
            {"x": 1, "y": 2, "radiusX": 3, "radiusY": 4, "rotation": 5},
        ),
        (
            {"points": [[0, 0], [1, 0], [1, 1]], "closed": True},
            "polygon",
            {"points": [[0, 0], [1, 0], [1, 1]], "closed": True},
        ),
        (
            {"format": "rle", "rle": [0, 1, 2]},
            "brush",
            {"rle": [0, 1, 2], "width": 600, "height": 400},
        ),
    ],
)
def test_kinds_are_told_by_their_values(
    value: dict[str, Any], kind: str, geometry: dict[str, Any]
) -> None:
    (found,) = drawn([{**region(), "value": value}], side="ground_truth")
    assert (found["kind"], found["geometry"], found["label"]) == (kind, geometry, "")


@pytest.mark.parametrize(
    ("value", "values", "passage", "label"),
    [
        ({"choices": ["pos", "neg"]}, ["pos", "neg"], None, ""),
        ({"text": ["a", "b"]}, ["a", "b"], None, ""),
        ({"rating": 4}, ["4"], None, ""),
        ({"taxonomy": [["animal", "cat"], ["plant"]]}, ["animal / cat", "plant"], None, ""),
        ({"start": 3, "end": 9, "text": "Berlin", "labels": ["City"]}, ["Berlin"], [3, 9], "City"),
        ({"start": "3", "end": None}, ["3"], None, ""),
        ({}, [], None, ""),
        ("no object", [], None, ""),
    ],
)
def test_answers_are_texts(
    value: Any, values: list[str], passage: list[int] | None, label: str
) -> None:
    said = {"from_name": "answer", "type": "choices", "value": value}
    (found,) = drawn([said], side="prediction", score=0.5)
    assert found == {
        "id": "prediction-0",
        "name": "answer",
        "kind": "text",
        "label": label,
        "side": "prediction",
        "verdict": None,
        "score": 0.5,
        "width": None,
        "height": None,
        "values": values,
        "passage": passage,
    }


def test_verdicts_go_to_regions_by_their_place() -> None:
    choice = {"from_name": "mood", "type": "choices", "value": {"choices": ["pos"]}}
    result = [region("Car"), choice, region("Person")]
    found = drawn(result, side="prediction", verdicts={0: "tp", 2: "fp"})
    assert [one["verdict"] for one in found] == ["tp", None, "fp"]
    other = drawn(result, side="prediction", verdicts={})
    assert [one["verdict"] for one in other] == [None, None, None]


@pytest.mark.parametrize("result", [None, {}, "text", [], [1, "a", None]])
def test_nothing_to_draw(result: Any) -> None:
    assert drawn(result, side="prediction") == []


IMAGE = {"label": {"type": "RectangleLabels", "inputs": [{"type": "Image", "value": "picture"}]}}


@pytest.mark.parametrize(
    ("data", "config", "image", "texts"),
    [
        ({"picture": "/a.png", "note": "b", "n": 1}, IMAGE, "/a.png", [["note", "b"]]),
        ({"note": "b"}, IMAGE, None, [["note", "b"]]),
        ({"image": "/a.png"}, {}, "/a.png", []),
        ({"x": "data:image/png;base64,AA=="}, {}, "data:image/png;base64,AA==", []),
        ([1], IMAGE, None, []),
        (None, {}, None, []),
    ],
)
def test_what_a_task_shows(data: Any, config: Any, image: str | None, texts: Any) -> None:
    assert shown_data(data, config) == (image, texts)


def test_a_stretch_of_time_is_told_from_when_to_when() -> None:
    value = {"end": 3.0, "start": 1.5, "channel": 0, "labels": ["noise"]}
    (shown,) = drawn([{"type": "labels", "value": value}], side="prediction")
    assert (shown["kind"], shown["values"], shown["passage"]) == ("text", ["noise 1.5 to 3"], None)
    (bare,) = drawn([{"value": {"start": 0.25, "end": 2.5}}], side="prediction")
    assert bare["values"] == ["0.25 to 2.5"]
    (long,) = drawn([{"value": {"start": 1704067200123, "end": 1704067200.125}}], side="prediction")
    assert long["values"] == ["1704067200123 to 1704067200.125"]
