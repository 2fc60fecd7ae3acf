"""Whole pixels and hundredths of a file on their way through per cent: nothing of them is lost."""

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evals.engine.matching import Definition
from predictions.regions.shapes import region_shape
from tests.evals.engine.matrices import confusion_matrix
from tests.evals.engine.tasks import Json, box, counted, job, stored

Rows = list[Json]
SIDES = (97, 137, 333, 640)


def scene(seed: int, side: int, decimals: int) -> tuple[Rows, Rows]:
    """Boxes on a grid, many of which overlap by exactly 1/2 or 3/4; in COCO's format."""
    r = np.random.default_rng(seed)
    truths: Rows = []
    said: Rows = []
    for image in range(1, 21):
        for _ in range(r.integers(0, 6)):
            xywh = [*r.integers(0, side // 2, 2), *(4 * r.integers(1, 12, 2))]
            xywh = [round(float(n) + (0 if decimals == 0 else r.integers(0, 100) / 100), decimals)
                    for n in xywh]  # fmt: skip
            category = int(r.integers(1, 4))
            truths.append(row(image, category, xywh, id=len(truths) + 1))
            for share in r.choice([0.5, 0.75, 1.0, 1.25], r.integers(0, 3)):
                x, y, w, h = xywh
                near = [x, y, round(w * share, decimals + 2), h]
                called = category if r.random() < 0.8 else int(r.integers(1, 4))
                said.append(row(image, called, near, score=float(r.choice([0.3, 0.57, 0.9]))))
    return truths, said


def row(image: int, category: int, xywh: Any, **more: Any) -> Json:
    area = xywh[2] * xywh[3]
    return {"image_id": image, "category_id": category, "bbox": xywh, "area": area,
            "iscrowd": 0, **more}  # fmt: skip


def images_of(truths: Rows, said: Rows, side: int) -> list[Any]:
    return [
        stored(
            [box(one["bbox"], str(one["category_id"]), None, side)
             for one in truths if one["image_id"] == image],
            [box(one["bbox"], str(one["category_id"]), one["score"], side)
             for one in said if one["image_id"] == image],
        )
        for image in range(1, 21)
    ]  # fmt: skip


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("decimals", [0, 2])
@pytest.mark.parametrize("seed", [1, 2])
def test_average_precision_is_pycocotools_s_to_the_last_bit(
    seed: int, decimals: int, side: int
) -> None:
    truths, said = scene(seed, side, decimals)
    _, total = counted(images_of(truths, said, side), job(classes=("1", "2", "3")))
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": n} for n in range(1, 21)],
            "categories": [{"id": n} for n in (1, 2, 3)],
            "annotations": truths,
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(said), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    overall = total.table.overall
    ours = [overall.map50_95, overall.map50, overall.map75]
    ours += [one and one.map50_95 for one in overall.by_size.values()]
    ours += list(total.metrics.values())
    assert ours == [None if one == -1 else one for one in evaluation.stats[:9].tolist()]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("limit", [0.5, 0.75])
def test_counts_are_supervision_s(limit: float, side: int) -> None:
    sv = pytest.importorskip("supervision")
    truths, said = scene(3, side, 0)
    of = job(classes=("1", "2", "3"), iou_threshold=limit)
    tally, _ = counted(images_of(truths, said, side), of)
    for percent in (0, 30, 31, 57, 90):
        expected = sum(
            sv.ConfusionMatrix.evaluate_detection_batch(
                predictions=rows(said, image, with_score=True),
                targets=rows(truths, image, with_score=False),
                num_classes=3,
                conf_threshold=percent / 100,
                iou_threshold=limit,
            )
            for image in range(1, 21)
        )
        assert np.array_equal(confusion_matrix(tally.events, percent, n_classes=3), expected)


def rows(side: Rows, image: int, *, with_score: bool) -> np.ndarray:
    mine = [one for one in side if one["image_id"] == image]
    found = [
        [x, y, x + w, y + h, one["category_id"] - 1, *([one["score"]] if with_score else [])]
        for one in mine
        for x, y, w, h in (one["bbox"],)
    ]
    return np.array(found, float).reshape(-1, 6 if with_score else 5)


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("limit", [0.5, 0.75])
def test_an_overlap_at_the_limit_is_at_the_limit(limit: float, inclusive: bool) -> None:
    definition = Definition(iou_threshold=limit, inclusive=inclusive)
    near = limit + np.array([-2e-9, -9e-10, 0, 9e-10, 2e-9])
    expected = [False, inclusive, inclusive, inclusive, True]
    assert definition.admits(near).tolist() == expected


def test_outlines_of_whole_and_tenth_pixels_are_drawn_as_in_their_file() -> None:
    r = np.random.default_rng(5)
    for n in range(300):
        width, height = (int(one) for one in r.integers(50, 700, 2))
        points = r.uniform(0, 1, (int(r.integers(3, 9)), 2)) * [width, height]
        points = points.round(n % 2)
        region = {
            "type": "polygonlabels",
            "original_width": width,
            "original_height": height,
            "value": {"points": (points / [width, height] * 100).tolist()},
        }
        theirs = coco_mask.frPyObjects([points.ravel().tolist()], height, width)[0]
        assert region_shape(region).rle == theirs
