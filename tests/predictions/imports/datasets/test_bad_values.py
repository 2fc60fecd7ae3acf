"""Values that a file may hold and nobody can use: refused by place, and nothing is stored."""

import base64
import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.base import CommandError

from predictions.models import Prediction, Project, Task
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load

pytestmark = pytest.mark.django_db

NO_NAME = "is no name: 1 to 500 characters, no control characters."
FAR = "lies over 10 times its image's size outside of it."
UNSIZED = "the size of its image is not known: give --images, or a file with sizes."


def coco(annotation: dict[str, Any], **more: Any) -> bytes:
    base = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 20, "height": 10}],
        "categories": [{"id": 1, "name": "Car", "keypoints": ["nose"]}],
        "annotations": [{**base, **annotation}],
        **more,
    }
    return json.dumps(document).encode()


def mask(size: list[int], counts: Any) -> bytes:
    return coco(
        {"segmentation": {"size": size, "counts": counts}},
        images=[{"id": 1, "file_name": "a.jpg"}],
    )


def yolo(yaml: str, line: str = "0 0.5 0.5 0.1 0.1") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("data.yaml", yaml)
        packed.writestr("labels/a.txt", line)
    return file.getvalue()


def fiftyone(width: int, x: float, **more: Any) -> bytes:
    detection = {"label": "Car", "bounding_box": [x, 0, 0.5, 0.5], **more}
    truth = {"_cls": "Detections", "detections": [detection]}
    metadata = {"width": width, "height": 10}
    sample = {"filepath": "a.jpg", "metadata": metadata, "ground_truth": truth}
    return json.dumps({"samples": [sample]}).encode()


def packed_mask() -> str:
    file = io.BytesIO()
    np.save(file, np.ones((2, 2), np.uint8))
    return base64.b64encode(zlib.compress(file.getvalue())).decode()


ALIASES = "names: [a]\na: &a {k: v}\nb: {<<: [*a, *a]}\n"
ONE_NUMBER = "labels/a.txt, line 1: must be a class number and finite numbers, separated by spaces."
FILES: dict[str, tuple[str, bytes, dict[str, str], str]] = {
    "a class that is no number": (
        "yolo", yolo("names: [a]", "nan 0.5 0.5 0.1 0.1"), {}, ONE_NUMBER,
    ),
    "an infinite class": ("yolo", yolo("names: [a]", "inf 0.5 0.5 0.1 0.1"), {}, ONE_NUMBER),
    "half a character": (
        "yolo", yolo('names: ["\\ud800"]'), {}, f"data.yaml: names[0]: '\\ud800' {NO_NAME}",
    ),
    "a control character": (
        "coco", coco({}, categories=[{"id": 1, "name": "a\x01"}]), {},
        f"categories[0].name: 'a\\x01' {NO_NAME}",
    ),
    "of a key point": (
        "coco",
        coco({"keypoints": [1, 1, 2]}, categories=[{"id": 1, "name": "a", "keypoints": ["\0"]}]),
        {}, f"keypoints: '\\x00' {NO_NAME}",
    ),
    "an alias": ("yolo", yolo(ALIASES), {}, "data.yaml: is no YAML: aliases (*name) are not read."),
    "many folders": (
        "yolo", yolo(f"names: [a]\ntrain: [{','.join('a' * 101)}]"), {},
        "data.yaml: may name 100 folders of images, of 1,000 characters each.",
    ),
    "sides below nothing": (
        "coco", mask([-1, -1], [1]), {"shapes": "masks"},
        "annotations[0].segmentation: a mask of -1 x -1: its sides are 1 to 65,535.",
    ),
    "no side": (
        "coco", mask([0, 5], "0"), {"shapes": "masks"},
        "annotations[0].segmentation: a mask of 5 x 0: its sides are 1 to 65,535.",
    ),
    "a key point far away": (
        "coco", coco({"keypoints": [1e300, 1, 2]}), {}, f"annotations[0]: {FAR}",
    ),
    "one id as two": (
        "coco", coco({}, images=[{"id": 1, "file_name": "a"}, {"id": "1", "file_name": "b"}]), {},
        "images[1].id: 1 stands twice.",
    ),
    "no width of an image": (
        "fiftyone", fiftyone(10**30, 0), {},
        f"t, samples[0].ground_truth.detections[0]: {UNSIZED}",
    ),
    "a mask far away": (
        "fiftyone", fiftyone(10, 1e308, mask=packed_mask()), {},
        "t, samples[0].ground_truth.detections[0]: its box is no share of the image: are these"
        " pixels?",
    ),
    "no radius": (
        "cvat",
        b'<annotations><image name="a.jpg" width="10" height="10"><ellipse label="a" cx="5" cy="5"'
        b' rx="-3" ry="1"/></image></annotations>',
        {}, "t, image 1, shape 1: its radii may not be negative.",
    ),
    "no address": (
        "coco", coco({}), {"image_root": "http://[a"},
        "'http://[a' is no address of pictures, as https://... is.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_ground_truth(ada: Caller, name: str) -> None:
    format_, content, more, message = FILES[name]
    body = {"title": "Bad values", "ground_truth": SimpleUploadedFile("t", content), **more}
    refused = ada.client.post(f"/api/load?format={format_}", body, format="multipart")
    assert refused.status_code == 400
    assert refused.json()["validation_errors"] == {"non_field_errors": [message]}
    assert not Project.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        coco({"segmentation": {"size": [10, 20], "counts": [0, 200]}}),
        coco({"segmentation": [[0, 0, 9, 0, 9, 9], [1, 1, 5, 1, 5, 5]]}),
    ],
    ids=["runs", "outlines"],
)
def test_masks_that_take_long(ada: Caller, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """A mask of the largest image takes a second, and a few bytes of the file."""
    monkeypatch.setattr("predictions.api.loads.MOST_WORK", 99)
    body: dict[str, Any] = {"title": "Bad values", "shapes": "masks"}
    body |= {"ground_truth": SimpleUploadedFile("t", content)}
    refused = ada.client.post("/api/load?format=coco", body, format="multipart")
    assert refused.status_code == 400
    message = "The masks take more work than a request may make: `manage.py load` takes them."
    assert refused.json()["validation_errors"] == {"non_field_errors": [message]}
    assert not Project.objects.exists()


LONG = b"1" + b"0" * 400
DETECTIONS: dict[str, tuple[str, bytes, str]] = {
    "a score that is a list": (
        "supervision",
        b'[{"image": "a.jpg", "x_min": 1, "y_min": 1, "x_max": 2, "y_max": 2, "class_name": "Car",'
        b' "confidence": []}]',
        "p, [0], confidence: [] is no number.",
    ),
    "a number that is none": (
        "inference",
        b'{"file": "a.jpg", "predictions": [{"x": 1, "y": 1, "width": 1, "height": 1, "class":'
        b' "Car", "confidence": 1, "keypoints": [{"class": "nose", "y": 1, "x": %b}]}]}' % LONG,
        "p, line 1, predictions[0].keypoints[0]: must have x, y and class.",
    ),
}


@pytest.mark.parametrize("name", DETECTIONS)
def test_a_file_of_detections(ada: Caller, name: str) -> None:
    format_, content, message = DETECTIONS[name]
    body = {
        "title": "Bad values",
        "model_version": "v",
        "predictions_format": format_,
        "ground_truth": SimpleUploadedFile("t", coco({})),
        "predictions": SimpleUploadedFile("p", content),
    }
    refused = ada.client.post("/api/load?format=coco", body, format="multipart")
    assert refused.status_code == 400
    assert refused.json()["validation_errors"] == {"non_field_errors": [message]}


def test_a_project_whose_tasks_show_no_address(ada: Caller, tmp_path: Path) -> None:
    """What it shows, and the size a region of its own gives, may be anything."""
    truth = tmp_path / "truth.json"
    truth.write_bytes(coco({}))
    load("coco", "--ground-truth", truth, "-P", "Cars")
    project = Project.objects.get()
    region = {"type": "x", "original_width": 10**400, "original_height": 3, "value": {}}
    task = {"data": {"image": "http://[a"}, "annotations": [{"result": [region]}]}
    sent = ada.client.post(f"/api/projects/{project.pk}/import", [task], format="json")
    assert sent.status_code == 201
    found = tmp_path / "found.json"
    found.write_text(
        json.dumps([{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "score": 1}])
    )
    load("coco", "--predictions", found, "-P", "Cars", "--model-version", "v")
    assert Prediction.objects.filter(model_version="v").count() == 1


def test_stored_and_not_evaluated(ada: Caller, tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    truth.write_bytes(coco({}))
    with pytest.raises(CommandError) as refused:
        load("coco", "--ground-truth", truth, "-P", "Cars", "--model-version", "v", "--evaluate")
    assert str(refused.value).splitlines() == [
        "The project has no predictions of version 'v'.",
        "The files are stored; the evaluation is not.",
    ]
    assert Task.objects.count() == 1
