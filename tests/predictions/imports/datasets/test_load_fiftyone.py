"""`manage.py load fiftyone`: samples.json of an exported data set."""

import io
import json
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from predictions.models import Project
from predictions.regions.brush import decode_brush
from tests.conftest import Caller
from tests.predictions.imports.datasets.scenes import (
    both,
    refused,
    said,
    through_coco,
    truths,
    values,
)


def packed(array: Any, *, level: int = 6) -> dict[str, Any]:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    told = b64encode(zlib.compress(file.getvalue(), level)).decode()
    return {"$binary": {"base64": told, "subType": "00"}}


def detection(label: str, box: list[float], **more: Any) -> dict[str, Any]:
    return {"_cls": "Detection", "label": label, "bounding_box": box, "tags": [], **more}


def sample(name: str, truth: Any, found: Any = None) -> dict[str, Any]:
    return {
        "filepath": f"data/{name}", "tags": ["validation"],
        "metadata": {"_cls": "ImageMetadata", "width": 200, "height": 100},
        "ground_truth": {"_cls": "Detections", "detections": truth},
        "predictions": {"_cls": "Detections", "detections": found or []},
    }  # fmt: skip


def write(folder: Path, *samples: Any) -> Path:
    path = folder / "samples.json"
    path.write_text(json.dumps({"samples": samples}))
    return path


def test_boxes_are_those_of_coco(ada: Caller, tmp_path: Path) -> None:
    expected = through_coco(tmp_path)
    path = write(
        tmp_path,
        sample(
            "a.jpg",
            [detection("cat", [0.05, 0.2, 0.1525, 0.4]),
             detection("dog", [0.25, 0.6, 0.04, 0.04], iscrowd=1)],
            [detection("dog", [0.0625, 0.2, 0.15, 0.4], confidence=0.75)],
        ),
        sample("b.jpg", [], [detection("cat", [0, 0, 0.04, 0.16], confidence=0.25)]),
    )  # fmt: skip
    both("fiftyone", path, path)
    for mine, wanted in zip((values(truths()), values(said())), expected, strict=True):
        near = [
            [{k: pytest.approx(v, abs=1e-12) if isinstance(v, float) else v
              for k, v in one.items()} for one in task]
            for task in wanted
        ]  # fmt: skip
        assert mine == near


def test_masks_and_classes(ada: Caller, tmp_path: Path) -> None:
    mask = packed(np.array([[True, False], [False, True]]))
    one = sample("a.jpg", [detection("cat", [0.05, 0.1, 0.01, 0.02], mask=mask)])
    one["predictions"] = {"_cls": "Classification", "label": "dog", "confidence": 0.5}
    path = write(tmp_path, one)
    both("fiftyone", path, path)
    (found,) = truths()
    painted = decode_brush(found[0]["value"]["rle"], width_px=200, height_px=100)
    assert [tuple(map(int, at)) for at in zip(*painted.nonzero(), strict=True)] == [
        (10, 10), (11, 11)
    ]  # fmt: skip
    assert values(said()) == [[{"choices": ["dog"], "score": 0.5}]]


def classes_of(*labels: str, score: float | None = None) -> dict[str, Any]:
    more = {} if score is None else {"confidence": score}
    found = [{"_cls": "Classification", "label": one, **more} for one in labels]
    return {"_cls": "Classifications", "classifications": found}


@pytest.mark.parametrize(
    ("true", "found", "is_multiple"),
    [
        (("cat", "dog"), ("cat",), True),
        (("cat", "cat"), ("cat",), False),
        # Of one class that is true a model may score every class.
        (("cat",), ("cat", "dog"), False),
    ],
)
def test_several_classes_of_an_image(
    ada: Caller, tmp_path: Path, true: tuple[str, ...], found: tuple[str, ...], is_multiple: bool
) -> None:
    one = sample("a.jpg", [])
    one |= {"ground_truth": classes_of(*true), "predictions": classes_of(*found, score=0.5)}
    path = write(tmp_path, one)
    both("fiftyone", path, path)
    assert ('choice="multiple"' in Project.objects.get().label_config) == is_multiple


@pytest.mark.parametrize(
    ("box", "corners"),
    [
        ([0.05, 0.1, 0.04, 0.04], [(10, 10, 14, 12), (14, 12, 18, 14)]),
        ([0.98, 0.98, 0.04, 0.04], [(196, 98, 200, 100)]),
        ([-0.02, -0.02, 0.04, 0.04], [(0, 0, 4, 2)]),
        ([2.0, 2.0, 0.04, 0.04], []),
    ],
    ids=["within", "beyond the right", "beyond the left", "outside"],
)
def test_a_mask_is_drawn_over_its_box(
    ada: Caller, tmp_path: Path, box: list[float], corners: list[tuple[int, int, int, int]]
) -> None:
    """Of two by two pixels, over a box of eight by four."""
    mask = packed(np.array([[True, False], [False, True]]))
    path = write(tmp_path, sample("a.jpg", [detection("cat", box, mask=mask)]))
    both("fiftyone", path, path)
    expected = np.zeros((100, 200), dtype=bool)
    for left, top, right, bottom in corners:
        expected[top:bottom, left:right] = True
    (found,) = truths()
    painted = decode_brush(found[0]["value"]["rle"], width_px=200, height_px=100)
    assert np.array_equal(painted > 0, expected)


BOX = [0.0, 0.0, 0.1, 0.1]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (detection("cat", [0.0, 0.0, 0.1]),
         ".bounding_box: Expected `array` of length 4, got 3."),
        (detection("cat", [0.0, 0.0, -0.1, 0.1]), ": width and height may not be negative."),
        (detection("cat", BOX, mask="?"), ": its mask is no base64."),
        (detection("cat", BOX, mask="AAAA"),
         ": its mask is nothing that zlib packed."),
        (detection("cat", BOX, mask=packed(np.zeros(3, dtype=bool))),
         ": its mask is an array of bool of 1 dimensions, no mask."),
        (detection("cat", BOX, mask=packed(np.array([[{}]], dtype=object))),
         ": its mask is an array of object of 2 dimensions, no mask."),
        (detection("cat", BOX, mask=packed(np.zeros((9000, 9000), dtype=bool), level=1)),
         ": its mask is cut short, or unpacks to over 67,174,400 bytes."),
        (detection("cat", BOX, mask_path="../a.png"), ": its mask '../a.png' is not in the"
         " folder."),
    ],
)  # fmt: skip
def test_bad_detections(ada: Caller, tmp_path: Path, given: Any, error: str) -> None:
    path = write(tmp_path, sample("a.jpg", [detection("dog", BOX), given]))
    assert refused("fiftyone", "--ground-truth", path, "-P", "Files") == [
        f"samples.json, samples[0].ground_truth.detections[1]{error}"
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"ground_truth": None},
         "samples.json: no sample has the field 'ground_truth' with labels; there are"
         " predictions. Name it with --truth-field or --predictions-field (`truth_field`,"
         " `predictions_field`)."),
        ({"filepath": None}, "samples.json, samples[0].filepath: Expected `str`, got `null`."),
        ({"ground_truth": {"_cls": "Regression", "value": 1}},
         "samples.json, samples[0].ground_truth: 'Regression' is not read: only Detections,"
         " Polylines and Classifications are."),
    ],
)  # fmt: skip
def test_bad_samples(ada: Caller, tmp_path: Path, change: dict[str, Any], error: str) -> None:
    path = write(tmp_path, {**sample("a.jpg", []), **change})
    assert refused("fiftyone", "--ground-truth", path, "-P", "Files") == [error]
