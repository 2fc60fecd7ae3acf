"""Average precision of loaded files is pycocotools' of the files' own numbers: on a grid of whole
pixels where many overlaps are exactly a half, with crowds and areas where the format has them.
"""

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evals.models import ModelEval
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load

WIDTH, HEIGHT = 300, 170
CLASSES = ("cat", "dog")
N_IMAGES = 30
SIDES = (10, 20, 40, 60)


@dataclass
class Scene:
    """Boxes as (image, class, (left, top, width, height), crowd, or score), in whole pixels."""

    truth: list[tuple[int, int, list[int], int]]
    said: list[tuple[int, int, list[int], float]]


@pytest.fixture
def scene() -> Scene:
    r = np.random.default_rng(11)
    found = Scene([], [])
    for image in range(N_IMAGES):
        for _ in range(r.integers(0, 6)):
            label = int(r.integers(0, 2))
            left, top = (int(one) * 10 for one in r.integers(0, 10, 2))
            width, height = (int(one) for one in r.choice(SIDES, 2))
            is_crowd = int(r.random() < 0.15)
            found.truth.append((image, label, [left, top, width, height], is_crowd))
            for _ in range(r.integers(0, 3)):
                # Half as wide, as high, moved by a third of its width, or as it is.
                box = [
                    [left, top, width // 2, height],
                    [left, top, width, height // 2],
                    [left + width // 2, top, width, height],
                    [left, top, width, height],
                ][int(r.integers(0, 4))]
                found.said.append((image, label, box, float(r.integers(1, 100)) / 100))
    return found


def area_of(n: int, box: list[int]) -> float:
    """Of every second object another one than its box has."""
    return box[2] * box[3] * (0.35 if n % 2 else 1.0)


def coco(scene: Scene, folder: Path, *, has_areas: bool, has_crowds: bool) -> tuple[Path, Path]:
    truth = {
        "images": [
            {"id": n, "file_name": f"{n:02}.png", "width": WIDTH, "height": HEIGHT}
            for n in range(N_IMAGES)
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES)],
        "annotations": [
            {
                "id": n + 1, "image_id": image, "category_id": label, "bbox": box,
                "area": area_of(n, box) if has_areas else box[2] * box[3],
                "iscrowd": is_crowd if has_crowds else 0,
            }
            for n, (image, label, box, is_crowd) in enumerate(scene.truth)
        ],
    }  # fmt: skip
    results = [
        {"image_id": image, "category_id": label, "bbox": box, "score": score}
        for image, label, box, score in scene.said
    ]
    paths = folder / "oracle-truth.json", folder / "oracle-results.json"
    for path, document in zip(paths, (truth, results), strict=True):
        path.write_text(json.dumps(document))
    return paths


def oracle(truth: Path, said: Path) -> list[float | None]:
    """pycocotools' twelve numbers of two files."""
    with redirect_stdout(io.StringIO()):
        known = COCO(str(truth))
        evaluation = COCOeval(known, known.loadRes(str(said)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [None if one == -1 else one for one in evaluation.stats.tolist()]


def found(caller: Caller, format_: str, truth: Path, said: Path, *more: object) -> list[Any]:
    """The same of what is loaded."""
    lines, _ = load(
        format_, "--ground-truth", truth, "--predictions", said, "-P", "Grid",
        "--model-version", "v1", "--evaluate", *more,
    )  # fmt: skip
    made = ModelEval.objects.get(eval_id=lines[-1])
    answer = caller.client.get(f"/lab/model-evals/{made.eval_id}/map-results").json()
    split = answer["splits"]["test"]
    sizes = [
        (split["byObjectSize"][size] or {}).get("map50_95") for size in ("small", "medium", "large")
    ]
    recalls = [split["metrics"][f"averageRecall{n}"] for n in (1, 10, 100)]
    return [split["map50_95"], split["map50"], split["map75"], *sizes, *recalls]


def voc(scene: Scene, folder: Path, *, is_truth: bool) -> Path:
    """XML whose corners count from 1, the last pixel within."""
    (folder / "Annotations").mkdir(parents=True)
    rows: Any = scene.truth if is_truth else scene.said
    for image in range(N_IMAGES):
        things = [
            f"<object><name>{CLASSES[label]}</name>"
            + (f"<difficult>{more}</difficult>" if is_truth else f"<score>{more!r}</score>")
            + f"<bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin><xmax>{x + w}</xmax>"
            f"<ymax>{y + h}</ymax></bndbox></object>"
            for at, label, (x, y, w, h), more in rows
            if at == image
        ]
        (folder / "Annotations" / f"{image:02}.xml").write_text(
            f"<annotation><filename>{image:02}.png</filename><size><width>{WIDTH}</width>"
            f"<height>{HEIGHT}</height></size>{''.join(things)}</annotation>"
        )
    return folder


def yolo(scene: Scene, folder: Path, *, is_truth: bool) -> Path:
    """Centres and sides as shares of the image, in as many digits as a double has."""
    labels = folder / "labels" / "test" if is_truth else folder
    labels.mkdir(parents=True)
    rows: Any = scene.truth if is_truth else scene.said
    for image in range(N_IMAGES):
        lines = [
            " ".join(
                map(repr, [label, (x + w / 2) / WIDTH, (y + h / 2) / HEIGHT, w / WIDTH, h / HEIGHT]
                    + ([] if is_truth else [more]))
            )
            for at, label, (x, y, w, h), more in rows
            if at == image
        ]  # fmt: skip
        (labels / f"{image:02}.txt").write_text("\n".join(lines))
    if is_truth:
        pictures = folder / "images" / "test"
        pictures.mkdir(parents=True)
        for image in range(N_IMAGES):
            Image.new("L", (WIDTH, HEIGHT)).save(pictures / f"{image:02}.png")
        names = "\n".join(f"  {n}: {name}" for n, name in enumerate(CLASSES))
        (folder / "data.yaml").write_text(f"path: .\ntest: images/test\nnames:\n{names}\n")
    return folder


@pytest.mark.parametrize(("format_", "within"), [("coco", 1e-15), ("voc", 1e-15), ("yolo", 1e-12)])
def test_average_precision_and_recall(
    ada: Caller, scene: Scene, tmp_path: Path, format_: str, within: float
) -> None:
    files = coco(
        scene, tmp_path, has_areas=format_ == "coco", has_crowds=format_ in {"coco", "voc"}
    )
    expected = oracle(*files)
    if format_ != "coco":
        make = {"voc": voc, "yolo": yolo}[format_]
        files = (
            make(scene, tmp_path / "truth", is_truth=True),
            make(scene, tmp_path / "said", is_truth=False),
        )
    ours = found(ada, format_, *files)
    assert ours == pytest.approx(expected[:9], abs=within)
    assert expected[0] is not None
    assert 0 < expected[0] < 1
