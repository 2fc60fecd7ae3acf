"""Boxes of COCO are drawn many at a time: to the last bit what drawing each of them gives."""

import json
from typing import Any

import numpy as np
import orjson
import pytest

from predictions.formats.content import Ask, Content, Kind, Known
from predictions.formats.errors import Errors
from predictions.formats.label_regions import Drawing, Tool
from predictions.formats.readers.images import coco
from predictions.formats.sources import Source

CLASSES = {1: "cat", 30: 'a "quoted" \\ "x":0 name', 7: "Straße 🦊"}
TOOLS = {Kind.BOX: Tool('the "x": box', "rectanglelabels", "image")}
NUMBERS = (0.0, 1e-7, 1 / 3, 12.0, 99.99, 639.5, 4e3)


def whole(annotations: list[dict[str, Any]]) -> Source:
    document = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 479} for n in (1, 2)],
        "categories": [{"id": id_, "name": name} for id_, name in CLASSES.items()],
        "annotations": annotations,
    }
    return Source("truth.json", json.dumps(document).encode())


def boxes(n: int, **more: Any) -> list[dict[str, Any]]:
    r = np.random.default_rng(n)
    found = []
    for _ in range(n):
        box = [float(one) for one in r.choice(NUMBERS, 4) * r.choice([1, 1.1], 4)]
        found.append({"image_id": 1, "category_id": int(r.choice(list(CLASSES))), "bbox": box})
    return [{**one, **more} for one in found]


def predicted(results: list[dict[str, Any]], **asked: Any) -> Content:
    known = Known(class_ids=CLASSES, sizes={"1": (640, 479)})
    source = Source("results.json", json.dumps(results).encode())
    return coco.predictions(source, Ask(**asked), Errors(), known)


def assert_same(content: Content) -> list[Any]:
    """The regions of the file, drawn both ways."""
    every = []
    for task in content.tasks:
        assert task.boxes is not None
        size = (640, 479)
        alone = Drawing(TOOLS, Errors()).regions(task, task.read(), size)
        together = Drawing(TOOLS, Errors()).as_text(task, size)
        assert len(alone) == len(task.boxes().labels)
        assert orjson.loads(together.text) == alone
        assert together.n_regions == len(alone)
        assert list(together.scores) == [one["score"] for one in alone if "score" in one]
        every += alone
    return every


def test_ground_truth() -> None:
    some = [
        *boxes(20),
        *boxes(21, area=812.5),
        *boxes(5, iscrowd=1),
        *boxes(6, iscrowd=1, area=0),
    ]
    drawn = assert_same(coco.truth(whole(some), Ask(), Errors()))
    metas = [one.get("meta") for one in drawn]
    assert metas[0] is None
    assert metas[20] == {"area": 812.5}
    assert metas[41] == {"iscrowd": 1}
    assert metas[46] == {"iscrowd": 1, "area": 0.0}


@pytest.mark.parametrize("highest", [1, 1.5, 100])
def test_detections(highest: float) -> None:
    scores = [0.0, 1e-9, 1 / 3, 0.25, float(highest)]
    some = [{**one, "score": score} for one, score in zip(boxes(5), scores, strict=True)]
    drawn = assert_same(predicted(some))
    assert [one["score"] for one in drawn] == [
        score / (1 if highest == 1 else 100) for score in scores
    ]


def test_the_best_of_an_image() -> None:
    some = [{**one, "score": n / 100} for n, one in enumerate(boxes(50))]
    drawn = assert_same(predicted(some, most_detections=3))
    assert [one["score"] for one in drawn] == [0.47, 0.48, 0.49]


def test_numbers_of_classes_may_be_shifted() -> None:
    some = [{"image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4], "score": 0.5}]
    (drawn,) = assert_same(predicted(some, category_offset=1))
    assert drawn["value"]["rectanglelabels"] == ["cat"]


def test_a_box_far_away_is_named() -> None:
    content = coco.truth(whole([*boxes(2), *boxes(1, bbox=[1e9, 1, 1, 1])]), Ask(), Errors())
    errors = Errors()
    (task, _) = content.tasks
    Drawing(TOOLS, errors).as_text(task, (640, 479))
    assert [one.place for one in errors.found] == ["annotations[2]"]


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"bbox": [1, 1, -1, 1]}, "annotations[1].bbox"),
        ({"category_id": 10**30}, "annotations[1].category_id"),
        ({"area": -1}, "annotations[1].area"),
        ({"iscrowd": 2}, "annotations[1].iscrowd"),
    ],
)
def test_what_no_box_has_is_named(more: dict[str, Any], place: str) -> None:
    errors = Errors()
    coco.truth(whole([*boxes(1), {**boxes(1)[0], **more}]), Ask(), errors)
    assert [one.place for one in errors.found] == [place]


def test_an_entry_without_a_box_is_named() -> None:
    bare = {"image_id": 1, "category_id": 1}
    errors = Errors()
    content = coco.truth(whole([*boxes(1), bare]), Ask(), errors)
    (task, _) = content.tasks
    assert task.boxes is None
    task.read()
    assert [(one.place, one.message) for one in errors.found] == [
        ("annotations[1]", "has no bbox.")
    ]


def test_the_first_of_a_list_tells_what_it_has() -> None:
    long = {"image_id": 1, "category_id": 1, "segmentation": [[1.5] * 40_000], "score": 1}
    short = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}
    told = [
        coco.wanted(Source("results.json", json.dumps(some).encode()))
        for some in ([long], [short, long], [{**short, "keypoints": [1, 1, 2]}], [])
    ]
    assert told == ["masks", "boxes", "keypoints", None]
