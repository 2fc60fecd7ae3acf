"""`manage.py load voc`: a folder of XML files in."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import SIZE, refused


def voc(*objects: str, size: str = "<width>200</width><height>100</height>") -> str:
    return (
        f"<annotation><filename>a.png</filename><size>{size}</size>{''.join(objects)}</annotation>"
    )


def thing(name: str = "cat", corners: tuple[Any, ...] = (1, 11, 100, 60), more: str = "") -> str:
    left, top, right, bottom = corners
    return (
        f"<object><name>{name}</name>{more}<bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
    )


def write(folder: Path, text: str, name: str = "Annotations/a.xml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder


def test_a_folder(ada: Caller, tmp_path: Path) -> None:
    write(tmp_path, voc(thing("dog"), thing(more="<difficult>1</difficult>")))
    write(tmp_path, voc().replace("a.png", "b c.png"), "Annotations/b c.xml")
    write(tmp_path, "a\n", "ImageSets/Main/val.txt")
    write(tmp_path, "b c\n", "ImageSets/Main/train.txt")
    lines, warned = load("--ground-truth", tmp_path, "-P", "Pets")
    assert lines[0].endswith(
        "made: 2 images, 2 classes, 2 new tasks, 2 ground truths, 0 predictions."
    )
    assert warned == [f"{tmp_path} is taken for Pascal VOC (voc)."]
    assert [(one.data, one.meta) for one in Task.objects.order_by("id")] == [
        ({"image": "a.png"}, {"image_name": "a.png", "split": "valid", **SIZE}),
        ({"image": "b c.png"}, {"image_name": "b c.png", "split": "train", **SIZE}),
    ]
    box = {"x": 0.0, "y": 10.0, "width": 50.0, "height": 50.0, "rotation": 0.0}
    truths = [row.result for row in Annotation.objects.order_by("task_id")]
    assert [[(one["value"], one.get("meta")) for one in result] for result in truths] == [
        [
            ({**box, "rectanglelabels": ["dog"]}, None),
            ({**box, "rectanglelabels": ["cat"]}, {"iscrowd": 1}),
        ],
        [],
    ]


def test_lists_tell_images_of_one_stem_apart(ada: Caller, tmp_path: Path) -> None:
    """As `dump voc` writes images that lie in folders."""
    lists = {"train": "one/a\n", "val": "two/a\n"}
    for name, text in lists.items():
        write(tmp_path, text, f"ImageSets/Main/{name}.txt")
    for folder in ("one", "two"):
        text = voc(thing()).replace("a.png", f"{folder}/a.png")
        write(tmp_path, text, f"Annotations/{folder}/a.xml")
    load("voc", "--ground-truth", tmp_path, "-P", "Pets")
    told = [one.meta["split"] for one in Task.objects.order_by("id")]
    assert told == ["train", "valid"]
    project, again = Project.objects.get(), tmp_path / "again"
    call_command("dump", "voc", again, project=project.pk, workspace="lab", ground_truth=True)
    assert {path.name: path.read_text() for path in (again / "ImageSets/Main").iterdir()} == {
        f"{name}.txt": text for name, text in lists.items()
    }
    load("voc", "--ground-truth", again, "-P", "Again")
    told = [one.meta["split"] for one in Task.objects.filter(project__title="Again").order_by("id")]
    assert told == ["train", "valid"]


def test_an_image_in_the_lists_of_two_splits(ada: Caller, tmp_path: Path) -> None:
    write(tmp_path, voc())
    for name in ("train", "val"):
        write(tmp_path, "a\n", f"ImageSets/Main/{name}.txt")
    (error,) = refused("voc", "--ground-truth", tmp_path, "-P", "Pets")
    assert error == "ImageSets/Main/val.txt: 'a' is in the list of train, too."


def test_predictions_with_scores(ada: Caller, tmp_path: Path) -> None:
    truth, said = tmp_path / "truth", tmp_path / "said"
    write(truth, voc(thing()))
    write(said, voc(thing(more="<score>0.25</score>")))
    load(
        "voc", "--ground-truth", truth, "--predictions", said, "-P", "Pets", "--model-version", "v1"
    )  # fmt: skip
    assert [one["score"] for one in Prediction.objects.get().result] == [0.25]


ENTITY = '<!DOCTYPE a [<!ENTITY b "c">]><annotation><filename>&b;</filename></annotation>'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<annotation>", "Annotations/a.xml: is no XML: no element found: line 1, column 12."),
        (ENTITY, "Annotations/a.xml: has a DTD or an entity: both are refused."),
        ('<?xml version="1.0" encoding="nope"?><annotation/>',
         "Annotations/a.xml: cannot be read: unknown encoding: nope."),
        ("<html/>", "Annotations/a.xml: is no annotation: its root is 'html'."),
        (voc(thing(name="")), "Annotations/a.xml, object 1: has no name."),
        (voc(thing(corners=(1, 2, "x", 4))),
         "Annotations/a.xml, object 1: has no number for bndbox/xmax."),
        (voc(thing(corners=(5, 2, 4, 4))),
         "Annotations/a.xml, object 1: its last corner lies before its first."),
        (voc(thing("Cat"), thing("cat")),
         "Annotations/a.xml, object 2: 'cat' and 'Cat' differ by case or spaces alone."),
        (voc(thing(), size=""),
         "Annotations/a.xml, object 1: the size of its image is not known: give --images, or a"
         " file with sizes."),
    ],
)  # fmt: skip
def test_bad_files_leave_nothing_behind(ada: Caller, tmp_path: Path, text: str, error: str) -> None:
    write(tmp_path, text)
    with pytest.raises(CommandError) as refused:
        load("voc", "--ground-truth", tmp_path, "-P", "Pets")
    assert str(refused.value).splitlines() == [error, "Nothing is stored."]
    assert not Project.objects.exists()
