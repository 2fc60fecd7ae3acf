"""Turned boxes: compared as polygons, exactly."""

from typing import Any

import numpy as np
import pytest
import shapely

from evals.engine.errors import UnknownLabels
from evals.engine.kinds import shapes
from evals.engine.kinds.table import KINDS
from evals.engine.matched.shapes import NeedsWider, shape_pairs
from evals.engine.overlaps.turned import (
    clipped_areas,
    corners_of,
    turned_boxes,
    turned_overlaps,
)
from evals.engine.regions import read_shapes
from predictions.regions.geometry import rotated_corners
from predictions.regions.shapes import region_shape
from tests.evals.engine.tasks import Json, box, cells, counted, job, stored

SQUARE = box([45, 45, 10, 10])
#: The same about its middle, turned by 45 degrees.
DIAMOND = box([50, 42.928932, 10, 10], rotation=45)


def turned(r: np.random.Generator, n: int, most: float = 60) -> np.ndarray:
    """Boxes of centre, width, height and radians."""
    return np.column_stack(
        [r.uniform(0, most, (n, 2)), r.uniform(1, 40, (n, 2)), r.uniform(-4, 4, n)]
    )


def test_the_worked_example() -> None:
    diamond = {**DIAMOND, "score": 0.9}
    of = job(iou_type="obb")
    verdicts = KINDS["object-detection"].verdicts([stored([SQUARE], [diamond])], of, 0)[0]
    assert verdicts.found[0] is not None
    assert verdicts.found[0].iou == pytest.approx(0.707107, abs=1e-6)
    assert verdicts.facts[0] == [{}]
    assert np.allclose(
        verdicts.facts[1][0]["corners"],
        [[50, 42.928932], [57.071068, 50], [50, 57.071068], [42.928932, 50]],
    )
    _, total = counted([stored([SQUARE], [diamond])], of)
    # Of the ten limits from 0.50 on, 0.70 is the last it is above.
    assert total.table.overall.map50_95 == pytest.approx(0.5)
    assert total.table.overall.map75 == 0


def test_overlaps_are_shapely_s() -> None:
    r = np.random.default_rng(1)
    some, others = turned(r, 150), turned(r, 150)
    mine, theirs = (
        np.array([shapely.Polygon(one) for one in corners_of(side)]) for side in (some, others)
    )
    shared = shapely.area(shapely.intersection(mine[:, None], theirs[None, :]))
    area, other_area = shapely.area(mine)[:, None], shapely.area(theirs)[None, :]
    expected = shared / (area + other_area - shared)
    assert (expected > 0).mean() > 0.2
    assert np.abs(turned_overlaps(some, others) - expected).max() < 1e-9
    within = turned_overlaps(some, others, np.ones(150, bool))
    assert np.abs(within - shared / area).max() < 1e-9


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Equal; apart; side by side; one in the other; a corner cut off; nothing at all.
        ((50, 50, 10, 20, 0.3), (50, 50, 10, 20, 0.3), 1),
        ((50, 50, 10, 20, 0.3), (90, 50, 10, 20, 0.3), 0),
        ((50, 50, 10, 10, 0), (60, 50, 10, 10, 0), 0),
        ((50, 50, 10, 10, 0), (50, 50, 2, 2, 0.7), 0.04),
        ((50, 50, 10, 20, 0.3), (50, 50, 20, 10, 0.3 + np.pi / 2), 1),
        ((50, 50, 10, 0, 0.3), (50, 50, 10, 20, 0.3), 0),
        # Along the same lines, which shapely takes for two boxes that touch.
        ((2, 5, 8, 6, np.pi / 6), (2, 5, 12, 6, np.pi / 6), 2 / 3),
    ],
)
def test_overlaps_by_hand(first: Any, second: Any, expected: float) -> None:
    some, others = np.array([first], float), np.array([second], float)
    assert turned_overlaps(some, others)[0, 0] == pytest.approx(expected, abs=1e-12)
    assert turned_overlaps(others, some)[0, 0] == pytest.approx(expected, abs=1e-12)


def test_no_boxes_overlap_nothing() -> None:
    none = np.zeros((0, 5))
    assert turned_overlaps(none, turned(np.random.default_rng(0), 3)).shape == (0, 3)
    assert clipped_areas(np.zeros((0, 4, 2)), np.zeros((0, 4, 2))).shape == (0,)


def test_a_box_is_its_corners() -> None:
    r = np.random.default_rng(2)
    for rotation in (*r.uniform(-360, 360, 20), 30, 45, -120):
        corners = rotated_corners([30, 40, 20, 10], rotation)
        box = turned_boxes(corners[None])
        assert box[0, 2:4].tolist() == [20, 10]
        assert np.allclose(corners_of(box)[0], corners, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("width", "height"), [(-20, 10), (20, -10), (-20, -10)])
def test_a_turned_box_drawn_backwards_covers_what_it_covers(width: int, height: int) -> None:
    corner = rotated_corners([30, 40, min(width, 0), min(height, 0)], 30)[2]
    forward = box([*corner, abs(width), abs(height)], rotation=30, score=0.9)
    backward = box([30, 40, width, height], rotation=30)
    of = job(iou_type="obb")
    tally, total = counted([stored([backward], [forward])], of)
    assert cells(tally) == [[0, 0, 1]]
    assert total.table.overall.map50_95 == pytest.approx(1)


def scene(seed: int) -> list[tuple[list[Json], list[Json]]]:
    r = np.random.default_rng(seed)
    tasks = []
    for _ in range(12):
        truth, said = [], []
        for n in range(r.integers(1, 7)):
            xywh = [*r.uniform(20, 150, 2), *r.uniform(8, 50, 2)]
            rotation, label = float(r.choice([0, 90, r.uniform(-180, 180)])), "ab"[n % 2]
            crowd = {"meta": {"iscrowd": 1}} if r.random() < 0.2 else {}
            truth.append(box(xywh, label, None, 200, rotation=rotation, **crowd))
            for _ in range(r.integers(0, 3)):
                near = np.array(xywh) + r.normal(0, 2, 4)
                turn = rotation + r.normal(0, 8)
                said.append(box(np.maximum(near, 1), label, float(r.random()), 200, rotation=turn))
        tasks.append((truth, said))
    return tasks


@pytest.mark.parametrize("seed", [1, 2])
def test_average_precision_is_coco_s_rule_over_the_same_overlaps(seed: int) -> None:
    images = [stored(*task) for task in scene(seed)]
    tables = [
        counted(images, job(classes=("a", "b"), iou_type="obb", engine=engine))[1].table
        for engine in ("hotcoco", "pycocotools")
    ]
    for one in ("map50", "map75", "map50_95"):
        ours, theirs = (getattr(table.overall, one) for table in tables)
        assert 0 < ours == pytest.approx(theirs, abs=1e-12)
    assert tables[0].recalls == pytest.approx(tables[1].recalls, abs=1e-12)
    sizes = [
        {name: size and size.map50_95 for name, size in table.overall.by_size.items()}
        for table in tables
    ]
    assert sizes[0] == pytest.approx(sizes[1], abs=1e-12)


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
@pytest.mark.parametrize("share", [0.5, 0.55, 0.7, 0.95])
def test_an_overlap_of_exactly_the_limit_is_enough_wherever_it_lies(
    share: float, engine: str
) -> None:
    r = np.random.default_rng(3)
    images = []
    for _ in range(40):
        (x, y), (width, height) = r.integers(0, 90, 2).tolist(), r.integers(10, 60, 2).tolist()
        turn = float(r.choice([30, 45, 17, -60]))
        truth = box([x, y, width, height], "a", None, 200, rotation=turn)
        said = box([x, y, width * share, height], "a", 0.9, 200, rotation=turn)
        images.append(stored([truth], [said]))
    table = counted(images, job(classes=("a",), iou_type="obb", engine=engine))[1].table
    n_limits = round((share - 0.5) / 0.05) + 1
    assert table.overall.map50_95 == pytest.approx(n_limits / 10, abs=1e-12)


def test_counts_equal_a_matching_over_shapely_s_overlaps() -> None:
    for truth, said in scene(3):
        objects = [one for one in truth if "meta" not in one]
        tally, _ = counted([stored(objects, said)], job(classes=("a", "b"), iou_type="obb"))
        mine, theirs = ([polygon(one) for one in side] for side in (objects, said))
        pairs = sorted(
            (
                label(mine[t][0]) != label(theirs[d][0]),
                -overlap,
                t,
                d,
            )
            for t in range(len(mine))
            for d in range(len(theirs))
            if (overlap := iou(mine[t][1], theirs[d][1])) > 0.5 + 1e-9
        )
        taken: dict[str, set[int]] = {"t": set(), "d": set()}
        hits = 0
        for is_other, _, t, d in pairs:
            if t not in taken["t"] and d not in taken["d"]:
                taken["t"].add(t)
                taken["d"].add(d)
                hits += not is_other
        assert sum(n for actual, called, n in cells(tally) if actual == called) == hits


def polygon(region: Json) -> tuple[Json, Any]:
    shape = region_shape(region)
    corners = shape.points_px
    if corners is None:
        corners = rotated_corners(shape.box_xywh_px, 0)
    return region, shapely.Polygon(corners)


def label(region: Json) -> str:
    return str(region["value"]["rectanglelabels"][0])


def iou(one: Any, other: Any) -> float:
    shared = one.intersection(other).area
    return float(shared / (one.area + other.area - shared))


@pytest.mark.parametrize("least_iou", [0.1, 0.5, 0.9])
def test_only_pairs_that_cannot_reach_the_least_overlap_are_left_out(least_iou: float) -> None:
    images = [stored(*task) for seed in range(20) for task in scene(seed)]
    truth, said = read_shapes(images, ["a", "b"])
    boxes = truth.boxes_px(), said.boxes_px()
    every, some = (shape_pairs(truth, said, boxes, least_iou=least) for least in (0.0, least_iou))
    overlaps, kept = (
        dict(zip(zip(one.detection.tolist(), one.object.tolist(), strict=True),
                 one.iou.tolist(), strict=True))
        for one in (every, some)
    )  # fmt: skip
    assert kept.items() <= overlaps.items()
    assert {pair for pair, iou in overlaps.items() if iou >= least_iou} <= kept.keys()
    assert len(kept) < len(overlaps)


def test_overlaps_are_the_same_however_many_are_clipped_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = np.random.default_rng(4)
    some, others = turned(r, 40), turned(r, 30)
    at_once = turned_overlaps(some, others)
    monkeypatch.setattr("evals.engine.overlaps.turned.PAIRS_AT_ONCE", 7)
    assert turned_overlaps(some, others).tolist() == at_once.tolist()


def test_a_chunk_says_what_it_needs() -> None:
    outline = {"type": "polygonlabels", "original_width": 100, "original_height": 100,
               "value": {"points": [[0, 0], [9, 0], [0, 9]], "polygonlabels": ["cat"]}}  # fmt: skip
    for truth, given, needed in (
        ([DIAMOND], "bbox", "obb"),
        ([SQUARE, outline], "bbox", "segm"),
        ([DIAMOND, outline], "obb", "segm"),
    ):
        with pytest.raises(NeedsWider) as error:
            counted([stored(truth, [])], job(iou_type=given))
        assert error.value.iou_type == needed
    for truth, given in (([SQUARE], "obb"), ([DIAMOND], "segm"), ([SQUARE], "segm")):
        counted([stored(truth, [])], job(iou_type=given))


def test_the_first_images_say_what_a_chunk_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counting(images: Any, *args: Any, **kwargs: Any) -> Any:
        read.append(len(images))
        return read_shapes(images, *args, **kwargs)

    monkeypatch.setattr(shapes, "read_shapes", counting)
    upright = [stored([SQUARE], [])] * 19
    for images, expected in (
        ([stored([DIAMOND], []), *upright], [4]),
        ([*upright, stored([DIAMOND], [])], [4, 20]),
    ):
        read.clear()
        with pytest.raises(NeedsWider):
            counted(images, job())
        assert read == expected


def test_all_unknown_labels_are_named_wherever_they_stand() -> None:
    named = [{**SQUARE, "value": {**SQUARE["value"], "rectanglelabels": [one]}} for one in "xy"]
    images = [stored([named[0]], []), *[stored([SQUARE], [])] * 10, stored([named[1]], [])]
    with pytest.raises(UnknownLabels) as error:
        counted(images, job())
    assert error.value.labels == {"x", "y"}
