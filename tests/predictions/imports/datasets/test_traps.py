"""What goes wrong with files of any format: names that fit two tasks, errors without end, broken
archives. Nothing is left behind.
"""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import (
    COCO,
    RESULTS,
    both,
    coco_truth,
    refused,
    said,
)

SAID = ("-P", "Files", "--model-version", "v1", "--predictions")


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def truth(folder: Path, *names: str) -> Path:
    images = [{**COCO["images"][0], "id": n, "file_name": name} for n, name in enumerate(names)]
    return write(folder / "truth.json", {**COCO, "images": images, "annotations": []})


def results(folder: Path, image_id: Any) -> Path:
    result = {"image_id": image_id, "category_id": 0, "bbox": [1, 2, 3, 4], "score": 0.5}
    return write(folder / "results.json", [result])


@pytest.mark.parametrize(
    ("names", "image_id", "error"),
    [
        (("left/a.jpg", "right/a.png"), "a",
         "predictions[0].image_id: 'a' may be images[0] or images[1]."),
        (("07.jpg", "007.jpg"), 7,
         "predictions[0].image_id: '7' may be images[0] or images[1]."),
        (("a.jpg", "b.jpg"), "c",
         "predictions[0].image_id: 'c' is not among the images of the ground truth."),
    ],
)  # fmt: skip
def test_a_name_that_fits_two_images(
    ada: Caller, tmp_path: Path, names: tuple[str, ...], image_id: Any, error: str
) -> None:
    arguments = ("coco", "--ground-truth", truth(tmp_path, *names), *SAID)
    assert refused(*arguments, results(tmp_path, image_id)) == [error]


@pytest.mark.parametrize("format_", ["dota", "inference"])
@pytest.mark.parametrize("is_alone", [False, True])
def test_a_file_is_called_as_its_image_and_not_by_an_id(
    ada: Caller, tmp_path: Path, format_: str, is_alone: bool
) -> None:
    """The image of the id 0 is called 1.jpg, and that of the id 1 is called 0.jpg."""
    folder = tmp_path / "said"
    folder.mkdir()
    (folder / "Task2_cat.txt").write_text("1 0.5 1 2 4 6\n")
    found = {"x": 2, "y": 4, "width": 2, "height": 4, "confidence": 0.5, "class": "cat"}
    write(folder / "1.json", {"predictions": [found]})
    known = ("--ground-truth", truth(tmp_path, "1.jpg", "0.jpg"))
    if is_alone:
        load("coco", *known, "-P", "Files")
        _, warned = load(format_, *SAID, folder)
    else:
        _, warned = load("coco", *known, *SAID, folder, "--predictions-format", format_)
    assert warned == []
    found_of = Task.objects.get(meta__image_name="1.jpg").pk
    tasks = Prediction.objects.exclude(result=[]).values_list("task_id", flat=True)
    assert list(tasks) == [found_of]


def test_a_name_that_fits_two_tasks(ada: Caller, tmp_path: Path) -> None:
    load("coco", "--ground-truth", truth(tmp_path, "left/a.jpg", "right/a.jpg"), "-P", "Files")
    first, second = Task.objects.order_by("id").values_list("pk", flat=True)
    other = {**COCO["images"][0], "id": 77, "file_name": "elsewhere/a.jpg"}
    document = {**COCO, "images": [other], "annotations": []}
    path = write(tmp_path / "other.json", document)
    with pytest.raises(CommandError) as caught:
        load("coco", "--ground-truth", path, "-P", "Files")
    assert str(caught.value).splitlines() == [
        f"images[0]: 'elsewhere/a.jpg' may be task {first} of the project or task {second} of the"
        " project.",
        "Nothing is stored.",
    ]
    assert Task.objects.count() == 2


def test_a_thousand_errors_are_enough(ada: Caller, tmp_path: Path) -> None:
    bad = {"image_id": 1, "category_id": 0, "bbox": [1, 2, -3, 4]}
    path = write(tmp_path / "a.json", {**COCO, "annotations": [bad] * 1200})
    errors = refused("coco", "--ground-truth", path, "-P", "Files")
    assert len(errors) == 1001
    assert errors[999] == "annotations[999].bbox: width and height may not be negative."
    assert errors[1000] == "Stopped after 1,000 errors."


def packed(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return content.getvalue()


def encrypted() -> bytes:
    """An archive whose only entry says that it is encrypted."""
    content = bytearray(packed(a="text"))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(signature) + at
        content[place : place + 2] = struct.pack("<H", 1)
    return bytes(content)


def crowded() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for n in range(100_001):
            archive.writestr(zipfile.ZipInfo(str(n)), b"")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (lambda: packed(**{"data.yaml": "names: [a]", "labels__a.txt": "0 1 1 1 1"})[:-40],
         "{}: cannot be read as ZIP: File is not a zip file"),
        (encrypted, "{}: is encrypted: 'a'."),
        (crowded, "{}: holds over 100,000 entries."),
    ],
    ids=["truncated", "encrypted", "crowded"],
)  # fmt: skip
def test_archives(ada: Caller, tmp_path: Path, content: Any, error: str) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content())
    with pytest.raises(CommandError) as caught:
        load("yolo", "--ground-truth", path, "-P", "Files")
    assert str(caught.value).splitlines()[0] == error.format(path)
    assert not Project.objects.exists()


def test_outlines_and_boxes_in_one_folder_of_labels_without_yaml(
    ada: Caller, tmp_path: Path
) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.3 0.2 0.3 0.4\n")
    (tmp_path / "b.txt").write_text("")
    for name in "ab":
        Image.new("L", (100, 50)).save(tmp_path / f"{name}.png")
    load("yolo", "--ground-truth", tmp_path, "-P", "Files")
    found = [[one["type"] for one in row.result] for row in Annotation.objects.order_by("task_id")]
    assert found == [["rectanglelabels", "polygonlabels"], []]
    assert said() == []


def test_a_version_dumped_as_results_comes_back_under_the_same_classes(
    ada: Caller, tmp_path: Path
) -> None:
    """Of a project whose labels count from 0, as YOLO's do; no result is of its last class."""
    (tmp_path / "classes.txt").write_text("cat\ndog\nbus\n")
    Image.new("1", (200, 100)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.5 0.5\n")
    load("yolo", "--ground-truth", tmp_path, "-P", "Files")
    corners = {"x_min": 50, "y_min": 25, "x_max": 150, "y_max": 75}
    names = {"image": "a.png", "class_name": "cat", "confidence": 0.5}
    (tmp_path / "said.json").write_text(json.dumps([corners | names]))
    again = ("-P", "Files", "--model-version")
    load("supervision", "--predictions", tmp_path / "said.json", *again, "v1")
    results = tmp_path / "results.json"
    project = Project.objects.get().pk
    told = {"project": project, "workspace": "lab", "model_version": "v1"}
    call_command("dump", "coco", results, **told)
    _, warned = load("coco", "--predictions", results, *again, "v2")
    first, second = Prediction.objects.order_by("model_version")
    assert (first.result, warned) == (second.result, [])


@pytest.mark.parametrize(
    ("numbers", "offset", "label", "is_warned"),
    [
        ([1], [], "dog", True),
        ([1], ["--category-offset", "0"], "dog", False),
        ([1], ["--category-offset", "-1"], "cat", False),
        ([0, 1], [], "cat", False),
    ],
)
@pytest.mark.parametrize("form", ["boxes", "masks"])
def test_results_that_may_count_from_one_are_warned_of(
    ada: Caller,
    tmp_path: Path,
    numbers: list[int],
    offset: list[str],
    label: str,
    is_warned: bool,
    form: str,
) -> None:
    """Where the ground truth counts from 0."""
    outline = {"segmentation": [[0, 0, 8, 0, 8, 8]]} if form == "masks" else {}
    results = [{**RESULTS[1], "category_id": number, **outline} for number in numbers]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    _, warned = both("coco", coco_truth(tmp_path), path, "--shapes", "boxes", *offset)
    text = (
        "Warning: No result is of class number 0, 'cat', and all would fit if they counted from 1:"
        " 1 is read as 'dog', and not as 'cat'. If they count so, give --category-offset -1; else"
        " 0."
    )
    assert warned == ([text] if is_warned else [])
    assert said()[1][0]["value"]["rectanglelabels"] == [label]
