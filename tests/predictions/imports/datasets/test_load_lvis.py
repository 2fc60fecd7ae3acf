"""`manage.py load lvis`: COCO with LVIS's words."""

import json
from pathlib import Path

from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import (
    COCO,
    SIZE,
    both,
    coco_truth,
    said,
    tasks,
    through_coco,
    truths,
    values,
)


def test_its_words_are_kept_and_not_applied(ada: Caller, tmp_path: Path) -> None:
    expected, _ = through_coco(tmp_path)
    words = {"neg_category_ids": [1], "not_exhaustive_category_ids": [0]}
    images = [
        {**image, **words, "coco_url": f"http://images.cocodataset.org/val/{image['file_name']}"}
        for image in COCO["images"]
    ]
    for image in images:
        del image["file_name"]
    path = tmp_path / "lvis.json"
    path.write_text(json.dumps({**COCO, "images": images}))
    _, warned = load("lvis", "--ground-truth", path, "-P", "Files")
    assert warned == [
        "Warning: LVIS's neg_category_ids and not_exhaustive_category_ids are kept in each task's"
        " meta and not applied: its average precision has other rules."
    ]
    assert [meta for _, meta in tasks()] == [
        {"image_name": "a.jpg", "image_id": "1", "split": "test", **SIZE, **words},
        {"image_name": "b.jpg", "image_id": "2", "split": "test", **SIZE, **words},
    ]
    assert values(truths()) == expected


def test_detections_beyond_the_best_300_of_an_image_are_left_out(
    ada: Caller, tmp_path: Path
) -> None:
    # Two of 0.5 are one too many: the later one goes, with those below.
    scores = [0.25, *([0.75] * 299), 0.5, 0.5, 0.125]
    results = [
        {"image_id": 1, "category_id": 0, "bbox": [n / 8, 20, 30, 40], "score": score}
        for n, score in enumerate(scores)
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps([*results, {**results[0], "image_id": 2}]))
    _, warned = both("lvis", coco_truth(tmp_path), path)
    assert warned == [
        "Warning: 3 detections are left out: LVIS counts the 300 best of an image. The format coco"
        " reads all."
    ]
    first, second = values(said())
    assert [(round(16 * one["x"]), one["score"]) for one in first] == [
        (n, scores[n]) for n in range(1, 301)
    ]
    assert len(second) == 1
