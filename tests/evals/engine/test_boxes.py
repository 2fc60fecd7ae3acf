"""The quick way of reading stored results says what the way for everything says."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.engine.boxes import Regions, RegionText, StoredImage
from evals.engine.errors import EvaluationError
from evals.engine.regions import read_shapes
from predictions.regions.geometry import Shape

CLASSES = ["Car", "Bus"]
BOX = {
    "id": "r1",
    "type": "rectanglelabels",
    "from_name": "label",
    "to_name": "image",
    "original_width": 640,
    "original_height": 480,
    "score": 0.25,
    "value": {"x": 1, "y": 2.5, "width": 30, "height": 40.125, "rectanglelabels": ["Bus"]},
}
DEEP: Any = []
for _ in range(200):
    DEEP = [DEEP]

# What may stand anywhere in a result.
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1e6, 1e6 + 1, 1e300, -1e300, 2**31, 2**31 - 1, 1, 0.999, "7", ""]),
    st.sampled_from([[], {}, ["Car"], ["Bus", "Car"], ["Tram"], [None], "rectanglelabels", DEEP]),
)
FIELDS = (*BOX, *(f"value.{name}" for name in (*BOX["value"], "rotation", "more")))  # type: ignore[misc]


@st.composite
def results(draw: st.DrawFn) -> list[Any]:
    """Boxes, some of which have lost a field or have something odd in its place."""
    regions = []
    for _ in range(draw(st.integers(0, 4))):
        region: dict[str, Any] = orjson.loads(orjson.dumps(BOX))
        numbers = st.floats(-1e6, 1e6)
        region["value"] |= {"x": draw(numbers), "width": abs(draw(numbers))}
        for name in draw(st.lists(st.sampled_from(FIELDS), max_size=2)):
            parent, _, child = name.rpartition(".")
            place = region.get("value") if parent else region
            if not isinstance(place, dict):
                continue
            if draw(st.booleans()):
                place[child] = draw(ODD)
            else:
                place.pop(child, None)
        regions.append(region)
    return regions


def plain(shape: Shape) -> Any:
    """A shape as values that compare."""
    points = None if shape.points_px is None else shape.points_px.tolist()
    return shape.box_xywh_px, points, shape.rle, shape.width_px, shape.height_px


def outcome(truth: Regions, said: Regions, score: float | None) -> Any:
    """All numbers that are read, or what is wrong."""
    try:
        sides = read_shapes([StoredImage(truth, said, score)], CLASSES)
    except EvaluationError as error:
        return type(error), str(error)
    return [
        [
            *(column.tolist() for column in (side.image, side.label, side.score, side.boxes_px())),
            [plain(shape) for shape in side.all_shapes(side.boxes_px())],
        ]
        for side in sides
    ]


@given(truth=results(), said=results(), score=st.none() | st.floats(0, 1))
def test_texts_are_read_as_what_stands_in_them(
    truth: list[Any], said: list[Any], score: float | None
) -> None:
    texts = [RegionText(orjson.dumps(result).decode()) for result in (truth, said)]
    assert outcome(texts[0], texts[1], score) == outcome(truth, said, score)
    assert [list(text) for text in texts] == [truth, said]


def test_plain_boxes_are_read_the_quick_way() -> None:
    boxes = RegionText(orjson.dumps([BOX, BOX | {"score": None}]).decode()).boxes()
    assert boxes is not None
    assert [(box.score, box.original_width, box.original_height) for box in boxes] == [
        (0.25, 640.0, 480.0),
        (None, 640.0, 480.0),
    ]
    value = boxes[1].value
    assert (value.x, value.y, value.width, value.height) == (1.0, 2.5, 30.0, 40.125)
    assert value.rectanglelabels == ["Bus"]


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("[]", []),
        ("null", []),
        ('"a shorthand"', []),
        ('{"type": "rectanglelabels"}', []),
        ('[1, null, "x", {"type": "choices"}]', [{"type": "choices"}]),
        (f"{'[' * 400}{']' * 400}", []),
    ],
)
def test_what_is_no_list_of_regions_has_none(text: str, regions: list[Any]) -> None:
    stored = RegionText(text)
    assert (len(stored), list(stored), stored[:1]) == (len(regions), regions, regions[:1])
    assert stored.boxes() == ([] if text == "[]" else None)
