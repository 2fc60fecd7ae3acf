"""Ellipses and bitmasks among masks, compared as COCO compares the same rasters."""

import base64
import io
import math
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from evals.engine.kinds.table import KINDS
from predictions.regions.brush import MAX_MASK_PIXELS, PNG_ADDRESS
from predictions.regions.errors import (
    CorruptBitmask,
    GeometryError,
    MaskTooLarge,
    MissingCoordinate,
    TooMuchToDraw,
)
from predictions.regions.geometry import Allowance, mask_rle, rle_mask
from predictions.regions.shapes import region_shape
from tests.evals.engine.tasks import Json, counted, job, stored

WIDTH, HEIGHT = 80, 60


def png(mask: np.ndarray, mode: str = "RGBA") -> str:
    """A picture whose alpha is above zero where the mask is."""
    alpha = np.where(mask, 1, 0).astype(np.uint8)
    if mode == "RGBA":
        image = Image.fromarray(np.dstack([np.full((*mask.shape, 3), 7, np.uint8), alpha]), "RGBA")
    elif mode == "LA":
        image = Image.fromarray(np.dstack([np.zeros_like(alpha), alpha]), "LA")
    else:
        # A palette of two colours, the first of them transparent.
        image = Image.fromarray(alpha, "P")
        image.putpalette([0, 0, 0, 255, 0, 0])
        image.info["transparency"] = b"\x00\xff"
    file = io.BytesIO()
    image.save(file, format="PNG")
    return address(file.getvalue())


def address(body: bytes) -> str:
    return f"{PNG_ADDRESS},{base64.b64encode(body).decode()}"


def bitmask(url: Any, label: str = "cat", size: Any = (WIDTH, HEIGHT), **more: Any) -> Json:
    value = {"imageDataURL": url, "bitmasklabels": [label]}
    return {"type": "bitmasklabels", "original_width": size[0], "original_height": size[1],
            "value": value, **more}  # fmt: skip


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0, **more: Any) -> Json:
    value = {"x": x / WIDTH * 100, "y": y / HEIGHT * 100, "radiusX": rx / WIDTH * 100,
             "radiusY": ry / HEIGHT * 100, "rotation": turn, "ellipselabels": ["cat"]}  # fmt: skip
    return {"type": "ellipselabels", "original_width": WIDTH, "original_height": HEIGHT,
            "value": value, **more}  # fmt: skip


def blob(seed: int) -> np.ndarray:
    r = np.random.default_rng(seed)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    x, y = r.integers(0, 30, 2)
    mask[y : y + r.integers(8, 30), x : x + r.integers(8, 40)] = True
    return mask & (r.random(mask.shape) < 0.9)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_bitmask_is_where_alpha_is_above_zero(mode: str) -> None:
    mask = blob(1)
    shape: Any = region_shape(bitmask(png(mask, mode)))
    assert np.array_equal(rle_mask(shape.rle), mask)
    assert shape.rle == mask_rle(mask)
    assert list(shape.box_xywh_px) == coco_mask.toBbox(mask_rle(mask)).tolist()


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "I;16"])
@pytest.mark.parametrize("value", [1, 255])
def test_a_bitmask_without_alpha_is_where_it_is_not_black(mode: str, value: int) -> None:
    """As scripts write the masks of models."""
    mask = blob(3)
    grey = np.where(mask, value, 0).astype(np.uint16 if mode == "I;16" else np.uint8)
    image = Image.fromarray(np.dstack([grey * 0, grey, grey * 0]) if mode == "RGB" else grey)
    if mode == "1":
        image = Image.fromarray(mask)
    if mode == "P":
        image = image.convert("P")
    file = io.BytesIO()
    image.save(file, format="PNG")
    shape: Any = region_shape(bitmask(address(file.getvalue())))
    assert np.array_equal(rle_mask(shape.rle), mask)


def test_a_bitmask_whose_alpha_is_full_everywhere_is_where_it_is_not_black() -> None:
    """As scripts write masks that are turned into RGBA; one colour alone is a full mask."""
    mask = blob(3)
    for drawn, expected in (
        (np.where(mask, 255, 0), mask),
        (np.full_like(mask, 0, int), np.ones_like(mask)),
        (np.full_like(mask, 200, int), np.ones_like(mask)),
    ):
        image = Image.fromarray(drawn.astype(np.uint8)).convert("RGBA")
        file = io.BytesIO()
        image.save(file, format="PNG")
        shape: Any = region_shape(bitmask(address(file.getvalue())))
        assert np.array_equal(rle_mask(shape.rle), expected)


def test_a_bitmask_of_another_raster_is_resampled() -> None:
    mask = blob(2)
    shape: Any = region_shape(bitmask(png(mask)), (WIDTH * 2, HEIGHT * 2))
    assert np.array_equal(rle_mask(shape.rle), mask.repeat(2, 0).repeat(2, 1))


def header(width: int, height: int) -> bytes:
    """The beginning of a PNG that says to be so large."""
    fields = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunk = b"IHDR" + fields
    return (b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(fields)) + chunk
            + struct.pack(">I", zlib.crc32(chunk)))  # fmt: skip


@pytest.mark.parametrize(
    ("url", "size", "error"),
    [
        (None, (WIDTH, HEIGHT), MissingCoordinate),
        (7, (WIDTH, HEIGHT), MissingCoordinate),
        ("", (WIDTH, HEIGHT), CorruptBitmask),
        ("https://example.org/a.png", (WIDTH, HEIGHT), CorruptBitmask),
        ("data:image/svg+xml;base64,AAAA", (WIDTH, HEIGHT), CorruptBitmask),
        (f"{PNG_ADDRESS},***", (WIDTH, HEIGHT), CorruptBitmask),
        (address(b"GIF89a"), (WIDTH, HEIGHT), CorruptBitmask),
        (address(b""), (WIDTH, HEIGHT), CorruptBitmask),
        (address(header(WIDTH, HEIGHT)), (WIDTH, HEIGHT), CorruptBitmask),
        (png(blob(1))[:-60], (WIDTH, HEIGHT), CorruptBitmask),
        (png(blob(1)), (WIDTH + 1, HEIGHT), CorruptBitmask),
        (png(blob(1)), (HEIGHT, WIDTH), CorruptBitmask),
        (address(header(60_000, 60_000)), (60_000, 60_000), GeometryError),
        (address(header(60_000, 60_000)), (WIDTH, HEIGHT), CorruptBitmask),
    ],
)
def test_what_is_no_bitmask(url: Any, size: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        region_shape(bitmask(url, size=size))


def test_a_bitmask_is_within_its_bounds() -> None:
    side = math.isqrt(MAX_MASK_PIXELS) + 1
    with pytest.raises(MaskTooLarge):
        region_shape(bitmask(address(header(side, side)), size=(side, side)))
    with pytest.raises(TooMuchToDraw):
        region_shape(bitmask(png(blob(1))), allowance=Allowance(100))


def test_instances_of_all_outlines_are_compared_as_coco_compares_their_rasters() -> None:
    truth = [
        ellipse(30, 30, 20, 10),
        ellipse(60, 40, 12, 8, 30),
        bitmask(png(blob(3))),
        bitmask(png(blob(4))),
    ]
    said = [
        ellipse(31, 30, 19, 11, score=0.9),
        bitmask(png(blob(3) & (np.arange(WIDTH) % 7 > 0)), score=0.8),
        ellipse(58, 41, 12, 9, 45, score=0.7),
        bitmask(png(blob(5)), score=0.6),
    ]
    images = [stored(truth, said)]
    of = job("instance-segmentation")
    rles, theirs = ([region_shape(one).rle for one in side] for side in (truth, said))
    iou = coco_mask.iou(theirs, rles, [0] * len(rles))
    verdicts = KINDS["instance-segmentation"].verdicts(images, of, 0)[0]
    matched = [(one.matched, one.iou) for one in verdicts.found if one and one.iou]
    assert len(matched) == 3
    for d, one in enumerate(verdicts.found):
        if one and one.iou is not None:
            assert one.iou == iou[d, one.matched]
    _, total = counted(images, of)
    _, same = counted(images, job("instance-segmentation", engine="pycocotools"))
    assert total.table == same.table
    assert 0 < total.primary < 1


def test_an_ellipse_is_a_polygon_of_sixty_four_points() -> None:
    shape: Any = region_shape(ellipse(40, 30, 20, 10, 30))
    angles = np.arange(64) * 2 * np.pi / 64
    x, y, turn = 20 * np.cos(angles), 10 * np.sin(angles), np.pi / 6
    expected = np.stack(
        [40 + x * np.cos(turn) - y * np.sin(turn), 30 + x * np.sin(turn) + y * np.cos(turn)], 1
    )
    assert np.allclose(shape.points_px, expected, rtol=0, atol=1e-6)
    outline = [shape.points_px.ravel().tolist()]
    assert shape.rle == coco_mask.frPyObjects(outline, HEIGHT, WIDTH)[0]
