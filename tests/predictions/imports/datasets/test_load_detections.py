"""`manage.py load` of what supervision's sinks and Roboflow's inference write."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import (
    coco_truth,
    refused,
    said,
    through_coco,
    truths,
    values,
)

CSV = (
    "x_min,y_min,x_max,y_max,class_id,confidence,tracker_id,class_name,image_name\n"
    "12.5,20.0,42.5,60.0,1,0.75,,dog,a.jpg\n0,0,8,16,0,0.25,,,b.jpg\n"
)
SINK = [
    {"x_min": "12.5", "y_min": "20", "x_max": "42.5", "y_max": "60", "class_id": 1,
     "confidence": 0.75, "tracker_id": "", "class_name": "dog", "frame": "a.jpg"},
    {"x_min": 0, "y_min": 0, "x_max": 8, "y_max": 16, "class_id": 0,
     "confidence": 0.25, "tracker_id": "", "class_name": "cat", "frame": "b.jpg"},
]  # fmt: skip
DOCUMENTS: list[dict[str, Any]] = [
    {"predictions": [{"x": 27.5, "y": 40, "width": 30, "height": 40, "confidence": 0.75,
                      "class": "dog", "class_id": 1, "detection_id": "x"}],
     "image": {"width": 200, "height": 100}, "image_name": "a.jpg"},
    {"predictions": [{"x": 4, "y": 8, "width": 8, "height": 16, "confidence": 0.25,
                      "class": "cat"}],
     "image": {"width": 200, "height": 100}, "image_name": "b.jpg"},
]  # fmt: skip


def loaded(name: str, folder: Path, path: Path, *more: object) -> tuple[list[Any], list[Any]]:
    load(
        "coco", "--ground-truth", coco_truth(folder), "--predictions", path, "-P", "Files",
        "--model-version", "v1", "--predictions-format", name, *more,
    )  # fmt: skip
    return values(truths()), values(said())


def test_supervision(ada: Caller, tmp_path: Path) -> None:
    expected = through_coco(tmp_path)
    path = tmp_path / "sink.csv"
    path.write_text(CSV)
    assert loaded("supervision", tmp_path, path) == expected


def test_supervisions_numbers_of_classes_are_warned_of(ada: Caller, tmp_path: Path) -> None:
    path = tmp_path / "sink.csv"
    path.write_text(CSV)
    told = ("-P", "Files", "--model-version", "v1", "--predictions-format", "supervision")
    _, warned = load(
        "coco", "--ground-truth", coco_truth(tmp_path), "--predictions", path, *told
    )  # fmt: skip
    assert warned == [
        "Warning: 1 rows have no class_name: their class_id is taken for the number that classes"
        " have in the ground truth, or in the labelling config (category), such as 0 for 'cat'."
    ]


def test_supervision_json_with_a_column_of_its_own(ada: Caller, tmp_path: Path) -> None:
    expected = through_coco(tmp_path)
    path = tmp_path / "sink.json"
    path.write_text(json.dumps(SINK))
    assert loaded("supervision", tmp_path, path, "--image-column", "frame") == expected


@pytest.mark.parametrize("form", ["lines", "list", "folder"])
def test_inference(ada: Caller, tmp_path: Path, form: str) -> None:
    expected = through_coco(tmp_path)
    path = tmp_path / "found"
    if form == "folder":
        path.mkdir()
        for document, name in zip(DOCUMENTS, ("a.json", "b.jpg.json"), strict=True):
            (path / name).write_text(json.dumps(document))
    elif form == "list":
        path.write_text(json.dumps(DOCUMENTS))
    else:
        path.write_text("\n".join(map(json.dumps, DOCUMENTS)))
    assert loaded("inference", tmp_path, path) == expected


def test_outlines_and_key_points(ada: Caller, tmp_path: Path) -> None:
    outline = [{"x": 10, "y": 10}, {"x": 20, "y": 10}, {"x": 20, "y": 50}]
    joints = [{"x": 12, "y": 11, "confidence": 0.9, "class": "nose", "class_id": 0}]
    place = {"x": 15, "y": 30, "width": 10, "height": 40, "confidence": 0.5, "class": "cat"}
    path = tmp_path / "a.json"
    found = {**DOCUMENTS[0], "predictions": [{**place, "points": outline},
                                             {**place, "keypoints": joints}]}  # fmt: skip
    path.write_text(json.dumps(found))
    truth = tmp_path / "truth.json"
    truth.write_text(
        json.dumps({
            "images": [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}],
            "categories": [{"id": 0, "name": "cat", "keypoints": ["nose"]}], "annotations": [],
        })
    )  # fmt: skip
    load(
        "coco", "--ground-truth", truth, "--predictions", path, "-P", "Files",
        "--model-version", "v1", "--predictions-format", "inference",
    )  # fmt: skip
    assert values(said()) == [
        [
            {"points": [[5.0, 10.0], [10.0, 10.0], [10.0, 50.0]], "polygonlabels": ["cat"],
             "score": 0.5},
            {"x": 5.0, "y": 10.0, "width": 5.0, "height": 40.0, "rotation": 0.0,
             "rectanglelabels": ["cat"], "score": 0.5},
            {"x": 6.0, "y": 11.0, "width": 0.5, "keypointlabels": ["nose"]},
        ]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("supervision", CSV.replace("image_name", "track"),
         "{}, line 2: has no column that names the image: give the sink custom_data with"
         " image_name, or name the column with --image-column. There are x_min, y_min, x_max,"
         " y_max, class_id, confidence, tracker_id, class_name, track."),
        ("supervision", CSV.replace("12.5", "x"), "{}, line 2, x_min: 'x' is no number."),
        ("supervision", CSV.replace("42.5", "2.5"),
         "{}, line 2: its last corner lies before its first."),
        ("supervision", CSV.replace("0.75", ""), "{}, line 2: has no score."),
        ("supervision", CSV.replace("16,0", "16,9"),
         "{}, line 3: has no class_name, and its class_id is not among the known classes."),
        ("supervision", "a,b\n", "{}, line 1: has no column 'x_min', only a, b."),
        ("supervision", "[1]", "{}, [0]: Expected `object`, got `int`."),
        ("inference", "[", "{}: Input data was truncated."),
        ("inference", '{"predictions": []}',
         "{}, line 1: names no image: it needs one of image_name, file_name, file, source."),
        ("inference", '{"predictions": [{"x": "1"}], "file": "a.jpg"}',
         "{}, line 1, predictions[0].x: Expected `float`, got `str`."),
        ("inference", json.dumps(DOCUMENTS[0]).replace('"width": 30', '"width": -1'),
         "{}, line 1, predictions[0]: width and height may not be negative."),
        ("inference", json.dumps(DOCUMENTS[0]).replace("a.jpg", "z.jpg"),
         "{}, line 1: 'z.jpg' is not among the images of the ground truth."),
    ],
)  # fmt: skip
def test_bad_files(ada: Caller, tmp_path: Path, name: str, text: str, error: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    assert refused(
        "coco", "--ground-truth", coco_truth(tmp_path), "--predictions", path, "-P", "Files",
        "--model-version", "v1", "--predictions-format", name,
    ) == [error.replace("{}", str(path))]  # fmt: skip
