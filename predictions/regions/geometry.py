"""Boxes and masks in pixels.

Percentages become pixels in float64, rounded to a millionth of one: whole pixels and hundredths of
a file come back as they were. A box is [x, y, width, height], a mask a COCO run-length encoding.
"""

import math
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from predictions.regions.brush import MAX_MASK_PIXELS
from predictions.regions.errors import MaskTooLarge, TooFewPoints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# COCO's run lengths are 32 bits wide, so height x width must stay below 2**32.
LONGEST_SIDE_PX = 2**16 - 1

# The rasteriser walks every pixel of a polygon's outline, so a far-away point would stall it.
FARTHEST_PCT = 1000.0

#: Decimals of a pixel: finer than any file's, coarser than what float64 loses on the way.
PIXEL_DECIMALS = 6

Size = tuple[float, float]


class Rle(TypedDict):
    """A mask as pycocotools keeps it: size is [height, width], counts the compressed runs."""

    size: list[int]
    counts: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One region in pixels. `rle` is None exactly for an axis-aligned rectangle."""

    box_xywh_px: tuple[float, float, float, float]
    #: float64 (n, 2) outline of a polygon or rotated rectangle, None for the others.
    points_px: Floats | None
    rle: Rle | None
    width_px: int
    height_px: int


def pixel_boxes(boxes_xywh_pct: npt.ArrayLike, sizes_wh_px: npt.ArrayLike) -> Floats:
    """Boxes in pixels, float64 (n, 4), to the millionth and in the order given; (0, 4) for none.

    `boxes_xywh_pct` is (n, 4) in percent of the image, `sizes_wh_px` (n, 2) or (2,) its size.
    Percent values are as Label Studio stores them:
    https://labelstud.io/guide/task_format#Units-of-image-annotations
    """
    boxes = np.asarray(boxes_xywh_pct, dtype=np.float64).reshape(-1, 4)
    sizes = np.asarray(sizes_wh_px, dtype=np.float64).reshape(-1, 2)
    return np.round(boxes / 100 * np.tile(sizes, 2), PIXEL_DECIMALS)


def rotated_corners(box_xywh_px: npt.ArrayLike, rotation_deg: float) -> Floats:
    """Corners, float64 (4, 2): the stored corner first, then clockwise on the screen.

    Label Studio turns a rectangle clockwise, in degrees, about its stored (x, y) corner;
    label_studio_sdk.converter.utils.convert_annotation_to_yolo_obb reads it the same way.
    """
    x, y, width, height = np.asarray(box_xywh_px, dtype=np.float64)
    angle = math.radians(rotation_deg)
    along = np.array([math.cos(angle), math.sin(angle)]) * width
    down = np.array([-math.sin(angle), math.cos(angle)]) * height
    corner = np.array([x, y])
    return np.stack([corner, corner + along, corner + along + down, corner + down])


def polygon_rle(points_px: npt.ArrayLike, *, width_px: int, height_px: int) -> Rle:
    """The polygon's pixels by COCO's rasteriser, cut off at the image's edge.

    `points_px` is (n, 2), n >= 3, else `TooFewPoints`; an image side beyond 65,535 pixels is
    `MaskTooLarge`. Raster and geometric area differ on small
    shapes; COCO counts pixels, so do we.
    """
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    if len(points) < 3:
        raise TooFewPoints(f"got {len(points)}")
    if max(width_px, height_px) > LONGEST_SIDE_PX:
        raise MaskTooLarge(f"{width_px} x {height_px}")
    rle: Rle = coco_mask.frPyObjects([points.ravel().tolist()], height_px, width_px)[0]
    return rle


def mask_rle(mask: Bools) -> Rle:
    """The COCO encoding of a bool (height, width) mask."""
    rle: Rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return rle


def resampled(mask: Bools, *, width_px: int, height_px: int) -> Bools:
    """A mask on a raster of another size, by the nearest pixel."""
    height, width = mask.shape
    if (height, width) == (height_px, width_px):
        return mask
    if width_px * height_px > MAX_MASK_PIXELS:
        raise MaskTooLarge(f"{width_px} x {height_px}")
    rows = ((np.arange(height_px) + 0.5) * (height / height_px)).astype(np.int64)
    columns = ((np.arange(width_px) + 0.5) * (width / width_px)).astype(np.int64)
    return np.asarray(mask[np.ix_(rows, columns)])


def empty_rle(*, width_px: int, height_px: int) -> Rle:
    """The encoding of a mask that covers nothing."""
    if max(width_px, height_px) > LONGEST_SIDE_PX:
        raise MaskTooLarge(f"{width_px} x {height_px}")
    rle: Rle = coco_mask.frPyObjects(
        {"size": [height_px, width_px], "counts": [height_px * width_px]}, height_px, width_px
    )
    return rle


def rle_mask(rle: Rle) -> Bools:
    """The bool (height, width) mask of a COCO encoding, which runs column by column.

    pycocotools' own decode warns under numpy 2, so its runs are read here.
    """
    height, width = rle["size"]
    runs = _run_lengths(rle["counts"])
    is_inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(is_inside, runs).reshape(width, height).T


def _run_lengths(counts: bytes) -> list[int]:
    """COCO's compressed counts: five bits a character, from the fourth on relative to two before.

    Source: rleToString in https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = character - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs


def rle_area(rle: Rle) -> int:
    """How many pixels the mask covers."""
    return int(coco_mask.area(rle))


def shape_rle(shape: Shape) -> Rle:
    """The shape's mask; a rectangle is rasterised as COCO rasterises a box."""
    if shape.rle is not None:
        return shape.rle
    corners = rotated_corners(shape.box_xywh_px, 0)
    return polygon_rle(corners, width_px=shape.width_px, height_px=shape.height_px)
