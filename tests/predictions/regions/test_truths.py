"""What a model said as ground truth, and how it differs from the ground truth there is."""

from typing import Any

import pytest

from predictions.regions.truths import as_truth, difference

CAR = {"id": "a", "from_name": "box", "to_name": "image", "type": "rectanglelabels"}
HERE = {"value": {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["Car"]}}
THERE = {"value": {**HERE["value"], "x": 50}}
ONE = {**CAR, **HERE}
PAGE, OTHER = {**ONE, "item_index": 1}, {**ONE, "from_name": "c"}
YES = {"value": {"x": True}}


@pytest.mark.parametrize(
    ("result", "truth"),
    [
        ([], []),
        ([{**CAR, **HERE, "score": 0.7}], [{**CAR, **HERE}]),
        ([{"score": None}, {"value": {"score": 0.5}}], [{}, {"value": {"score": 0.5}}]),
        (["text", 3], ["text", 3]),
        ({"score": 1}, {"score": 1}),
        (None, None),
    ],
)
def test_truths_have_no_scores(result: Any, truth: Any) -> None:
    assert as_truth(result) == truth


@pytest.mark.parametrize(
    ("present", "proposed", "expected"),
    [
        ([], [], (0, [], [])),
        ([{**CAR, **HERE}], [{**CAR, **HERE, "id": "b", "score": 0.7}], (1, [], [])),
        ([{**CAR, **HERE}], [{**CAR, **THERE}], (0, [{**CAR, **HERE}], [{**CAR, **THERE}])),
        # Evaluations read what meta says of an object: a crowd, its area.
        ([ONE], [{**ONE, "meta": {"iscrowd": 1}}], (0, [ONE], [{**ONE, "meta": {"iscrowd": 1}}])),
        ([ONE], [{**ONE, "meta": {}}], (1, [], [])),
        # Of two equal ones each counts.
        ([{**CAR, **HERE}] * 2, [{**CAR, **HERE}], (1, [{**CAR, **HERE}], [])),
        ([{**CAR, **HERE}], [{**CAR, **HERE}] * 3, (1, [], [{**CAR, **HERE}] * 2)),
        # One number, however it is written; true is none.
        ([{"value": {"x": 1}}], [{"value": {"x": 1.0}}], (1, [], [])),
        ([{"value": {"x": 1}}], [YES], (0, [{"value": {"x": 1}}], [YES])),
        ([{"value": {"x": 2**70}}], [{"value": {"x": 2**70}}], (1, [], [])),
        # The same box of another page, or of another control, is another one.
        ([ONE], [PAGE], (0, [ONE], [PAGE])),
        ([ONE], [OTHER], (0, [ONE], [OTHER])),
        ("text", None, (0, [], [])),
        (["text"], [{}], (0, [], [{}])),
    ],
)
def test_differences(present: Any, proposed: Any, expected: Any) -> None:
    found = difference(present, proposed)

    assert (found.same, found.lost, found.new) == expected
