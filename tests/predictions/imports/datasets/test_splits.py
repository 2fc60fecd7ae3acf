"""Names of splits: of a file, and of `--split`."""

from pathlib import Path

import pytest

from predictions.models import Task
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import coco_truth, refused, tasks

KNOWN = "Splits are train (training), valid (validation, val, dev), test (testing, eval)."


def cvat(folder: Path, subset: str) -> Path:
    path = folder / "a.xml"
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>'
        f'<image id="1" name="a.jpg" subset="{subset}" width="200" height="100">'
        '<box label="cat" occluded="0" xtl="10" ytl="20" xbr="40" ybr="60"/></image></annotations>'
    )
    return path


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("valid", "valid"),
        ("val", "valid"),
        ("validation", "valid"),
        ("dev", "valid"),
        ("test", "test"),
        ("testing", "test"),
        (" eval ", "test"),
    ],
)
def test_other_names_are_read_as_the_split_they_mean(
    ada: Caller, tmp_path: Path, name: str, split: str
) -> None:
    load("coco", "--ground-truth", coco_truth(tmp_path), "-P", "Asked", "--split", name)
    load("cvat", "--ground-truth", cvat(tmp_path, name), "-P", "In the file")
    assert [meta["split"] for _, meta in tasks()] == [split, split, split]


def test_cvats_default_subset_is_none(ada: Caller, tmp_path: Path) -> None:
    load("cvat", "--ground-truth", cvat(tmp_path, "default"), "-P", "Files")
    assert [meta["split"] for _, meta in tasks()] == ["test"]


def test_other_words_are_refused(ada: Caller, tmp_path: Path) -> None:
    truth = coco_truth(tmp_path)
    assert refused("coco", "--ground-truth", truth, "-P", "Files", "--split", "fold 1") == [
        f"split: 'fold 1' is no split. {KNOWN}"
    ]
    path = cvat(tmp_path, "fold 1")
    (error,) = refused("cvat", "--ground-truth", path, "-P", "Files")
    assert error == f"{path}, image 1: 'fold 1' is no split. {KNOWN}"
    load("cvat", "--ground-truth", path, "-P", "Files", "--split", "val")
    assert [meta["split"] for _, meta in tasks()] == ["valid"]


def test_tasks_that_are_there_keep_their_split(ada: Caller, tmp_path: Path) -> None:
    truth = coco_truth(tmp_path)
    again = ("coco", "--ground-truth", truth, "-P", "Files")
    assert load(*again, "--split", "train")[1] == []
    assert load(*again)[1] == load(*again, "--split", "training")[1] == []
    first = Task.objects.earliest("id").pk
    warning = (
        f"Warning: Tasks that were there keep their split, 2: task {first} is in 'train', not in"
        " 'valid'. To move them, change their meta.split."
    )
    assert load(*again, "--split", "val")[1] == [warning]
    assert [meta["split"] for _, meta in tasks()] == ["train", "train"]
