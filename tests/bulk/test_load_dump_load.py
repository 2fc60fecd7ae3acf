"""What is loaded, dumped and loaded again is the same project: the files, and the evaluation to the
last bit.
"""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from PIL import Image
from pycocotools import mask as coco_mask

from evals.panels.table import PANELS
from predictions.models import Project
from predictions.regions.geometry import rotated_corners
from tests.conftest import Caller
from tests.evals.conftest import numbers

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
    text = json.dumps({**found, "summary": numbers(made)})
    return plain(json.loads(text.replace(made.eval_id, "").replace(project.slug, "")))


OF_ITS_TIME = {"createdAt", "completedAt", "updatedAt", "startedAt", "imageId", "imageIds"}


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


def pictures(folder: Path) -> None:
    """Twelve pictures, whose sizes no label file tells."""
    (folder / "images" / "val").mkdir(parents=True)
    for n in range(12):
        Image.new("1", SIZES[n % 3]).save(folder / "images" / "val" / f"a {n}.png")


Line = Callable[[list[float], tuple[int, int]], list[float]]


def line_of_box(box: list[float], size: tuple[int, int]) -> list[float]:
    (x, y, width, height), (across, down) = box, size
    return [(x + width / 2) / across, (y + height / 2) / down, width / across, height / down]


def line_of_outline(box: list[float], size: tuple[int, int]) -> list[float]:
    (outline,) = as_polygon(None, box, size)["segmentation"]
    return [one / size[at % 2] for at, one in enumerate(outline)]


def line_of_corners(box: list[float], size: tuple[int, int]) -> list[float]:
    corners = rotated_corners(box, box[0] % 80 + 5).ravel().tolist()
    return [one / size[at % 2] for at, one in enumerate(corners)]


def yolo_folders(folder: Path, line: Line, task: str) -> tuple[Path, Path]:
    r = np.random.default_rng(3)
    names = "".join(f"  {n}: {name}\n" for n, name in enumerate(CLASSES))
    data = f"path: .\nval: images/val\ntask: {task}\nnames:\n{names}"
    for side in ("truth", "said"):
        pictures(folder / side)
        (folder / side / "data.yaml").write_text(data)
        (folder / side / "labels" / "val").mkdir(parents=True)
    for n in range(12):
        size = SIZES[n % 3]
        lines: dict[str, list[str]] = {"truth": [], "said": []}
        for box in boxes(r, int(r.integers(0, 4)), size, 2):
            near = np.round(np.array(box) + r.integers(0, 8, 4), 2).tolist()
            for side, place in (("truth", box), ("said", near)):
                numbers = [*line(place, size), *([r.random()] if side == "said" else [])]
                text = " ".join(map(repr, map(float, numbers)))
                lines[side].append(f"{int(r.integers(0, 3))} {text}\n")
        for side, written in lines.items():
            (folder / side / "labels" / "val" / f"a {n}.txt").write_text("".join(written))
    return folder / "truth", folder / "said"


@pytest.mark.parametrize(
    ("name", "line", "task"),
    [
        ("yolo", line_of_box, "detect"),
        ("yolo", line_of_outline, "segment"),
        ("yolo-obb", line_of_corners, "obb"),
    ],
)
def test_yolo(ada: Caller, tmp_path: Path, name: str, line: Line, task: str) -> None:
    truth, said = yolo_folders(tmp_path, line, task)
    first = load("yolo", "first", truth, said)
    other_truth, other_said = tmp_path / "truth-2", tmp_path / "said-2"
    dump(name, first, other_truth, other_said)
    pictures(other_truth)
    pictures(other_said)
    second = load("yolo", "second", other_truth, other_said)
    assert evaluation(ada, first) == evaluation(ada, second)
    for came, went in ((truth, other_truth), (said, other_said)):
        for path in (came / "labels" / "val").iterdir():
            lines = [[float(one) for one in line.split()] for line in path.read_text().splitlines()]
            again = (went / "labels" / "val" / path.name).read_text().splitlines()
            assert [[float(one) for one in line.split()] for line in again] == [
                pytest.approx(one, rel=1e-12, abs=1e-12) for one in lines
            ]


def voc_folders(folder: Path) -> tuple[Path, Path]:
    r = np.random.default_rng(11)
    for side in ("truth", "said"):
        (folder / side / "Annotations").mkdir(parents=True)
    (folder / "truth" / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "truth" / "ImageSets" / "Main" / "val.txt").write_text("a_0\na_3\n")
    for n in range(12):
        size = SIZES[n % 3]
        head = (
            f"<filename>a_{n}.jpg</filename><size><width>{size[0]}</width>"
            f"<height>{size[1]}</height><depth>3</depth></size>"
        )
        objects: dict[str, list[str]] = {"truth": [], "said": []}
        for x, y, width, height in boxes(r, int(r.integers(0, 5)), size, 0):
            name = CLASSES[int(r.integers(0, 3))]
            corners = np.array([x + 1, y + 1, x + width, y + height])
            near = corners + r.integers(0, 5, 4)
            difficult = f"<difficult>{int(r.random() < 0.2)}</difficult>"
            score = f"<score>{r.random()!r}</score>"
            for side, four, more in (("truth", corners, difficult), ("said", near, score)):
                tags = ("xmin", "ymin", "xmax", "ymax")
                place = "".join(f"<{t}>{v:g}</{t}>" for t, v in zip(tags, four, strict=True))
                objects[side].append(
                    f"<object><name>{name}</name>{more}<bndbox>{place}</bndbox></object>"
                )
        for side, found in objects.items():
            text = f"<annotation>{head}{''.join(found)}</annotation>"
            (folder / side / "Annotations" / f"a_{n}.xml").write_text(text)
    return folder / "truth", folder / "said"


def test_voc(ada: Caller, tmp_path: Path) -> None:
    first = load("voc", "first", *voc_folders(tmp_path))
    dump("voc", first, tmp_path / "truth-2", tmp_path / "said-2")
    second = load("voc", "second", tmp_path / "truth-2", tmp_path / "said-2")
    assert evaluation(ada, first) == evaluation(ada, second)
    dump("voc", second, tmp_path / "truth-3", tmp_path / "said-3")
    for side in ("truth", "said"):
        before, after = ({
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()
        } for folder in (tmp_path / f"{side}-2", tmp_path / f"{side}-3"))  # fmt: skip
        assert before == after


@pytest.mark.parametrize("key", ["image", "text"])
def test_labels_csv(ada: Caller, tmp_path: Path, key: str) -> None:
    r = np.random.default_rng(2)
    names = ["good", "so, so", 'a "bad" one']
    truth, said = [f"{key},label,source"], [f"{key},label,score,source"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    for n in range(30):
        about = f"a/{n}.png" if key == "image" else f'"row {n},\nof two lines"'
        few = ";".join(dict.fromkeys(names[int(r.integers(0, 3))] for _ in range(n % 3)))
        cell = '"' + few.replace('"', '""') + '"' if few else ""
        truth.append(f"{about},{cell},{n % 4}")
        said.append(f"{about},{quoted[int(r.integers(0, 3))]},{r.random()!r},{n % 4}")
    files = tmp_path / "truth.csv", tmp_path / "said.csv"
    for path, lines in zip(files, (truth, said), strict=True):
        path.write_text("\n".join(lines) + "\n")
    first = load("csv", "first", *files)
    again = tmp_path / "truth-2.csv", tmp_path / "said-2.csv"
    dump("labels-csv", first, *again)
    second = load("csv", "second", *again)
    assert evaluation(ada, first) == evaluation(ada, second)
    for came, went in zip(files, again, strict=True):
        with came.open(newline="") as one, went.open(newline="") as other:
            assert sorted(csv.DictReader(one), key=str) == sorted(csv.DictReader(other), key=str)


@pytest.mark.parametrize("has_scores", [True, False])
def test_conll(ada: Caller, tmp_path: Path, has_scores: bool) -> None:
    r = np.random.default_rng(8)
    truth: list[str] = []
    said: list[str] = []
    for _ in range(20):
        inside = {"truth": "", "said": ""}
        score = 0.0
        for n in range(int(r.integers(1, 9))):
            for side, lines in (("truth", truth), ("said", said)):
                label = ["", "PER", "LOC"][int(r.integers(0, 3))]
                goes_on = label and label == inside[side] and r.random() < 0.5
                tag = f"{'I' if goes_on else 'B'}-{label}" if label else "O"
                inside[side] = label
                if side == "said" and not goes_on:
                    score = float(r.random())
                told = repr(score) if label else "_"
                middle = f" {told}" if side == "said" and has_scores else ""
                lines.append(f"wörd{n}{middle} {tag}\n")
        truth.append("\n")
        said.append("\n")
    files = tmp_path / "truth.conll", tmp_path / "said.conll"
    files[0].write_text("".join(truth))
    files[1].write_text("".join(said))
    first = load("conll", "first", *files)
    again = tmp_path / "truth-2.conll", tmp_path / "said-2.conll"
    dump("conll", first, *again)
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in again]
    second = load("conll", "second", *again)
    assert evaluation(ada, first) == evaluation(ada, second)
