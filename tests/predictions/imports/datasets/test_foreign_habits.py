"""Files as other tools write them: without suffixes or sizes, counted or ordered otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from predictions.models import Annotation, Prediction, Project
from tests.conftest import IMAGE_CONFIG, Caller, MakeProject
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import COCO, both, tasks, truths, values
from tests.predictions.imports.datasets.test_load_voc import thing, voc

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("format_", "suffix", "line"),
    [
        ("yolo", ".png", "0 0.5 0.5 0.5 0.5\n"),
        ("yolo", ".jpg", "0 0.5 0.5 0.5 0.5\n"),
        ("dota", ".jpg", "50 25 150 25 150 75 50 75 cat 0\n"),
        ("dota", ".tif", "50 25 150 25 150 75 50 75 cat 0\n"),
    ],
)
def test_pictures_elsewhere_tell_the_suffix(
    ada: Caller, tmp_path: Path, format_: str, suffix: str, line: str
) -> None:
    labels, pictures = tmp_path / "labels", tmp_path / "pictures"
    labels.mkdir()
    pictures.mkdir()
    for name in ("a", "b"):
        Image.new("L", (200, 100)).save(pictures / f"{name}{suffix}")
    (labels / "a.txt").write_text(line)
    (labels / "b.txt").write_text("")
    if format_ == "yolo":
        (labels / "classes.txt").write_text("cat\n")
    load(format_, "--ground-truth", labels, "-P", "Files", "--images", pictures)
    assert [meta["image_name"] for _, meta in tasks()] == [f"a{suffix}", f"b{suffix}"]
    assert [data["image"].rpartition("/")[2] for data, _ in tasks()] == [f"a{suffix}", f"b{suffix}"]
    box = {"x": 25.0, "y": 25.0, "width": 50.0, "height": 50.0, "rotation": 0.0}
    assert values(truths()) == [[{**box, "rectanglelabels": ["cat"]}], []]


def test_an_image_of_0_x_0_pixels_is_one_of_unknown_size(ada: Caller, tmp_path: Path) -> None:
    """As exports write images without regions; beside objects a size is still needed."""
    first, second = COCO["images"]
    document = {**COCO, "images": [first, {**second, "width": 0, "height": 0}]}
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(document))
    lines, _ = load("coco", "--ground-truth", path, "-P", "Files")
    assert ": 2 images," in lines[0]


def test_voc_counted_from_0_is_warned_of(ada: Caller, tmp_path: Path) -> None:
    for name, corners in (("a", (0, 10, 99, 59)), ("b", (1, 1, 100, 60))):
        text = voc(thing(corners=corners), thing("dog")).replace("a.png", f"{name}.png")
        (tmp_path / f"{name}.xml").write_text(text)
    _, warned = load("voc", "--ground-truth", tmp_path, "-P", "Files")
    assert warned == [
        "Warning: 1 objects have a corner at 0, as files have that count pixels from 0: here they"
        " count from 1, as VOC's do, so that boxes of such files are off by a pixel."
    ]


def box(label: str) -> Json:
    value = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": [label]}
    return {"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}


def listed(key: str, *entries: tuple[int | None, str], **more: Any) -> list[Json]:
    """A task of Label Studio with these annotations or predictions, by id and label."""
    found = [
        {"result": [box(label)], **({} if id_ is None else {"id": id_}), **more}
        for id_, label in entries
    ]
    return [{"data": {"image": "https://photos.test/a.jpg"}, key: found}]


LISTS: list[tuple[list[tuple[int | None, str]], str]] = [
    ([(7, "Car"), (8, "Person")], "Person"),
    ([(8, "Car"), (7, "Person")], "Car"),
    ([(8, "Car"), (None, "Person")], "Person"),
    ([(None, "Car"), (None, "Person")], "Person"),
]


@pytest.mark.parametrize(("entries", "newest"), LISTS)
def test_the_newest_is_that_of_the_highest_id(
    ada: Caller, tmp_path: Path, entries: list[tuple[int | None, str]], newest: str
) -> None:
    truth, said = tmp_path / "truth", tmp_path / "said"
    truth.write_text(json.dumps(listed("annotations", *entries)))
    said.write_text(json.dumps(listed("predictions", *entries)))
    both("labelstudio", truth, said)
    assert [row.result for row in Annotation.objects.all()] == [[box(newest)]]
    assert [row.result for row in Prediction.objects.all()] == [[box(newest)]]


@pytest.mark.parametrize(("entries", "newest"), LISTS)
def test_an_import_keeps_the_order_of_ids(
    ada: Caller, make_project: MakeProject, entries: list[tuple[int | None, str]], newest: str
) -> None:
    project: Project = make_project(ada, IMAGE_CONFIG)
    for key in ("annotations", "predictions"):
        url = f"/api/projects/{project.pk}/import"
        assert ada.client.post(url, listed(key, *entries), format="json").status_code == 201
    for model in (Annotation, Prediction):
        assert [one.result for one in model.objects.order_by("id")][-1] == [box(newest)]
