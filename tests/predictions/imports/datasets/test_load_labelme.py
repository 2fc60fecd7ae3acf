"""`manage.py load labelme`: a JSON file an image."""

import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from predictions.regions.brush import decode_brush
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import (
    SIZE,
    refused,
    tasks,
    through_coco,
    truths,
    values,
)


def png(painted: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(np.array(painted, dtype=np.uint8) * 255).save(file, "PNG")
    return b64encode(file.getvalue()).decode()


def write(folder: Path, *shapes: Any, **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    document = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "..\\x\\a.jpg",
                "imageData": "aaaa", "imageHeight": 100, "imageWidth": 200, **more}  # fmt: skip
    (folder / "a.json").write_text(json.dumps(document))
    return folder


def shape(kind: str, *points: Any, **more: Any) -> dict[str, Any]:
    return {"label": "cat", "points": points, "group_id": None, "shape_type": kind, "flags": {},
            **more}  # fmt: skip


def test_rectangles_are_those_of_coco(ada: Caller, tmp_path: Path) -> None:
    expected, _ = through_coco(tmp_path)
    del expected[0][1]["meta"]
    path = write(
        tmp_path / "in",
        shape("rectangle", [40.5, 20], [10, 60]),
        shape("rectangle", [58, 64], [50, 60], label="dog"),
    )
    load("labelme", "--ground-truth", path, "-P", "Files")
    assert tasks() == [({"image": "a.jpg"}, {"image_name": "a.jpg", "split": "test", **SIZE})]
    assert values(truths()) == expected[:1]


def test_all_other_shapes(ada: Caller, tmp_path: Path) -> None:
    path = write(
        tmp_path / "in",
        shape("polygon", [0, 0], [100, 0], [100, 50]),
        shape("circle", [50, 50], [50, 60]),
        shape("mask", [10, 20], [11, 21], mask=png([[0, 1], [1, 0]])),
        shape("point", [1, 1]),
    )
    _, warned = load("labelme", "--ground-truth", path, "-P", "Files")
    assert warned == ["Warning: 1 of the kind point are passed over: there is no place for them."]
    (found,) = truths()
    painted = decode_brush(found[2]["value"].pop("rle"), width_px=200, height_px=100)
    assert [tuple(map(int, one)) for one in zip(*painted.nonzero(), strict=True)] == [
        (20, 11), (21, 10)
    ]  # fmt: skip
    assert values([found])[0] == [
        {"points": [[0.0, 0.0], [50.0, 0.0], [50.0, 50.0]], "polygonlabels": ["cat"]},
        {"x": 25.0, "y": 50.0, "radiusX": 5.0, "radiusY": 10.0, "rotation": 0.0,
         "ellipselabels": ["cat"]},
        {"format": "rle", "brushlabels": ["cat"]},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "more", "error"),
    [
        (shape("rectangle", [1, 2]), {},
         "a.json, shapes[0]: is a rectangle of 1 points: it has 2 or more."),
        (shape("rectangle", [1, "2"], [3, 4]), {},
         "a.json, shapes[0].points[0][1]: Expected `float`, got `str`."),
        (shape("cube", [1, 2]), {}, "a.json, shapes[0]: is a 'cube', which is not known."),
        (shape("mask", [1, 2], [3, 4], mask="AAAA"), {},
         "a.json, shapes[0]: its mask is no PNG: UnidentifiedImageError."),
        (shape("mask", [1, 2], [3, 4], mask="?"), {},
         "a.json, shapes[0]: its mask is no base64."),
        (shape("mask", [1, 2], [3, 4], mask="AAAA"), {"imageWidth": None},
         "a.json, shapes[0]: its image has no imageWidth and imageHeight."),
        (shape("rectangle", [1, 2], [3, 4], label=""), {},
         "a.json, shapes[0]: '' is no name: 1 to 500 characters, no control characters."),
        (shape("rectangle", [1, 2], [3, 4]), {"imageWidth": None},
         "a.json, shapes[0]: the size of its image is not known: give --images, or a file with"
         " sizes."),
    ],
)  # fmt: skip
def test_bad_files(
    ada: Caller, tmp_path: Path, given: Any, more: dict[str, Any], error: str
) -> None:
    path = write(tmp_path / "in", given, **more)
    assert refused("labelme", "--ground-truth", path, "-P", "Files") == [error]
