"""`manage.py load dota`: corners of turned boxes."""

from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Caller
from tests.predictions.imports.datasets.scenes import (
    SIZE,
    both,
    refused,
    said,
    tasks,
    truths,
    values,
)

LINES = "imagesource:GoogleEarth\ngsd:0.1\n10 10 50 10 50 30 10 30 plane 0\n"
TURNED = "40.0 10.0 60.0 30.0 40.0 50.0 20.0 30.0 ship 1\n"


def folders(tmp_path: Path, truth: str = LINES + TURNED, said: str = "") -> tuple[Path, Path]:
    for folder in ("truth/labelTxt", "truth/images", "said"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("1", (200, 100)).save(tmp_path / "truth/images/P0001.png")
    Image.new("1", (200, 100)).save(tmp_path / "truth/images/P0002.png")
    (tmp_path / "truth/labelTxt/P0001.txt").write_text(truth)
    (tmp_path / "truth/labelTxt/P0002.txt").write_text("")
    (tmp_path / "said/Task1_plane.txt").write_text(said)
    (tmp_path / "said/Task1_ship.txt").write_text("")
    return tmp_path / "truth", tmp_path / "said"


def test_two_folders(ada: Caller, tmp_path: Path) -> None:
    both("dota", *folders(tmp_path, said="P0002 0.25 10 10 50 10 50 30 10 30\n"))
    assert [meta for _, meta in tasks()] == [
        {"image_name": f"P000{n}.png", "split": "test", **SIZE} for n in (1, 2)
    ]  # fmt: skip
    box = {"x": 5.0, "y": 10.0, "width": 20.0, "height": 20.0, "rotation": 0.0}
    turned = truths()[0][1]
    assert values(truths()) == [
        [
            {**box, "rectanglelabels": ["plane"]},
            {"x": 20.0, "y": 10.0, "width": pytest.approx(14.142135623730951),
             "height": pytest.approx(28.284271247461902), "rotation": 45.0,
             "rectanglelabels": ["ship"], "meta": {"iscrowd": 1}},
        ],
        [],
    ]  # fmt: skip
    assert (turned["original_width"], turned["original_height"]) == (200, 100)
    assert values(said()) == [[], [{**box, "rectanglelabels": ["plane"], "score": 0.25}]]


@pytest.mark.parametrize(
    ("truth", "found", "error"),
    [
        ("1 2 3 4 5 6 7 x plane 0", "",
         "labelTxt/P0001.txt, line 1: must be eight numbers, a class and whether it is difficult."),
        ("1 2 3 4 5 6 7 8 plane x", "", "labelTxt/P0001.txt, line 1: 'x' is neither 0 nor 1."),
        ("1 2 3 4 5 6 7 inf plane 0", "",
         "labelTxt/P0001.txt, line 1: must be eight numbers, a class and whether it is difficult."),
        (LINES, "P0001 0.5 1 2 3",
         "Task1_plane.txt, line 1: must be an image, a score and the eight numbers of its"
         " corners."),
        (LINES, "P0001 -1 1 2 3 2 3 4 1 4",
         "Task1_plane.txt, line 1: -1 is no score: 0 to 1, or per cent up to 100."),
        (LINES, "P0003 0.5 1 2 3 2 3 4 1 4",
         "Task1_plane.txt, line 1: 'P0003' is not among the images of the ground truth."),
    ],
)  # fmt: skip
def test_bad_files(ada: Caller, tmp_path: Path, truth: str, found: str, error: str) -> None:
    one, other = folders(tmp_path, truth, found)
    assert refused(
        "dota", "--ground-truth", one, "--predictions", other, "-P", "Files",
        "--model-version", "v1",
    ) == [error]  # fmt: skip
