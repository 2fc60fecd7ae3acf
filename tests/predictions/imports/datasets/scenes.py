"""What loading stored, as tests of formats compare it."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from predictions.models import Annotation, Prediction, Project, Task
from tests.predictions.imports.datasets.loading import load


def both(name: str, truth: Path, said: Path, *more: object) -> tuple[list[str], list[str]]:
    return load(
        name, "--ground-truth", truth, "--predictions", said, "-P", "Files",
        "--model-version", "v1", *more,
    )  # fmt: skip


def together_or_not(name: str, truth: Path, found: Path, *, is_together: bool) -> list[str]:
    """The warnings of what is loaded beside its ground truth, or into the project that has it."""
    if is_together:
        return both(name, truth, found)[1]
    load(name, "--ground-truth", truth, "-P", "Files")
    return load(name, "--predictions", found, "-P", "Files", "--model-version", "v1")[1]


def refused(*arguments: object) -> list[str]:
    """The errors of a load that stores nothing."""
    with pytest.raises(CommandError) as caught:
        load(*arguments)
    assert not Project.objects.exists()
    *errors, last = str(caught.value).splitlines()
    assert last == "Nothing is stored."
    return errors


def truths() -> list[Any]:
    return [row.result for row in Annotation.objects.order_by("task_id")]


def said() -> list[Any]:
    return [row.result for row in Prediction.objects.order_by("task_id")]


def values(results: list[Any]) -> list[Any]:
    """Of each task the values of its regions, with the score and meta where there are any."""
    return [
        [
            one["value"] | {name: one[name] for name in ("score", "meta") if name in one}
            for one in result
        ]
        for result in results
    ]


def tasks() -> list[tuple[Any, Any]]:
    return [(one.data, one.meta) for one in Task.objects.order_by("id")]


#: What each task keeps of the size of its image.
SIZE = {"image_size": {"width": 200, "height": 100}}
#: Two images of 200 x 100, on the second of which is nothing.
COCO: dict[str, list[dict[str, Any]]] = {
    "images": [
        {"id": 1, "file_name": "a.jpg", "width": 200, "height": 100},
        {"id": 2, "file_name": "b.jpg", "width": 200, "height": 100},
    ],
    "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 0, "bbox": [10, 20, 30.5, 40]},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [50, 60, 8, 4], "iscrowd": 1},
    ],
}
RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [12.5, 20, 30, 40], "score": 0.75},
    {"image_id": 2, "category_id": 0, "bbox": [0, 0, 8, 16], "score": 0.25},
]


def coco_truth(folder: Path) -> Path:
    path = folder / "coco.json"
    path.write_text(json.dumps(COCO))
    return path


def through_coco(folder: Path) -> tuple[list[Any], list[Any]]:
    """Ground truth and predictions as COCO's files of the same objects are stored; both are taken
    away again.
    """
    path = folder / "results.json"
    path.write_text(json.dumps(RESULTS))
    both("coco", coco_truth(folder), path)
    found = values(truths()), values(said())
    Project.objects.all().delete()
    return found
