"""The overlap of two sets of shapes: boxes exactly, turned or not, everything else by pixels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from evals.engine.overlaps.turned import polygon_areas, shared_areas
from predictions.regions.geometry import (
    Allowance,
    Bools,
    Floats,
    Rle,
    Shape,
    rotated_corners,
    shape_rle,
)

#: How much farther than its outline a mask may reach on each side: what is added to its box.
WIDENED_PX = np.array([-1, -1, 2, 2])


def box_iou(boxes_xywh_px: npt.ArrayLike, others_xywh_px: npt.ArrayLike) -> Floats:
    """IoU of each box with each other box, float64 (n, m), in [0, 1]; an empty side has no cells.

    Boxes without area overlap nothing. As COCO's, without an added pixel; sides are taken between
    corners, so that a box has IoU 1 with itself to the last bit.
    """
    boxes, others = box_corners(boxes_xywh_px), box_corners(others_xywh_px)
    left, top, right, bottom = boxes.T[:, :, None]
    other_left, other_top, other_right, other_bottom = others.T[:, None, :]
    wide = shared_length(left, right, other_left, other_right)
    shared = wide * shared_length(top, bottom, other_top, other_bottom)
    union = box_areas(boxes)[:, None] + box_areas(others)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def box_corners(boxes_xywh_px: npt.ArrayLike) -> Floats:
    """[x, y, width, height] as [left, top, right, bottom], float64 (n, 4)."""
    boxes = np.asarray(boxes_xywh_px, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def box_areas(corners_px: Floats) -> Floats:
    """Areas of (n, 4) corners, float64 (n,)."""
    left, top, right, bottom = corners_px.T
    areas: Floats = (right - left) * (bottom - top)
    return areas


def shared_length(low: Floats, high: Floats, other_low: Floats, other_high: Floats) -> Floats:
    """How far intervals overlap, float64 of the broadcast shape: 0 where they are apart."""
    shared: Floats = np.minimum(high, other_high) - np.maximum(low, other_low)
    return np.maximum(shared, 0, out=shared)


def rle_iou(rles: Sequence[Rle], others: Sequence[Rle]) -> Floats:
    """IoU of each mask with each other mask, float64 (n, m); an empty side gives no cells.

    pycocotools compares the masks' bounding boxes first and walks runs only where those overlap.
    """
    if not rles or not others:
        return np.zeros((len(rles), len(others)))
    return np.asarray(coco_mask.iou(list(rles), list(others), [0] * len(others)))


def shape_iou(
    shapes: Sequence[Shape], others: Sequence[Shape], allowance: Allowance | None = None
) -> Floats:
    """IoU of each shape with each other shape of one image, float64 (n, m).

    Two rectangles are compared exactly, every other pair pixel by pixel; pairs whose bounding boxes
    are apart are 0 without rasterising. `TooMuchToDraw` beyond the allowance.
    """
    allowance = allowance or Allowance()
    exact = rectangle_iou(shapes, others)
    masked = np.array([s.rle is not None for s in shapes], dtype=np.bool_)
    others_masked = np.array([s.rle is not None for s in others], dtype=np.bool_)
    by_pixels = masked[:, None] | others_masked[None, :]
    near = by_pixels & _near(shapes, others)
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    pixels = np.zeros_like(exact)
    rles = [shape_rle(shapes[i], allowance) for i in rows]
    their_rles = [shape_rle(others[i], allowance) for i in columns]
    # A pair is walked run by run, and a run has a byte at least.
    n_bytes, their_bytes = (
        np.array([len(rle["counts"]) for rle in side], dtype=np.float64)
        for side in (rles, their_rles)
    )
    met = near[np.ix_(rows, columns)]
    allowance.take(float((met * (n_bytes[:, None] + their_bytes)).sum()))
    pixels[np.ix_(rows, columns)] = rle_iou(rles, their_rles)
    return np.where(by_pixels, pixels, exact)


def rectangle_iou(shapes: Sequence[Shape], others: Sequence[Shape]) -> Floats:
    """IoU of rectangles, exactly; of other shapes that of their bounding boxes."""
    upright = box_iou([s.box_xywh_px for s in shapes], [s.box_xywh_px for s in others])
    turned, others_turned = (
        np.array([s.is_turned for s in side], bool) for side in (shapes, others)
    )
    is_exact = turned[:, None] | others_turned[None, :]
    if not is_exact.any():
        return upright
    rows, columns = np.flatnonzero(is_exact.any(axis=1)), np.flatnonzero(is_exact.any(axis=0))
    corners, theirs = (
        np.array([corners_of_shape(side[at]) for at in chosen.tolist()])
        for side, chosen in ((shapes, rows), (others, columns))
    )
    met = np.ix_(rows, columns)
    upright[met] = np.where(is_exact[met], polygon_iou(corners, theirs), upright[met])
    return upright


def polygon_iou(corners_px: Floats, others_px: Floats) -> Floats:
    """IoU of each rectangle by its corners (n, 4, 2) with each other one, float64 (n, m)."""
    shared = shared_areas(corners_px, others_px)
    areas, other_areas = polygon_areas(corners_px), polygon_areas(others_px)
    union = areas[:, None] + other_areas[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def corners_of_shape(shape: Shape) -> Floats:
    """The corners of a rectangle, float64 (4, 2); of other shapes those of the bounding box."""
    if shape.is_turned and shape.points_px is not None:
        return shape.points_px
    return rotated_corners(shape.box_xywh_px, 0)


def _near(shapes: Sequence[Shape], others: Sequence[Shape]) -> Bools:
    """Which bounding boxes, widened, overlap: bool (n, m)."""
    boxes, theirs = (
        np.array([s.box_xywh_px for s in side]).reshape(-1, 4) + WIDENED_PX
        for side in (shapes, others)
    )
    return box_iou(boxes, theirs) > 0
