"""`manage.py load yolo`: folders of label files in, tasks and predictions out."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from PIL import Image

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import Caller, MakeProject
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import SIZE, refused

IMAGES = [("train/a.jpg", "train"), ("train/b.jpg", "train"), ("val/c.jpg", "valid")]
NAMES = "names:\n  0: cat\n  1: dog\n"
#: A billion of the first list.
LAUGHS = (
    "a0: &a0 [x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    + "names: *a9\n"
)
YAML = f"path: .\ntrain: images/train\nval: images/val\n{NAMES}"
BOX = "0 0.25 0.5 0.5 0.25\n"
UPRIGHT = {"x": 0.0, "y": 37.5, "width": 50.0, "height": 25.0, "rotation": 0.0}


def write(folder: Path, **files: str) -> Path:
    """Files by their names, `__` for a slash and no suffix of label files; pictures beside."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path if path.suffix else path.with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def picture(path: Path, size: tuple[int, int] = (200, 100)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images to train with, one of them empty, and one to validate with."""
    folder = tmp_path / "pets"
    for name in ("train/a", "train/b", "val/c"):
        picture(folder / f"images/{name}.jpg")
    return write(folder, **{"data.yaml": YAML, "labels__train__a": BOX, "labels__val__c": ""})


def values(rows: Any) -> list[list[Any]]:
    return [[(r["type"], r["value"]) for r in row.result] for row in rows.order_by("task_id")]


def test_a_folder(ada: Caller, folder: Path) -> None:
    lines, _ = load("yolo", "--ground-truth", folder / "data.yaml", "-P", "Pets")
    assert lines[0].endswith(
        "made: 3 images, 2 classes, 3 new tasks, 3 ground truths, 0 predictions."
    )
    assert [(one.data, one.meta) for one in Task.objects.order_by("id")] == [
        ({"image": f"images/{name}"}, {"image_name": name[-5:], "split": split, **SIZE})
        for name, split in IMAGES
    ]
    assert [one.result for one in Annotation.objects.order_by("task_id")] == [
        [
            {
                "id": "r1",
                "from_name": "box",
                "to_name": "image",
                "type": "rectanglelabels",
                "original_width": 200,
                "original_height": 100,
                "image_rotation": 0,
                "value": {**UPRIGHT, "rectanglelabels": ["cat"]},
            }
        ],
        [],
        [],
    ]
    assert Project.objects.get().label_config == (
        '<View>\n  <Image name="image" value="$image"/>\n'
        '  <RectangleLabels name="box" toName="image">\n'
        '    <Label value="cat" category="0"/>\n    <Label value="dog" category="1"/>\n'
        "  </RectangleLabels>\n</View>"
    )


def test_pictures_are_served_from_their_folder(ada: Caller, folder: Path) -> None:
    load("yolo", "--ground-truth", folder, "-P", "Pets", "--images", folder / "images")
    address = Task.objects.order_by("id")[0].data["image"]
    assert address.startswith("/data/local-files/?d=")
    assert address.endswith("/train/a.jpg")
    response = ada.client.get(address)
    assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")


def test_predictions_of_a_run(ada: Caller, folder: Path, tmp_path: Path) -> None:
    run = write(tmp_path / "run", a="1 0.25 0.5 0.5 0.25 0.75\n", c="0 0.5 0.5 1 1 0.5\n")
    load(
        "yolo", "--ground-truth", folder, "--predictions", run, "-P", "Pets",
        "--model-version", "v1",
    )  # fmt: skip
    made = Prediction.objects.order_by("task_id")
    assert [[(r["value"]["rectanglelabels"], r["score"]) for r in row.result] for row in made] == [
        [(["dog"], 0.75)],
        [],
        [(["cat"], 0.5)],
    ]
    assert [row.score for row in made] == [0.75, None, 0.5]


@pytest.mark.parametrize(
    ("line", "more", "expected"),
    [
        ("0 0.1 0.2 0.3 0.2 0.3 0.4", "",
         [("polygonlabels", {"points": [[10.0, 20.0], [30.0, 20.0], [30.0, 40.0]]})]),
        # Clockwise from the upper left, and the other way round.
        ("0 0.1 0.2 0.3 0.2 0.3 0.4 0.1 0.4", "",
         [("rectanglelabels", {"x": 10.0, "y": 20.0, "width": 20.0, "height": 20.0,
                               "rotation": 0.0})]),
        ("0 0.5 0.2 0.55 0.3 0.5 0.4 0.45 0.3", "",
         [("rectanglelabels", {"x": 50.0, "y": 20.0, "width": 7.07106781, "height": 14.14213562,
                               "rotation": 45.0})]),
        ("0 0.5 0.2 0.9 0.3 0.5 0.4 0.45 0.3", "",
         [("polygonlabels", {"points": [[50.0, 20.0], [90.0, 30.0], [50.0, 40.0],
                                        [45.0, 30.0]]})]),
        ("0 0.25 0.5 0.5 0.25 0.1 0.5 2 0 0 0", "kpt_shape: [2, 3]\nkpt_names: [nose, tail]\n",
         [("rectanglelabels", UPRIGHT),
          ("keypointlabels", {"x": 10.0, "y": 50.0, "width": 0.5})]),
        ("0 0.25 0.5 0.5 0.25 0.1 0.5 0.2 0.5", "kpt_shape: [2, 2]\n",
         [("rectanglelabels", UPRIGHT),
          ("keypointlabels", {"x": 10.0, "y": 50.0, "width": 0.5}),
          ("keypointlabels", {"x": 20.0, "y": 50.0, "width": 0.5})]),
    ],
    ids=["outline", "corners upright", "corners turned", "no rectangle", "pose", "pose of two"],
)  # fmt: skip
def test_shapes(ada: Caller, tmp_path: Path, line: str, more: str, expected: Any) -> None:
    picture(tmp_path / "images/val/c.jpg")
    write(tmp_path, **{"data.yaml": YAML + more, "labels__val__c": line})
    load("yolo", "--ground-truth", tmp_path, "-P", "Pets")
    found = []
    for kind, value in values(Annotation.objects)[0]:
        del value[kind]
        found.append(
            (kind, {k: v if k == "points" else pytest.approx(v) for k, v in value.items()})
        )
    assert expected == found


def test_an_archive_without_pictures(ada: Caller, folder: Path, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".yaml", ".txt"}:
                archive.write(path, path.relative_to(folder))
    path = tmp_path / "pets.zip"
    path.write_bytes(packed.getvalue())
    with pytest.raises(CommandError) as refused:
        load("yolo", "--ground-truth", path, "-P", "Pets")
    assert str(refused.value).splitlines()[0] == (
        "labels/train/a.txt, line 1: the size of its image is not known: give --images, or a file"
        " with sizes."
    )
    _, warned = load("yolo", "--ground-truth", path, "-P", "Pets", "--images", folder)
    assert warned == [
        "Warning: The images' suffixes are not in the files: .jpg is taken where no picture tells."
    ]
    assert [one.meta["image_name"] for one in Task.objects.order_by("id")] == [
        "a.jpg",
        "c.jpg",
    ]


Damage = Callable[[Path], object]


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda f: write(f, labels__train__a="2 0.5 0.5 1 1"),
         "labels/train/a.txt, line 1: class 2 is not among the 2 names."),
        (lambda f: write(f, labels__train__a="0 0.5 0.5 1"),
         "labels/train/a.txt, line 1: has 3 numbers for its box: a box has 4."),
        (lambda f: write(f, labels__train__a="cat 0.5 0.5 1 1"),
         "labels/train/a.txt, line 1: must be a class number and finite numbers, separated by"
         " spaces."),
        (lambda f: write(f, labels__train__a="0 0.5 0.5 nan 1"),
         "labels/train/a.txt, line 1: must be a class number and finite numbers, separated by"
         " spaces."),
        (lambda f: write(f, labels__train__a="\n0 50 50 20 20"),
         "labels/train/a.txt, line 2: 50 is no share of the image: are these pixels?"),
        (lambda f: write(f, labels__train__a="0 0.5 0.5 -1 1"),
         "labels/train/a.txt, line 1: width and height may not be negative."),
        (lambda f: (f / "labels/train/a.txt").write_bytes(b"\xff"),
         "labels/train/a.txt: is not UTF-8: byte 0 is 0xff."),
        (lambda f: write(f, **{"data.yaml": "names: {0: cat, 2: dog}"}),
         "data.yaml: names: must be numbered from 0, without a gap."),
        (lambda f: write(f, **{"data.yaml": "names: [cat, Cat]"}),
         "data.yaml: names[1]: 'Cat' and 'cat' differ by case or spaces alone."),
        (lambda f: write(f, **{"data.yaml": LAUGHS}),
         "data.yaml: is no YAML: aliases (*name) are not read."),
        (lambda f: write(f, **{"data.yaml": "path: ."}),
         "data.yaml: has no `names`: the classes, in order or by their number."),
        (lambda f: write(f, **{"data.yaml": f"{YAML}kpt_shape: [1, 4]"}),
         "data.yaml: kpt_shape: must be a number of points, and 2 or 3."),
    ],
)  # fmt: skip
def test_bad_folders_leave_nothing_behind(
    ada: Caller, folder: Path, damage: Damage, error: str
) -> None:
    damage(folder)
    with pytest.raises(CommandError) as refused:
        load("yolo", "--ground-truth", folder, "-P", "Pets")
    assert str(refused.value).splitlines()[0] == error
    assert not Project.objects.exists()


@pytest.mark.parametrize("is_together", [True, False])
@pytest.mark.parametrize(("first", "is_warned"), [(0, False), (1, True)])
def test_classes_that_nothing_names_are_those_of_the_numbers(
    ada: Caller, tmp_path: Path, is_together: bool, first: int, is_warned: bool
) -> None:
    """In whatever order the ground truth lists them; those that do not count from 0 in order."""
    categories = [{"id": first + 1, "name": "dog"}, {"id": first, "name": "cat"}]
    image = {"id": 5, "file_name": "a.jpg", "width": 200, "height": 100}
    document = {"images": [image], "categories": categories, "annotations": []}
    truth, said = tmp_path / "truth.json", tmp_path / "said"
    truth.write_text(json.dumps(document))
    write(said, a="0 0.25 0.5 0.5 0.25 0.5\n")
    told = ("-P", "Pets", "--model-version", "v1", "--predictions", said)
    if is_together:
        _, warned = load("coco", "--ground-truth", truth, "--predictions-format", "yolo", *told)
    else:
        load("coco", "--ground-truth", truth, "-P", "Pets")
        _, warned = load("yolo", *told)
    assert [one["value"]["rectanglelabels"] for one in Prediction.objects.get().result] == [["cat"]]
    text = (
        "Warning: Nothing names the classes of the label files: they are taken in the order of the"
        " ground truth's numbers, or of the labelling config: 0 is 'cat', 1 is 'dog'. If that is"
        " another one, put a data.yaml or classes.txt beside them."
    )
    assert warned == ([text] if is_warned else [])


def test_outlines_go_to_a_project_of_outlines_alone(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    """Which has no control for the boxes that such files may hold, and these do not."""
    labels = '<PolygonLabels name="o" toName="image"><Label value="cat"/></PolygonLabels>'
    config = f'<View><Image name="image" value="$image"/>{labels}</View>'
    make_project(ada, config, title="Pets")
    picture(tmp_path / "a.jpg")
    write(tmp_path, a="0 0.25 0.5 0.5 0.25 0.5 0.75\n", **{"classes.txt": "cat\n"})
    load("yolo", "--ground-truth", tmp_path, "-P", "Pets")
    assert [one["type"] for one in Annotation.objects.get().result] == ["polygonlabels"]
    write(tmp_path, a="0 0.25 0.5 0.5 0.25 0.5 0.75\n0 0.5 0.5 0.5 0.5\n")
    with pytest.raises(CommandError, match="has no RectangleLabels for a box"):
        load("yolo", "--ground-truth", tmp_path, "-P", "Pets", "--replace-ground-truth")


@pytest.mark.parametrize("suffixes", [("jpg", "png"), ("png", "jpg"), ("png", "webp")])
@pytest.mark.parametrize("way", ["", "left/"])
def test_label_files_of_two_pictures_of_one_stem_are_nobodys(
    ada: Caller, tmp_path: Path, suffixes: tuple[str, str], way: str
) -> None:
    """A label file does not say whether it is of a.jpg or of a.png."""
    truth = tmp_path / "truth.json"
    images = [
        {"id": n, "file_name": f"{way}a.{suffix}", "width": 200, "height": 100}
        for n, suffix in enumerate(suffixes, 1)
    ]
    truth.write_text(
        json.dumps({"images": images, "categories": [{"id": 1, "name": "cat"}], "annotations": []})
    )
    run = write(tmp_path / "run", **{f"{way}a": "0 0.25 0.5 0.5 0.25 0.75\n", "classes.txt": "cat"})
    assert refused(
        "coco", "--ground-truth", truth, "--predictions", run, "--predictions-format", "yolo",
        "-P", "Pets", "--model-version", "v1",
    ) == [f"{way}a.txt: '{way}a.jpg' may be images[0] or images[1]."]  # fmt: skip
