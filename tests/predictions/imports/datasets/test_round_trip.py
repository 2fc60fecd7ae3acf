"""What comes in, goes out and comes in again gives the same evaluation, to the last bit."""

import io
import json
import random
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from evals.models import ModelEval
from evals.reports.evaluations import document_of
from predictions.models import Prediction, Task
from tests.conftest import Caller
from tests.evals.conftest import numbers
from tests.predictions.imports.datasets.loading import load

N_IMAGES = 12
CLASSES = ["cat", "dog", "long name, with ünicode"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """COCO files of random boxes with two decimals, and their pictures."""
    chosen = random.Random(7)
    images: list[Any] = []
    truths: list[Any] = []
    results: list[Any] = []
    (tmp_path / "pictures").mkdir()
    for number in range(1, N_IMAGES + 1):
        size = chosen.randrange(50, 90), chosen.randrange(40, 70)
        Image.new("L", size).save(tmp_path / "pictures" / f"{number}.png")
        images.append(
            {"id": number, "file_name": f"{number}.png", "width": size[0], "height": size[1]}
        )
        for _ in range(chosen.randrange(4)):
            corner = [round(chosen.uniform(0, 20), 2), round(chosen.uniform(0, 20), 2)]
            sides = [round(chosen.uniform(3, 20), 2), round(chosen.uniform(3, 20), 2)]
            category = chosen.randrange(3) + 1
            truths.append(
                {
                    "id": len(truths) + 1, "image_id": number, "category_id": category,
                    "bbox": [*corner, *sides], "area": round(sides[0] * sides[1] * 0.7, 3),
                    "iscrowd": int(chosen.random() < 0.1),
                }
            )  # fmt: skip
            moved = [round(one + chosen.uniform(-2, 2), 2) for one in corner]
            results.append(
                {
                    "image_id": number, "category_id": category, "bbox": [*moved, *sides],
                    "score": round(chosen.random(), 3),
                }
            )  # fmt: skip
    categories = [{"id": n, "name": name} for n, name in enumerate(CLASSES, 1)]
    truth = {"images": images, "categories": categories, "annotations": truths}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


def evaluated(format_: str, truth: Path, said: Path, title: str, pictures: Path) -> ModelEval:
    lines, _ = load(
        format_, "--ground-truth", truth, "--predictions", said, "-P", title,
        "--model-version", "v1", "--images", pictures, "--evaluate",
    )  # fmt: skip
    return ModelEval.objects.get(eval_id=lines[-1])


def figures(evaluation: ModelEval) -> Any:
    return numbers(evaluation), document_of(evaluation).summary


def dumped(format_: str, to: Path, evaluation: ModelEval, *options: str) -> Path:
    project = str(evaluation.project_id)
    out = io.StringIO()
    call_command("dump", format_, str(to), "--project", project, *options, stdout=out, stderr=out)
    return to


@pytest.mark.parametrize(
    ("format_", "dump_as"),
    [("coco", "coco"), ("yolo", "yolo"), ("yolo", "yolo-obb"), ("voc", "voc")],
)
def test_the_same_evaluation(ada: Caller, folder: Path, format_: str, dump_as: str) -> None:
    pictures = folder / "pictures"
    first = evaluated("coco", folder / "truth.json", folder / "results.json", "First", pictures)
    # What a format cannot hold is lost on its first way out only.
    before = first
    for n in range(2):
        suffix = ".json" if format_ == "coco" else ""
        truth = dumped(dump_as, folder / f"truth{n}{suffix}", before, "--ground-truth")
        said = dumped(dump_as, folder / f"said{n}{suffix}", before, "--model-version", "v1")
        after = evaluated(format_, truth, said, f"Again {n}", pictures)
        if n or format_ == "coco":
            assert figures(after) == figures(before)
        before = after


def test_masks_keep_their_sizes(ada: Caller, tmp_path: Path) -> None:
    """The only detection's box is medium and its mask is not: pycocotools tells it by the runs."""
    frame = np.zeros((80, 100), order="F", dtype=np.uint8)
    frame[10:60, 10:12], frame[10:12, 10:60] = 1, 1
    mask = coco_mask.encode(frame)
    mask["counts"] = mask["counts"].decode()
    Image.new("L", (100, 80)).save(tmp_path / "1.png")
    one = {"image_id": 1, "category_id": 1, "segmentation": mask}
    truth = {
        "images": [{"id": 1, "file_name": "1.png", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{**one, "id": 1, "bbox": [10, 10, 50, 50], "area": 196, "iscrowd": 0}],
    }
    said = [{**one, "score": 0.5}]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "said.json").write_text(json.dumps(said))
    files = tmp_path / "truth.json", tmp_path / "said.json"
    first = evaluated("coco", *files, "First", tmp_path)

    again = dumped("coco", tmp_path / "again.json", first, "--model-version", "v1")
    assert json.loads(again.read_text()) == said
    coco = COCO()
    coco.dataset = truth
    with redirect_stdout(io.StringIO()):
        coco.createIndex()
        assert coco.loadRes(str(again)).loadAnns([1])[0]["area"] == 196
    second = evaluated("coco", files[0], again, "Again", tmp_path)
    assert figures(second) == figures(first)
    # Whoever asks for boxes gets those around the masks.
    sides = "--ground-truth", files[0], "--predictions", again
    load("coco", *sides, "-P", "Boxes", "--model-version", "v1", "--shapes", "boxes")
    box = Prediction.objects.latest("id").result[0]
    assert box["type"] == "rectanglelabels"
    assert box["value"] | {"rectanglelabels": None} == {
        "x": 10.0, "y": 12.5, "width": 50.0, "height": 62.5, "rotation": 0.0,
        "rectanglelabels": None,
    }  # fmt: skip


def test_dota_of_pictures_in_folders(ada: Caller, tmp_path: Path) -> None:
    """Of one file's name, and of two sizes."""
    images: list[Any] = []
    for number, (name, size) in enumerate({"left/1": (80, 50), "right/1": (60, 40)}.items(), 1):
        path = tmp_path / "pictures" / f"{name}.png"
        path.parent.mkdir(parents=True)
        Image.new("L", size).save(path)
        width, height = size
        images.append({"id": number, "file_name": f"{name}.png", "width": width, "height": height})
    box = {"category_id": 1, "bbox": [10, 12, 20, 8]}
    truth = {
        "images": images,
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{**box, "id": n, "image_id": n} for n in (1, 2)],
    }
    results = [{**box, "image_id": 2, "score": 0.5}, {**box, "image_id": 1, "score": 0.25}]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "said.json").write_text(json.dumps(results))
    pictures = tmp_path / "pictures"
    files = tmp_path / "truth.json", tmp_path / "said.json"
    first = evaluated("coco", *files, "First", pictures)
    truths = dumped("dota", tmp_path / "truths", first, "--ground-truth")
    found = dumped("dota", tmp_path / "found", first, "--model-version", "v1")
    # Beside the pictures, as the data set is given out, and without.
    for n, images_in in enumerate(("images", "elsewhere")):
        shutil.copytree(pictures, truths / images_in)
        again = evaluated("dota", truths, found, f"Again {n}", pictures)
        assert figures(again) == figures(first)
        shutil.rmtree(truths / images_in)
    alone = evaluated("dota", truths, found, "Alone", pictures)
    assert figures(alone) == figures(first)
    assert [one.meta["image_name"] for one in Task.objects.order_by("id")] == [
        "left/1.png", "right/1.png"
    ] * 4  # fmt: skip
