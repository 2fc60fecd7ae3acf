"""Results read as columns equal those of which each region is read for itself, to the last bit."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.engine.boxes import RegionText, StoredImage
from evals.engine.errors import UnknownLabels
from evals.engine.notes import Notes
from evals.engine.reading import MATCHED_SHAPES, Reading
from evals.engine.regions import read_shapes
from evals.engine.sides import Side
from predictions.regions.geometry import Shape
from tests.evals.engine.tasks import Json

CLASSES = ("cat", "dog")
SIZE = {"original_width": 640, "original_height": 480}


def region(kind: str, labels: Any = ("cat",), **value: Any) -> Json:
    more = {key: value.pop(key) for key in list(value) if key in MORE}
    named = {} if labels is None else {kind: list(labels)}
    return {**SIZE, "from_name": "a", "type": kind, "value": {**value, **named}, **more}


MORE = {"score", "id", "meta", "from_name", "original_width", "original_height", "parentID"}


def box(**more: Any) -> Json:
    return region("rectanglelabels", **{"x": 10, "y": 20.5, "width": 30, "height": 7.25, **more})


def polygon(points: Any = ((1, 1), (50.5, 3), (20, 70)), **more: Any) -> Json:
    return region("polygonlabels", points=points, **more)


def ellipse(**more: Any) -> Json:
    return region("ellipselabels", **{"x": 40, "y": 30, "radiusX": 20, "radiusY": 5.5, **more})


def point(**more: Any) -> Json:
    return region("keypointlabels", x=1, y=2, width=1, **more)


def told_shape(shape: Shape) -> Any:
    points = None if shape.points_px is None else shape.points_px.tolist()
    return shape.box_xywh_px, points, shape.rle, shape.width_px, shape.height_px


def told_side(side: Side, *, is_truth: bool) -> Any:
    boxes = side.boxes_px()
    at, corners = side.turned_corners_px()
    return {
        "image": side.image.tolist(),
        "label": side.label.tolist(),
        "score": None if is_truth else side.score.tolist(),
        "boxes": boxes.tolist(),
        "sizes": side.sizes_px.tolist(),
        "shapes": [told_shape(one) for one in side.all_shapes(boxes)],
        "odd": list(side.shapes),
        "turned": sorted(zip(at.tolist(), corners.tolist(), strict=True)),
        "is_turned": (side.is_turned().tolist(), side.has_turned()),
        "masked": side.masked(int(side.image.max(initial=-1)) + 1).tolist(),
        "regions": [side.region(place) for place in range(len(side.image))],
        "crowds": side.crowds,
        "areas": side.areas,
    }


def told(images: list[StoredImage], **terms: Any) -> Any:
    notes = Notes()
    try:
        sides = read_shapes(images, CLASSES, notes=notes, **terms)
    except UnknownLabels as error:
        return error.labels
    return [told_side(one, is_truth=not n) for n, one in enumerate(sides)], notes


def as_text(regions: list[Json]) -> RegionText:
    return RegionText(orjson.dumps(regions).decode())


def check(images: list[tuple[list[Json], list[Json]]], **terms: Any) -> None:
    """The same with results as text, which are read as columns, and as lists, which are not."""
    one_by_one = [StoredImage(truth, said, 0.25) for truth, said in images]
    text = [StoredImage(as_text(truth), as_text(said), 0.25) for truth, said in images]
    assert told(text, **terms) == told(one_by_one, **terms)


READINGS: dict[str, Json] = {
    "everything": {},
    "as shapes": {"all_shapes": True},
    "no ellipses": {"reading": Reading(shapes=MATCHED_SHAPES)},
    "other controls": {"reading": Reading(controls=("a",), others=frozenset({"b"}))},
    "one control": {"reading": Reading(controls=("a",), is_strict=True), "with_masks": True},
    "one of a side": {"reading": Reading(controls=("a", "b"), not_in_truth=frozenset({"a"}))},
    "poses": {"reading": Reading(shapes=frozenset({"rectangle"}), has_keypoints=True)},
    "renamed": {"reading": Reading(label_map={"auto": "cat", "dog": None})},
}
TURNS = [
    None, 0, 30, -75.5, 90, 90.0004, 89.998, 180, 270, 359.9999, 360, 450, 1e6, 0.0005, -9e9,
    9e9 + 1, 4.5e17, 1e300,
]  # fmt: skip
ODD: dict[str, list[Json]] = {
    "nothing": [],
    "turns": [box(rotation=turn, score=0.5) for turn in TURNS],
    "no rotation": [box(), box(rotation=12)],
    "turned ellipses": [ellipse(rotation=turn) for turn in TURNS] + [ellipse(radiusX=-3)],
    "outlines and boxes": [box(), polygon(), ellipse(), box(rotation=5), polygon()],
    "no points": [polygon(points=[]), box(rotation=5)],
    "two points": [polygon(points=[[1, 2], [3, 4]]), polygon()],
    "points that are none": [polygon(points=[[1, 2], [3], [5, 6]]), polygon(points=None)],
    "crosses itself": [polygon(points=[[0, 0], [50, 50], [50, 0], [0, 50]])],
    "outside of the image": [polygon(points=[[-30, -30], [150, 20], [20, 170]])],
    "too far": [polygon(points=[[0, 0], [1001, 0], [0, 5]]), box(x=1e4)],
    "many labels": [polygon(labels=("cat", "dog")), box(rotation=3)],
    "no labels": [polygon(labels=()), box(rotation=3, labels=None)],
    "an empty label": [polygon(labels=("",)), polygon()],
    "an unknown label": [polygon(), box(rotation=3, labels=("cow",))],
    "a renamed label": [polygon(labels=("auto",)), box(rotation=3, labels=("dog",))],
    "several controls": [
        box(rotation=3, from_name="b"), polygon(from_name="b", id="p"), polygon(), box(),
        ellipse(from_name="b", id=""), box(from_name="b", id=7), box(rotation=8, from_name=None),
    ],
    "key points": [
        box(id="b", rotation=4), point(parentID="b"), box(), point(), polygon(),
    ],
    "a label beside a shape": [
        {**SIZE, "id": "q", "type": "rectangle", "value": box()["value"]},
        {"id": "q", "type": "labels", "score": 0.75, "value": {"labels": ["dog"]}},
        polygon(),
    ],
    "crowds and areas": [
        polygon(meta={"iscrowd": 1, "area": 12.5}), box(rotation=3, meta={"area": -1}),
        box(meta={"iscrowd": 1}), ellipse(meta={"iscrowd": "1", "area": None}), polygon(meta=3),
    ],
    "scores": [
        polygon(score=0), polygon(score="0.5"), box(rotation=3, score=True), box(rotation=3),
        ellipse(score=1e301),
    ],
    "sizes": [
        box(original_width=1280, original_height=960), polygon(), polygon(original_width=None),
        box(rotation=3, original_width=0.5), ellipse(original_width=100, original_height=100),
    ],
    "no mask is so long": [polygon(original_width=70_000), box(rotation=3)],
    "numbers that are none": [box(rotation="30"), box(rotation=True), polygon()],
    "backwards": [box(width=-5, rotation=20), box(rotation=20)],
}  # fmt: skip


@pytest.mark.parametrize("terms", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("regions", ODD.values(), ids=ODD)
def test_odd_regions(regions: list[Json], terms: Json) -> None:
    whole = [box(rotation=20, score=0.5), polygon(score=0.125)]
    plain = [box()], [box(score=0.5), box(score=0.25)]
    alone = [([one], whole) for one in regions] + [(whole, [one]) for one in regions]
    check([plain, (regions, whole), (whole, regions), ([], regions), plain], **terms)
    check([(regions, [])], **terms)
    for one in alone:
        check([one], **terms)


NUMBERS = st.floats(-20, 120) | st.integers(-20, 120)
LABEL = st.sampled_from(CLASSES).map(lambda name: [name])
COMMON: Json = {
    "score": st.none() | st.floats(0, 1),
    "from_name": st.sampled_from(["a", "b"]),
    "id": st.none() | st.text(max_size=2),
}
REGIONS = st.lists(
    st.builds(
        box, x=NUMBERS, y=NUMBERS, width=NUMBERS.map(abs), height=NUMBERS.map(abs), labels=LABEL,
        rotation=st.floats(-720, 720) | st.sampled_from(TURNS), **COMMON,
    )
    | st.builds(
        polygon, st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=7), labels=LABEL,
        **COMMON,
    )
    | st.builds(
        ellipse, x=NUMBERS, y=NUMBERS, radiusX=NUMBERS, radiusY=NUMBERS, labels=LABEL,
        rotation=st.none() | st.floats(-720, 720), **COMMON,
    ),
    max_size=6,
)  # fmt: skip


@pytest.mark.parametrize("terms", READINGS.values(), ids=READINGS)
@settings(deadline=None)
@given(images=st.lists(st.tuples(REGIONS, REGIONS), min_size=1, max_size=3))
def test_any_regions(images: list[tuple[list[Json], list[Json]]], terms: Json) -> None:
    check(images, **terms)


def test_what_cannot_be_drawn_is_read_each_for_itself() -> None:
    # Each runs around the image 1,400 times; together they take more than one image may.
    far = [[1000, 1000], [-1000, 1000], [-1000, -1000], [1000, -1000]] * 12
    check([([polygon(points=far)] * 60, [polygon()])], all_shapes=True)
    check([([polygon()], [polygon(points=far * 30)])], all_shapes=True)


def test_nothing_odd_is_left_to_be_read_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns take all that data sets consist of: of what follows nothing is read alone."""
    regions = [box(), box(rotation=30), box(rotation=90), polygon(), ellipse(rotation=5), point()]
    text = as_text(regions)
    monkeypatch.setattr(RegionText, "regions", property(lambda _: pytest.fail("read alone")))
    image = StoredImage(text, text, None)
    truth, said = read_shapes([image], CLASSES, all_shapes=True)
    assert len(truth.image) == len(said.image) == 5
    assert np.isfinite(said.boxes_px()).all()
