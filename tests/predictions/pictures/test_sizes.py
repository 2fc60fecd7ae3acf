"""The size of a picture, from its header: as browsers show it."""

import io
from pathlib import Path

import pytest
from PIL import Image

from predictions.pictures.sizes import ORIENTATION, size_of
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import truths


def picture(kind: str, orientation: int | None) -> bytes:
    """200 pixels across and 100 down, as it is stored."""
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    into = io.BytesIO()
    Image.new("RGB", (200, 100)).save(into, kind, exif=exif)
    return into.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size"),
    [(None, (200, 100)), (1, (200, 100)), (3, (200, 100)), (4, (200, 100)), (5, (100, 200)),
     (6, (100, 200)), (7, (100, 200)), (8, (100, 200)), (9, (200, 100))],
)  # fmt: skip
def test_it_is_turned_as_its_exif_says(
    kind: str, orientation: int | None, size: tuple[int, int]
) -> None:
    assert size_of(io.BytesIO(picture(kind, orientation))) == size


def test_exif_that_cannot_be_read_is_none() -> None:
    broken = picture("JPEG", 6).replace(b"MM\0*", b"MM\0?")
    assert size_of(io.BytesIO(broken)) == (200, 100)


@pytest.mark.django_db
def test_shares_of_a_turned_picture_are_shares_of_what_is_seen(ada: Caller, tmp_path: Path) -> None:
    """A square of the picture is one: turned by 45 degrees it keeps its sides."""
    (tmp_path / "a.jpg").write_bytes(picture("JPEG", 6))
    (tmp_path / "classes.txt").write_text("cat\n")
    # In pixels of 100 x 200: (50, 80), (70, 100), (50, 120), (30, 100).
    (tmp_path / "a.txt").write_text("0 0.5 0.4 0.7 0.5 0.5 0.6 0.3 0.5\n")
    load("yolo", "--ground-truth", tmp_path, "-P", "Files")
    [[region]] = truths()
    assert (region["original_width"], region["original_height"]) == (100, 200)
    value = region["value"]
    assert (value["rotation"] % 90, value["width"], value["height"] * 2) == (
        45.0,
        pytest.approx(28.284271247461902),
        pytest.approx(28.284271247461902),
    )
