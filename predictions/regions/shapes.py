"""Label Studio regions as shapes in pixels: the percentages, polygons and brush streams end here.

All shapes of an image are of one size, the image's: what a region says of its own size matters for
the raster of a brush mask only, which is resampled.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from predictions.regions.brush import MAX_MASK_PIXELS, decode_bitmask, decode_brush
from predictions.regions.controls import shape_of
from predictions.regions.errors import (
    CoordinateOutOfRange,
    MissingCoordinate,
    MissingImageSize,
    UnsupportedRegion,
)
from predictions.regions.geometry import (
    FARTHEST_PCT,
    PIXEL_DECIMALS,
    STEPS_OF_PNG_PX,
    STEPS_OF_STREAM_BYTE,
    Allowance,
    Floats,
    Rle,
    Shape,
    Size,
    empty_rle,
    mask_rle,
    pixel_boxes,
    polygon_rle,
    rotated_corners,
)
from predictions.regions.labels import read_number
from predictions_api import memory
from predictions_api.http.storable import finite_number, is_number, number_within

#: Turns by less than this many degrees are none: at 10,000 pixels it is a sixth of one.
LEAST_TURN_DEG = 1e-3

#: Corners of the polygon that stands for an ellipse.
ELLIPSE_CORNERS = 64

#: How far the ratios of sizes told of one image may be apart; 1.01 - 1 is a little more than 0.01.
RATIO_TOLERANCE = 0.01 + 1e-9


def region_shape(
    region: Mapping[str, Any], size: Size | None = None, *, allowance: Allowance | None = None
) -> Shape:
    """The pixel geometry of one Label Studio image region, on an image of this size.

    Without a size the region's own is taken, without an allowance that of an image is given.
    Rectangles, turned or not, polygons, ellipses, brush masks and bitmasks are read, with or
    without labels in the type; a `GeometryError` names what is wrong with any other. An outline of
    fewer than three points and an erased mask cover nothing.
    Format: https://labelstud.io/guide/task_format
    """
    own = own_size(region)
    of_image = size or own
    if of_image is None:
        given = region.get("original_width"), region.get("original_height")
        raise MissingImageSize(f"got {given[0]!r} x {given[1]!r}")
    value = region.get("value")
    if not isinstance(value, Mapping):
        raise MissingCoordinate("the region has no value object")
    kind = shape_of(region.get("type"))
    allowance = allowance or Allowance()
    if kind == "rectangle":
        return _rectangle(value, of_image)
    if kind == "polygon":
        return _polygon(_percent_points(value.get("points")), of_image, allowance)
    if kind == "ellipse":
        return _ellipse(value, of_image, allowance)
    if kind == "brush":
        return _brush(value, of_image, own or of_image, allowance)
    if kind == "bitmask":
        return _bitmask(value, of_image, own or of_image, allowance)
    raise UnsupportedRegion(f"got type {region.get('type')!r}")


def own_size(region: Mapping[str, Any]) -> Size | None:
    """Width and height in pixels that the region gives for its image, numbers or texts that hold
    one; None without usable ones.
    """
    width, height = _side(region.get("original_width")), _side(region.get("original_height"))
    return None if width is None or height is None else (width, height)


def meta_size(told: Any) -> Size | None:
    """Width and height in pixels as a task's `meta.image_size` tells them of its image,
    `{"width": 640, "height": 480}`; None without usable ones.
    """
    if not isinstance(told, Mapping):
        return None
    return own_size({f"original_{side}": told.get(side) for side in ("width", "height")})


def _side(told: Any) -> float | None:
    """A length in pixels, a number or text that holds one; None for anything else."""
    return number_within(read_number(told), 1, 2**31 - 1)


def is_upright(rotation: Any) -> bool:
    """Whether a box turned by so many degrees lies as if it were not turned at all."""
    if not rotation:
        return True
    turn = finite_number(rotation) if is_number(rotation) else None
    return turn is not None and abs(math.remainder(turn, 360)) < LEAST_TURN_DEG


def _rectangle(value: Mapping[str, Any], size: Size) -> Shape:
    x, y, width, height = (_percent(value.get(key), key) for key in ("x", "y", "width", "height"))
    rotation = value.get("rotation") or 0
    if rotation and not is_upright(rotation):
        return _turned(pixel_boxes((x, y, width, height), size)[0], rotation, size)
    # Drawn towards the left or upwards.
    box = min(x, x + width), min(y, y + height), abs(width), abs(height)
    return _upright(pixel_boxes(box, size)[0], size)


def _turned(box_px: Floats, rotation: Any, size: Size) -> Shape:
    """A rotated box; by quarter turns it is a box again."""
    turn = _number(rotation, "rotation")
    if abs(math.remainder(turn, 90)) >= LEAST_TURN_DEG:
        corners = rotated_corners(box_px, turn)
        return _shape(corners, None, size)
    quarter = rotated_corners(box_px, quarter_deg(turn))
    low, high = quarter.min(axis=0), quarter.max(axis=0)
    return _upright(np.round(np.concatenate([low, high - low]), PIXEL_DECIMALS), size)


def quarter_deg(turn_deg: float) -> int:
    """The quarter turn nearest to a turn, in degrees from -180 to 180."""
    # Without whole turns: of many the angle in radians would no longer be one of quarters.
    return 90 * round(math.remainder(turn_deg, 360) / 90)


def _upright(box_px: Floats, size: Size) -> Shape:
    x, y, width, height = box_px.tolist()
    return Shape(
        box_xywh_px=(x, y, width, height),
        points_px=None,
        rle=None,
        width_px=int(size[0]),
        height_px=int(size[1]),
    )


def _percent_points(points: Any) -> list[tuple[float, float]]:
    if not isinstance(points, Sequence) or isinstance(points, str):
        raise MissingCoordinate("the polygon has no list of points")
    if any(not isinstance(p, Sequence) or isinstance(p, str) or len(p) != 2 for p in points):
        raise MissingCoordinate("a polygon's point is not a pair of numbers")
    return [(_percent(x, "x"), _percent(y, "y")) for x, y in points]


def _polygon(points_pct: list[tuple[float, float]], size: Size, allowance: Allowance) -> Shape:
    points = np.asarray(points_pct, dtype=np.float64).reshape(-1, 2)
    return _outline(np.round(points / 100 * np.array(size), PIXEL_DECIMALS), size, allowance)


def _ellipse(value: Mapping[str, Any], size: Size, allowance: Allowance) -> Shape:
    x, y, across, down = (_percent(value.get(key), key) for key in ("x", "y", "radiusX", "radiusY"))
    turn = math.radians(_number(value.get("rotation") or 0, "rotation"))
    angles = np.arange(ELLIPSE_CORNERS) * (2 * math.pi / ELLIPSE_CORNERS)
    width, height = size
    right, below = across / 100 * width * np.cos(angles), down / 100 * height * np.sin(angles)
    points = np.stack(
        [
            x / 100 * width + right * math.cos(turn) - below * math.sin(turn),
            y / 100 * height + right * math.sin(turn) + below * math.cos(turn),
        ],
        axis=1,
    )
    return _outline(np.round(points, PIXEL_DECIMALS), size, allowance)


def _outline(points_px: Floats, size: Size, allowance: Allowance) -> Shape:
    width, height = int(size[0]), int(size[1])
    if len(points_px) < 3:
        rle = empty_rle(width_px=width, height_px=height)
    else:
        rle = polygon_rle(points_px, width_px=width, height_px=height, allowance=allowance)
    return _shape(points_px, rle, size)


def _shape(points_px: Floats, rle: Rle | None, size: Size) -> Shape:
    corners = points_px if len(points_px) else np.zeros((1, 2))
    left, top = corners.min(axis=0).tolist()
    right, bottom = corners.max(axis=0).tolist()
    return Shape(
        box_xywh_px=(left, top, right - left, bottom - top),
        points_px=points_px,
        rle=rle,
        width_px=int(size[0]),
        height_px=int(size[1]),
    )


def _brush(value: Mapping[str, Any], size: Size, raster: Size, allowance: Allowance) -> Shape:
    """A mask of a raster of its own, on an image of this size."""
    width, height = int(size[0]), int(size[1])
    stream = value.get("rle")
    if stream is None:
        raise MissingCoordinate("the brush region has no rle")
    if stream == []:
        rle = empty_rle(width_px=width, height_px=height)
    else:
        own_width, own_height = int(raster[0]), int(raster[1])
        if isinstance(stream, list):
            allowance.take(STEPS_OF_STREAM_BYTE * len(stream))
        # The mask, what is within its box, and the encoder's own copy.
        with memory.held(4 * min(own_width * own_height, MAX_MASK_PIXELS)):
            mask = decode_brush(stream, width_px=own_width, height_px=own_height)
            rle = mask_rle(mask, (width, height), allowance)
    return _masked(rle)


def _bitmask(value: Mapping[str, Any], size: Size, raster: Size, allowance: Allowance) -> Shape:
    """A PNG of a raster of its own, on an image of this size."""
    address = value.get("imageDataURL")
    if not isinstance(address, str):
        raise MissingCoordinate("the bitmask region has no imageDataURL")
    width, height = int(raster[0]), int(raster[1])
    allowance.take(STEPS_OF_PNG_PX * width * height)
    # The picture, its alpha, the mask, and what is within its box.
    with memory.held(8 * min(width * height, MAX_MASK_PIXELS)):
        mask = decode_bitmask(address, width_px=width, height_px=height)
        rle = mask_rle(mask, (int(size[0]), int(size[1])), allowance)
    return _masked(rle)


def _masked(rle: Rle) -> Shape:
    height, width = rle["size"]
    x, y, box_width, box_height = coco_mask.toBbox(rle).tolist()
    return Shape(
        box_xywh_px=(x, y, box_width, box_height),
        points_px=None,
        rle=rle,
        width_px=width,
        height_px=height,
    )


def _number(value: Any, name: str) -> float:
    number = finite_number(value) if is_number(value) else None
    if number is None:
        raise MissingCoordinate(f"{name} is {value!r:.100}")
    return number


def _percent(value: Any, name: str) -> float:
    number = _number(value, name)
    if abs(number) > FARTHEST_PCT:
        raise CoordinateOutOfRange(f"{name} is {number} percent")
    return number
