"""Outlines of many images, compared a few images at a time: pycocotools' overlaps of each pair."""

import numpy as np
import orjson
import pytest
from pycocotools import mask as coco_mask

from evals.engine.boxes import RegionText, StoredImage
from evals.engine.matched.shapes import same_objects, shape_pairs
from evals.engine.regions import read_shapes
from evals.engine.sides import Side
from predictions.regions.geometry import polygon_rle
from tests.evals.engine.tasks import Json

CLASSES = ("cat", "dog")
SIZES = ((64, 48), (90, 40), (300, 200))


def outline(r: np.random.Generator, size: tuple[int, int]) -> Json:
    if r.random() < 0.3:
        kind = "ellipselabels"
        x, y, across, down = r.uniform([5, 5, 1, 1], [95, 95, 30, 30]).tolist()
        value: Json = {"x": x, "y": y, "radiusX": across, "radiusY": down, "rotation": 20.0}
    else:
        kind = "polygonlabels"
        at, points = r.uniform(0, 90, 2), r.uniform(-3, 40, (int(r.integers(3, 9)), 2))
        value = {"points": (at + points).round(2).tolist()}
    name = CLASSES[int(r.integers(0, 2))]
    told = {"original_width": size[0], "original_height": size[1], "type": kind}
    return {**told, "value": {**value, kind: [name]}}


def read(sides: list[tuple[list[Json], list[Json]]]) -> tuple[Side, Side]:
    images = [StoredImage(_text(one), _text(other), None) for one, other in sides]
    return read_shapes(images, CLASSES, all_shapes=True)


def _text(side: list[Json]) -> RegionText:
    return RegionText(orjson.dumps(side).decode())


@pytest.fixture(scope="module")
def sides() -> tuple[Side, Side]:
    """Images of three sizes, some without anything, two with more than is compared at once."""
    r = np.random.default_rng(5)
    made = []
    for number in range(40):
        size = SIZES[number % 3]
        counts = (80, 90) if number in {11, 12} else r.integers(0, 9, 2).tolist()
        one, other = ([outline(r, size) for _ in range(n)] for n in counts)
        made.append((one, other))
    return read(made)


def test_pairs_are_those_of_each_image_alone(sides: tuple[Side, Side]) -> None:
    truth, said = sides
    pairs = shape_pairs(truth, said, (truth.boxes_px(), said.boxes_px()))
    found = dict(
        zip(
            zip(pairs.detection.tolist(), pairs.object.tolist(), strict=True),
            pairs.iou.tolist(),
            strict=True,
        )
    )
    expected = {}
    for image in range(40):
        mine, theirs = (np.flatnonzero(side.image == image).tolist() for side in sides)
        rles = [
            [
                polygon_rle(shape.points_px, width_px=shape.width_px, height_px=shape.height_px)
                for at in places
                if (shape := side.shapes[at]).points_px is not None
            ]
            for side, places in ((said, theirs), (truth, mine))
        ]
        if not all(rles):
            continue
        iou = np.asarray(coco_mask.iou(*rles, [0] * len(mine)))
        for d, t in np.argwhere(iou > 0).tolist():
            expected[theirs[d], mine[t]] = iou[d, t]
    assert len(expected) > 1000
    assert found == expected


def test_pairs_within_classes(sides: tuple[Side, Side]) -> None:
    truth, said = sides
    boxes = truth.boxes_px(), said.boxes_px()
    every, same = (shape_pairs(truth, said, boxes, within_classes=w) for w in (False, True))
    kept = truth.label[every.object] == said.label[every.detection]
    assert 0 < kept.sum() < len(kept)
    assert same.detection.tolist() == every.detection[kept].tolist()
    assert same.object.tolist() == every.object[kept].tolist()
    assert same.iou.tolist() == every.iou[kept].tolist()


def test_shapes_are_rasterised_once_and_the_same_however_they_are_asked_for() -> None:
    r = np.random.default_rng(1)
    some: list[tuple[list[Json], list[Json]]] = [
        ([outline(r, SIZES[n % 3]) for _ in range(3)], []) for n in range(6)
    ]
    together, alone = read(some)[0], read(some)[0]
    rles = together.shapes.outlined.rles(np.arange(18))
    assert rles == [alone.shapes[at].rle for at in range(18)]
    assert together.shapes[4].rle is rles[4]
    assert [shape.box_xywh_px for shape in alone.shapes.values()] == [
        tuple(box) for box in together.boxes_px().tolist()
    ]


def test_all_of_the_same_are_found(sides: tuple[Side, Side]) -> None:
    # Masks of no pixel overlap nothing, not even themselves.
    covering = [at for at, one in sides[0].shapes.items() if one.area_px]
    assert same_objects(sides[0], sides[0]) == (len(covering), len(covering))
