"""Crowds and areas, as COCO has them: regions that stand for many objects."""

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evals.engine.events import image_counts
from evals.engine.kinds.table import KINDS
from evals.engine.overlaps.shapes import box_iou
from tests.evals.engine.tasks import Json, box, cells, counted, job, stored

CROWD: Json = {"meta": {"iscrowd": 1}}


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("crowd", [
    CROWD, {"meta": {"iscrowd": True, "text": ["many"]}}, {"meta": {"iscrowd": "1"}},
])  # fmt: skip
def test_the_worked_example(crowd: Json, as_text: bool) -> None:
    truth = [box([0, 0, 10, 10]), box([20, 0, 20, 20], **crowd)]
    said = [
        box([0, 0, 10, 10], score=0.9),
        box([22, 2, 5, 5], score=0.8),
        box([50, 0, 5, 5], score=0.7),
    ]
    tally, total = counted([stored(truth, said, as_text=as_text)], job())
    assert cells(tally) == [[0, 0, 1], [1, 0, 1]]
    assert cells(tally, 75) == [[0, 0, 1]]
    assert total.table.overall.map50 == pytest.approx(1)
    assert total.metrics == {
        "averageRecall1": 1.0,
        "averageRecall10": 1.0,
        "averageRecall100": 1.0,
    }
    verdicts = KINDS["object-detection"].verdicts([stored(truth, said)], job(), 0)[0]
    assert [one and one.verdict.value for one in verdicts.truths] == ["tp", None]
    assert [one and one.verdict.value for one in verdicts.found] == ["tp", None, "fp"]
    assert [list(side) for side in verdicts.facts] == [
        [{}, {"crowd": True}],
        [{}, {"crowd": True}, {}],
    ]


@pytest.mark.parametrize("kind", ["object-detection", "instance-segmentation"])
def test_a_crowd_where_nothing_is_detected(kind: str) -> None:
    image = stored([box([0, 0, 10, 10]), box([20, 0, 20, 20], **CROWD)], [])
    (verdicts,) = KINDS[kind].verdicts([image], job(kind), 0)
    assert [one and one.verdict.value for one in verdicts.truths] == ["fn", None]
    assert [list(side) for side in verdicts.facts] == [[{}, {"crowd": True}], []]


@pytest.mark.parametrize("told", [CROWD, {"meta": {"iscrowd": 1, "area": 5}}])
@pytest.mark.parametrize("entry", ["rectangle", "labels"])
def test_a_crowd_in_two_entries(entry: str, told: Json) -> None:
    """A shape and its label are told apart; either may say it."""
    one = box([20, 0, 20, 20])
    labels = {"labels": one["value"].pop("rectanglelabels")}
    pair = [{**one, "id": "a", "type": "rectangle"}, {"id": "a", "type": "labels", "value": labels}]
    truth = [{**part, **(told if part["type"] == entry else {})} for part in pair]
    tally, _ = counted([stored(truth, [box([22, 2, 5, 5], score=0.8)])], job())
    assert cells(tally) == []


@pytest.mark.parametrize(
    ("meta", "objects"),
    [
        ({"iscrowd": 0}, 1),
        ({"iscrowd": False}, 1),
        ({"iscrowd": "0"}, 1),
        ({"iscrowd": "1"}, 0),
        ({"iscrowd": " True "}, 0),
        ({"iscrowd": "false"}, 1),
        ({"iscrowd": ""}, 1),
        ({"iscrowd": None}, 1),
        ({"iscrowd": 2}, 1),
        ({"iscrowd": ["1"]}, 1),
        (None, 1),
        ([], 1),
        ("crowd", 1),
        ({"iscrowd": 1.0}, 0),
    ],
)
def test_what_is_no_crowd_is_an_object(meta: object, objects: int) -> None:
    tally, _ = counted([stored([box([0, 0, 10, 10], meta=meta)], [])], job())
    assert sum(count for *_, count in cells(tally)) == objects


def test_only_a_crowd_of_its_class_takes_a_detection() -> None:
    truth = [box([20, 0, 20, 20], **CROWD)]
    dog = box([22, 2, 5, 5], "dog", score=0.8)
    tally, _ = counted([stored(truth, [dog])], job(classes=("cat", "dog")))
    assert cells(tally) == [[2, 1, 1]]


def test_a_detection_within_a_crowd_that_matches_an_object_counts() -> None:
    truth = [box([22, 2, 5, 5]), box([20, 0, 20, 20], **CROWD)]
    said = [box([22, 2, 5, 5], score=0.4), box([22, 2, 5, 5.2], score=0.8)]
    tally, _ = counted([stored(truth, said)], job())
    # The better box takes the object when it is kept; the other one is within the crowd then.
    assert cells(tally, 0) == cells(tally, 60) == [[0, 0, 1]]
    assert cells(tally, 90) == [[0, 1, 1]]


def test_the_area_that_the_data_tells_decides_the_size() -> None:
    truths = [[box([0, 0, 40, 40], meta={"area": area})] for area in (900, "900")]
    unusable: list[Any] = [-1, None, "wide", "-1", "nan", []]
    odd = [box([0, 0, 40, 40], meta={"area": area}) for area in unusable]
    said = [box([0, 0, 40, 40], score=0.9)]
    for truth in truths:
        _, told = counted([stored(truth, said)], job())
        sizes = told.table.overall.by_size
        assert (round(sizes["small"].map50, 9), sizes["medium"]) == (1, None)
    for one in odd:
        _, untold = counted([stored([one], said)], job())
        sizes = untold.table.overall.by_size
        assert (sizes["small"], round(sizes["medium"].map50, 9)) == (None, 1)


def scene(seed: int) -> tuple[list[Json], list[Json]]:
    """COCO annotations and detections with many crowds; whole pixels, some scores equal."""
    r = np.random.default_rng(seed)
    annotations: list[Json] = []
    detections: list[Json] = []
    for image in range(1, 31):
        for _ in range(r.integers(0, 7)):
            is_crowd = int(r.random() < 0.3)
            xywh = [*r.integers(0, 60, 2), *r.integers(20 if is_crowd else 5, 40, 2)]
            area = float(xywh[2] * xywh[3] * r.uniform(0.4, 1))
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image, "iscrowd": is_crowd, "area": area,
                 "category_id": int(r.integers(1, 4)), "bbox": [float(n) for n in xywh]}
            )  # fmt: skip
            for _ in range(r.integers(0, 3)):
                near = np.array(xywh) + r.integers(-6, 7, 4)
                detections.append(
                    {"image_id": image, "category_id": int(r.integers(1, 4)),
                     "bbox": [float(max(n, 1)) for n in near],
                     "score": float(r.choice([0.2, 0.5, 0.57, r.random()]))}
                )  # fmt: skip
    return annotations, sorted(detections, key=lambda one: one["image_id"])


def images_of(annotations: list[Json], detections: list[Json]) -> list:
    return [
        stored(
            [
                box(one["bbox"], str(one["category_id"]), None, 137,
                    meta={"iscrowd": one["iscrowd"], "area": one["area"]})
                for one in annotations if one["image_id"] == image
            ],
            [
                box(one["bbox"], str(one["category_id"]), one["score"], 137)
                for one in detections if one["image_id"] == image
            ],
        )
        for image in range(1, 31)
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_average_precision_and_recall_are_pycocotools_s_on_the_same_file(
    engine: str, seed: int
) -> None:
    annotations, detections = scene(seed)
    _, total = counted(
        images_of(annotations, detections), job(classes=("1", "2", "3"), engine=engine)
    )
    with redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": n} for n in range(1, 31)],
            "categories": [{"id": n} for n in (1, 2, 3)],
            "annotations": annotations,
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(detections), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    overall = total.table.overall
    ours = [overall.map50_95, overall.map50, overall.map75]
    ours += [size and size.map50_95 for size in overall.by_size.values()]
    ours += list(total.metrics.values())
    theirs = [None if one == -1 else one for one in evaluation.stats[:9].tolist()]
    assert ours[6:] == theirs[6:]
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("inclusive", [False, True])
def test_counts_are_those_of_each_confidence_alone(inclusive: bool) -> None:
    annotations, detections = scene(7)
    of = job(classes=("1", "2", "3"), inclusive=inclusive)
    tally, _ = counted(images_of(annotations, detections), of)
    for percent in range(0, 101, 7):
        counts = image_counts(tally.events, percent, n_images=30, n_classes=3)
        for image in range(30):
            mine = [one for one in annotations if one["image_id"] == image + 1]
            kept = [
                one for one in detections
                if one["image_id"] == image + 1 and one["score"] >= percent / 100
            ]  # fmt: skip
            expected = by_hand(mine, kept, inclusive=inclusive)
            found = int(counts.tp[image]), int(counts.fp[image]), int(counts.fn[image])
            assert found == expected


def by_hand(truths: list[Json], kept: list[Json], *, inclusive: bool) -> tuple[int, int, int]:
    """TP, FP and FN of one image: pairs taken one by one, then crowds."""

    def admits(overlap: float) -> bool:
        return overlap >= 0.5 - 1e-9 if inclusive else overlap > 0.5 + 1e-9

    objects = [one for one in truths if not one["iscrowd"]]
    crowds = [one for one in truths if one["iscrowd"]]
    iou = box_iou([one["bbox"] for one in kept], [one["bbox"] for one in objects])
    pairs = sorted(
        (kept[d]["category_id"] != objects[t]["category_id"], -iou[d, t], t, d)
        for d in range(len(kept))
        for t in range(len(objects))
        if admits(iou[d, t])
    )
    said, true, hits, wrong = set(), set(), 0, 0
    for is_other, _, t, d in pairs:
        if d not in said and t not in true:
            said.add(d)
            true.add(t)
            hits += not is_other
            wrong += is_other
    strays = sum(
        d not in said
        and not any(
            crowd["category_id"] == one["category_id"]
            and admits(share_within(one["bbox"], crowd["bbox"]))
            for crowd in crowds
        )
        for d, one in enumerate(kept)
    )
    return hits, wrong + strays, wrong + len(objects) - len(true)


def share_within(xywh: list[float], other: list[float]) -> float:
    (x, y, w, h), (ox, oy, ow, oh) = xywh, other
    wide = max(0.0, min(x + w, ox + ow) - max(x, ox))
    high = max(0.0, min(y + h, oy + oh) - max(y, oy))
    return wide * high / (w * h)
