"""`manage.py load openimages`: CSV of boxes in shares of the image."""

from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Caller
from tests.predictions.imports.datasets.scenes import (
    both,
    refused,
    said,
    through_coco,
    truths,
    values,
)

NAMES = "/m/01yrx,cat\n/m/0bt9lr,dog\n"
HEAD = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsGroupOf\n"
TRUTH = HEAD + ("a,x,/m/01yrx,1,0.05,0.2025,0.2,0.6,0,0\na,x,/m/0bt9lr,1,0.25,0.29,0.6,0.64,0,1\n")
SCORED = "ImageID,LabelName,Conf,XMin,XMax,YMin,YMax\na,/m/0bt9lr,0.75,0.0625,0.2125,0.2,0.6\n"
KAGGLE = "ImageId,PredictionString\na,/m/0bt9lr 0.75 0.0625 0.2 0.2125 0.6\n"


def files(tmp_path: Path, truth: str = TRUTH, found: str = SCORED) -> tuple[Path, Path]:
    for side, text in (("truth", truth), ("said", found)):
        (tmp_path / side).mkdir()
        (tmp_path / side / "boxes.csv").write_text(text)
        (tmp_path / side / "class-descriptions-boxable.csv").write_text(NAMES)
    (tmp_path / "pictures").mkdir()
    Image.new("1", (200, 100)).save(tmp_path / "pictures/a.jpg")
    return tmp_path / "truth/boxes.csv", tmp_path / "said/boxes.csv"


@pytest.mark.parametrize("found", [SCORED, KAGGLE])
def test_the_same_as_through_coco(ada: Caller, tmp_path: Path, found: str) -> None:
    expected_truths, expected_said = through_coco(tmp_path)
    both("openimages", *files(tmp_path, found=found), "--images", tmp_path / "pictures")
    for mine, expected in ((truths(), expected_truths[:1]), (said(), expected_said[:1])):
        for one, other in zip(values(mine)[0], expected[0], strict=True):
            assert one == {
                name: pytest.approx(value, abs=1e-12) if isinstance(value, float) else value
                for name, value in other.items()
            }


@pytest.mark.parametrize(
    ("truth", "found", "error"),
    [
        ("ImageID,LabelName\n", SCORED,
         "boxes.csv, line 1: has no column 'XMin', only ImageID, LabelName."),
        (TRUTH.replace("0.2025", "x"), SCORED, "boxes.csv, line 2, XMax: 'x' is no number."),
        (TRUTH.replace("0.2025", "40"), SCORED,
         "boxes.csv, line 2: its corners are no shares of the image: are these pixels?"),
        (TRUTH.replace("0.2025", "0"), SCORED,
         "boxes.csv, line 2: its last corner lies before its first."),
        (TRUTH, TRUTH.replace("Confidence", "C"),
         "boxes.csv, line 1: has no column 'Conf', only ImageID, Source, LabelName, C, XMin, XMax,"
         " YMin, YMax, IsOccluded, IsGroupOf."),
        (TRUTH, KAGGLE.replace(" 0.6", ""), "boxes.csv, line 2, PredictionString: must be class,"
         " score, xmin, ymin, xmax and ymax of each box."),
        (TRUTH, KAGGLE.replace("0.75", "x"),
         "boxes.csv, line 2, PredictionString: box 1 has a number that is none."),
    ],
)  # fmt: skip
def test_bad_files(ada: Caller, tmp_path: Path, truth: str, found: str, error: str) -> None:
    one, other = files(tmp_path, truth, found)
    assert refused(
        "openimages", "--ground-truth", one, "--predictions", other, "-P", "Files",
        "--model-version", "v1", "--images", tmp_path / "pictures",
    ) == [error]  # fmt: skip
