"""What is loaded, dumped and loaded again is the same project: the files, and the evaluation to the
last bit.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from pycocotools import mask as coco_mask

from evals.panels.table import PANELS
from predictions.models import Project
from tests.conftest import Caller

SIZES = [(640, 480), (333, 501), (97, 1024)]
CLASSES = ["Car", "Bike", "Zebra crossing"]
#: Panels that come from embeddings.
OF_VECTORS = {"vector-analysis"}


def load(name: str, title: str, truth: Path, said: Path | None, **options: Any) -> Project:
    command: dict[str, Any] = {"project": title, "workspace": "lab", "ground_truth": truth}
    if said is not None:
        command |= {"predictions": said, "model_version": "v1", "evaluate": True}
    out = io.StringIO()
    call_command("load", name, stdout=out, stderr=io.StringIO(), verbosity=0, **command, **options)
    return Project.objects.get(title=title)


def dump(name: str, project: Project, truth: Path, said: Path) -> None:
    told: dict[str, Any] = {"project": project.slug, "workspace": "lab", "verbosity": 0}
    call_command("dump", name, truth, ground_truth=True, stdout=io.StringIO(), **told)
    call_command("dump", name, said, model_version="v1", stdout=io.StringIO(), **told)


def evaluation(caller: Caller, project: Project) -> dict[str, Any]:
    """All that clients read of it, without what says when and which it is."""
    made = project.evaluations.get()
    assert made.status == "done"
    place = f"/lab/model-evals/{made.eval_id}"
    names = [panel.path for panel in PANELS if panel.path not in OF_VECTORS]
    found = {name: caller.client.get(f"{place}/{name}").json() for name in names}
    page = {"limit": 100, "confidence": 0}
    found["images"] = caller.client.get(f"{place}/image-predictions", page).json()
    text = json.dumps({**found, "summary": made.summary})
    return plain(json.loads(text.replace(made.eval_id, "").replace(project.slug, "")))


OF_ITS_TIME = {"createdAt", "completedAt", "updatedAt", "startedAt"}


def plain(value: Any) -> Any:
    """Without times, and numbers as text: equal is equal to the last bit."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in OF_ITS_TIME}
    return [plain(one) for one in value] if isinstance(value, list) else repr(value)


def boxes(r: np.random.Generator, n: int, size: tuple[int, int], decimals: int) -> list[Any]:
    low = r.uniform(0, 0.6, (n, 2)) * size
    sides = r.uniform(0.1, 0.4, (n, 2)) * size
    return np.round(np.concatenate([low, sides], axis=1), decimals).tolist()


Shape = Callable[[Any, list[float], tuple[int, int]], dict[str, Any]]


def as_box(r: Any, box: list[float], size: tuple[int, int]) -> dict[str, Any]:
    return {"bbox": box, "area": round(box[2] * box[3] * 0.7, 3)}


def as_polygon(r: Any, box: list[float], size: tuple[int, int]) -> dict[str, Any]:
    x, y, width, height = box
    points = np.array([[0, 0.2], [0.5, 0], [1, 0.3], [0.8, 1], [0.1, 0.9]])
    return {"segmentation": [np.round(points * [width, height] + [x, y], 2).ravel().tolist()]}


def as_mask(r: Any, box: list[float], size: tuple[int, int]) -> dict[str, Any]:
    (outline,) = as_polygon(r, box, size)["segmentation"]
    rle = coco_mask.frPyObjects([outline], size[1], size[0])[0]
    return {"segmentation": {"size": rle["size"], "counts": rle["counts"].decode()}}


def as_pose(r: Any, box: list[float], size: tuple[int, int]) -> dict[str, Any]:
    x, y, width, height = box
    flat: list[float] = []
    for _ in range(3):
        seen = int(r.integers(0, 3))
        place = np.round([x + width * r.random(), y + height * r.random()], 2).tolist()
        flat += [*place, seen] if seen else [0, 0, 0]
    return {"bbox": box, "keypoints": flat, "num_keypoints": 3, "area": round(width * height, 2)}


def coco_files(folder: Path, shape: Shape, seed: int) -> tuple[Path, Path]:
    r = np.random.default_rng(seed)
    images: list[Any] = []
    annotations: list[Any] = []
    results: list[Any] = []
    joints = {"keypoints": ["nose", "left", "right"]} if shape is as_pose else {}
    names = CLASSES[:1] if joints else CLASSES
    for n in range(12):
        size = SIZES[n % 3]
        images.append(
            {"id": 1000 + 7 * n, "file_name": f"val/a {n}.jpg", "width": size[0], "height": size[1]}
        )
        for box in boxes(r, int(r.integers(0, 5)), size, 2):
            category = int(r.integers(0, len(names)))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": 1000 + 7 * n,
                    "category_id": 3 * category + 1,
                    "iscrowd": int(r.random() < 0.1),
                    **shape(r, box, size),
                }
            )
            near = np.round(np.array(box) + r.integers(0, 8, 4), 2).tolist()
            for found in (near, boxes(r, 1, size, 3)[0]):
                said = {k: v for k, v in shape(r, found, size).items() if k != "area"}
                if "keypoints" in said:
                    # Of a result it is known where a point is, not whether it is hidden.
                    said["keypoints"][2::3] = [2 * (one > 0) for one in said["keypoints"][2::3]]
                results.append(
                    {
                        "image_id": 1000 + 7 * n,
                        "category_id": 3 * int(r.integers(0, len(names))) + 1,
                        "score": float(r.random()),
                        **said,
                    }
                )
    categories = [{"id": 3 * n + 1, "name": name, **joints} for n, name in enumerate(names)]
    truth, said_path = folder / "truth.json", folder / "said.json"
    truth.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    said_path.write_text(json.dumps(results))
    return truth, said_path


def without(documents: list[Any], *names: str) -> list[Any]:
    return [{k: v for k, v in one.items() if k not in names} for one in documents]


# Of pycocotools under numpy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("shape", [as_box, as_polygon, as_mask, as_pose])
def test_coco(ada: Caller, tmp_path: Path, shape: Shape) -> None:
    truth, said = coco_files(tmp_path, shape, 5)
    first = load("coco", "first", truth, said)
    other_truth, other_said = tmp_path / "truth-2.json", tmp_path / "said-2.json"
    dump("coco", first, other_truth, other_said)
    second = load("coco", "second", other_truth, other_said)
    assert evaluation(ada, first) == evaluation(ada, second)
    came, went = json.loads(truth.read_bytes()), json.loads(other_truth.read_bytes())
    assert without(went["categories"], "supercategory", "skeleton") == came["categories"]
    ids = {one["id"]: one for one in came["images"]}
    # The size of an image on which nothing is said is known to no one.
    assert went["images"] == [{k: ids[one["id"]][k] for k in one} for one in went["images"]]
    assert len(went["images"]) == 12
    # What the file did not say: the box around a mask, and its area.
    extra = () if "bbox" in came["annotations"][0] else ("bbox", "area")
    assert without(went["annotations"], *extra, "num_keypoints") == without(
        came["annotations"], "num_keypoints"
    )
    came, went = json.loads(said.read_bytes()), json.loads(other_said.read_bytes())
    assert without(went, *extra, "num_keypoints") == without(came, "num_keypoints")
