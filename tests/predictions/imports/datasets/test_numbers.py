"""Classes that files of one project number differently: lists of results name them by number."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from predictions.models import Prediction, Project
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load

WARNING = (
    "Warning: The file numbers classes otherwise than the project: {told} in the labelling config."
    " From now on a list of results, which names them by number, needs the file of its images"
    " beside it."
)
NO_NUMBERS = (
    "predictions: results name classes by number: give the ground truth's file, too, load into a"
    " project whose labels have their numbers, or give a whole COCO file with scores."
)


def truth(path: Path, image: int, **classes: int) -> Path:
    document = {
        "images": [{"id": image, "file_name": f"{image}.jpg", "width": 100, "height": 100}],
        "categories": [{"id": number, "name": name} for name, number in classes.items()],
        "annotations": [],
    }
    path.write_text(json.dumps(document))
    return path


def results(path: Path, image: int) -> Path:
    path.write_text(
        json.dumps([{"image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}])
    )
    return path


def labels() -> list[Any]:
    every = Prediction.objects.order_by("task_id").values_list("result", flat=True)
    return [[one["value"]["rectanglelabels"] for one in result] for result in every]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"a": 2, "b": 1}, "2 is 'a' in the file, and 'b'"),
        ({"b": 1}, "1 is 'b' in the file, and 'a'"),
        ({"a": 5, "b": 2}, "5 is 'a' in the file, and no class"),
    ],
)
def test_numbers_that_files_contradict_are_said_and_no_longer_read(
    ada: Caller, tmp_path: Path, second: dict[str, int], told: str
) -> None:
    first = truth(tmp_path / "first.json", 1, a=1, b=2)
    other = truth(tmp_path / "other.json", 2, **second)
    said = results(tmp_path / "said.json", 2)
    load("coco", "--ground-truth", first, "-P", "Files")
    Project.objects.update(control_weights={"box": {"overall": 0.5}})
    for _ in range(2):
        _, warned = load("coco", "--ground-truth", other, "-P", "Files")
        assert warned == [WARNING.format(told=told)]
    project = Project.objects.get()
    assert project.control_weights == {"box": {"overall": 0.5}}
    for name, number in second.items():
        is_other = {"a": 1, "b": 2}[name] != number
        assert (f'other_categories="{number}"' in project.label_config) == is_other
    alone = ("coco", "--predictions", said, "-P", "Files", "--model-version", "v1")
    with pytest.raises(CommandError) as caught:
        load(*alone)
    assert str(caught.value).splitlines()[0] == NO_NUMBERS
    if 1 in second.values():
        load(*alone, "--ground-truth", other)
        assert labels() == [[["b"]]]


@pytest.mark.django_db
def test_the_same_numbers_are_read(ada: Caller, tmp_path: Path) -> None:
    load("coco", "--ground-truth", truth(tmp_path / "first.json", 1, a=1, b=2), "-P", "Files")
    other = truth(tmp_path / "other.json", 2, b=2)
    assert load("coco", "--ground-truth", other, "-P", "Files")[1] == []
    said = results(tmp_path / "said.json", 2)
    load("coco", "--predictions", said, "-P", "Files", "--model-version", "v1")
    assert labels() == [[["a"]]]
