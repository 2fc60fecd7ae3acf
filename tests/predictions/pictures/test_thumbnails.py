"""Thumbnails and sizes of all kinds of pictures, and of what only begins like one."""

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from predictions.pictures import thumbnails
from predictions.pictures.opening import Opened, open_below
from predictions.pictures.thumbnails import NoPicture, size_of, thumbnail

Open = Callable[[bytes], Opened]


@pytest.fixture
def placed(tmp_path: Path) -> Open:
    """The bytes as an open file."""

    def place(content: bytes) -> Opened:
        (tmp_path / "x").write_bytes(content)
        return open_below(str(tmp_path.resolve()), "x")

    return place


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def small(placed: Open, content: bytes, side: int = 160) -> Image.Image:
    with placed(content) as opened:
        made = Image.open(io.BytesIO(thumbnail(opened, side)))
    made.load()
    return made


def halves(mode: str = "RGB", size: tuple[int, int] = (400, 200)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, *size))
    return image.convert(mode)


def color(image: Image.Image, x: int, y: int) -> str:
    red, green, blue = image.convert("RGB").getpixel((x, y))  # type: ignore[misc]
    names = {(True, False, False): "red", (False, False, True): "blue"}
    return names.get((red > 128, green > 128, blue > 128), f"{red, green, blue}")


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB"), ("JPEG", "CMYK"),
        ("GIF", "P"), ("WEBP", "RGB"), ("WEBP", "RGBA"), ("BMP", "RGB"), ("BMP", "P"),
        ("TIFF", "RGB"), ("TIFF", "CMYK"), ("TIFF", "LAB"),
    ],
)  # fmt: skip
def test_kinds_and_modes(placed: Open, kind: str, mode: str) -> None:
    image = halves() if mode == "LAB" else halves(mode)
    if mode == "LAB":
        from PIL import ImageCms

        lab = ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(  # type: ignore[assignment]
            image, ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
        )
    shown = small(placed, encoded(image, kind))
    assert shown.size == (160, 80)
    if mode != "LAB":
        assert (color(shown, 20, 40), color(shown, 140, 40)) == ("red", "blue")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_as_exif_says(placed: Open, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(halves(), "JPEG", exif=exif.tobytes())
    shown = small(placed, content)
    is_turned = orientation > 4
    assert shown.size == ((80, 160) if is_turned else (160, 80))
    with placed(content) as opened:
        assert size_of(opened) == ((200, 400) if is_turned else (400, 200))
    # Where red stands: left, right, right, left, and of the turned ones top, top, bottom, bottom.
    first, last = ((40, 20), (40, 140)) if is_turned else ((20, 40), (140, 40))
    expected = ("blue", "red") if orientation in {2, 3, 7, 8} else ("red", "blue")
    assert (color(shown, *first), color(shown, *last)) == expected
    assert dict(shown.getexif()) == {}


def test_sixteen_bits_are_shown_by_their_upper_eight(placed: Open) -> None:
    levels = np.tile(np.linspace(0, 65535, 160).astype(np.uint16), (80, 1))
    content = encoded(Image.fromarray(levels), "PNG")
    shown = np.asarray(small(placed, content).convert("L")).astype(int)
    assert shown[40] == pytest.approx(levels[40] / 256, abs=6)


def test_what_is_transparent_stays_so(placed: Open) -> None:
    image = Image.new("RGBA", (200, 200), (255, 0, 0, 0))
    assert small(placed, encoded(image, "PNG")).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]
    palette = Image.new("P", (200, 200), 3)
    palette.info["transparency"] = 3
    shown = small(placed, encoded(palette, "GIF", transparency=3))
    assert shown.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_of_several_frames_the_first(placed: Open, kind: str) -> None:
    frames = [Image.new("RGB", (20, 10), name) for name in ("red", "blue", "blue")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    shown = small(placed, content)
    assert (shown.size, color(shown, 10, 5), getattr(shown, "n_frames", 1)) == ((20, 10), "red", 1)


@pytest.mark.parametrize("size", [(1, 1), (3, 5000), (5000, 1), (161, 160)])
def test_unusual_sizes(placed: Open, size: tuple[int, int]) -> None:
    wide, high = small(placed, encoded(halves("RGB", size), "PNG")).size
    assert max(wide, high) == min(160, max(size))
    assert min(wide, high) >= 1


def test_nothing_private_is_handed_on(placed: Open) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    content = encoded(halves(), "JPEG", exif=exif.tobytes(), comment=b"by Ada")
    with placed(content) as opened:
        made = thumbnail(opened, 160)
    assert b"home" not in made
    assert b"Ada" not in made


def test_pixels_are_counted_before_they_are_decoded(
    placed: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(halves(), "PNG")
    monkeypatch.setattr(thumbnails, "MOST_PIXELS", 400 * 200 - 1)
    with placed(content) as opened:
        with pytest.raises(NoPicture, match="more than 79,999 pixels"):
            thumbnail(opened, 160)
        assert size_of(opened) == (400, 200)
    monkeypatch.setattr(thumbnails, "MOST_PIXELS", 400 * 200)
    assert small(placed, content).size == (160, 80)


def test_a_large_file_is_not_read(placed: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(halves(), "PNG")
    monkeypatch.setattr(thumbnails, "MOST_BYTES", len(content) - 1)
    with placed(content) as opened, pytest.raises(NoPicture, match="bytes"):
        thumbnail(opened, 160)


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("GIF", {}), ("WEBP", {}),
    ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "jpeg"}),
]  # fmt: skip
SEEDS = [encoded(halves(size=(40, 20)), kind, **options) for kind, options in OPTIONS]


@pytest.mark.hypothesis
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 2**16),
)
def test_broken_files_are_no_error_of_ours(
    placed: Open, seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(seed)
    for place, value in changes:
        content[place % len(content)] = value
    with placed(bytes(content[: 8 + cut])) as opened:
        for read in (size_of, lambda one: thumbnail(one, 160)):
            with suppress(NoPicture):
                read(opened)
