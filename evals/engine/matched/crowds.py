"""Crowds: regions of ground truth that stand for many objects, as COCO has them.

A crowd is no object. A detection that matches nothing is nothing itself where a crowd of its class
holds more of it than the limit of a match.
"""

import numpy as np

from evals.engine.matching import Definition
from evals.engine.overlaps.shapes import box_corners, corners_of_shape, shared_length
from evals.engine.overlaps.turned import polygon_areas, shared_areas
from evals.engine.sides import Side
from predictions.regions.geometry import Allowance, Bools, Floats, Shape, shape_rle


def within_crowds(
    truth: Side, predicted: Side, boxes_px: tuple[Floats, Floats], definition: Definition
) -> Bools | None:
    """Which detections a crowd of their class holds, bool (n,); None where there are no crowds.

    `boxes_px` are the bounding boxes of the two sides.
    """
    if not truth.crowds:
        return None
    found = np.zeros(len(predicted.image), dtype=np.bool_)
    groups: dict[tuple[int, int], list[int]] = {}
    for at in sorted(truth.crowds):
        groups.setdefault((int(truth.image[at]), int(truth.label[at])), []).append(at)
    for (image, label), crowds in groups.items():
        first, end = np.searchsorted(predicted.image, [image, image + 1]).tolist()
        mine = first + np.flatnonzero(predicted.label[first:end] == label)
        if not len(mine):
            continue
        shares = _shares(
            [predicted.shape(at, boxes_px[1]) for at in mine.tolist()],
            [truth.shape(at, boxes_px[0]) for at in crowds],
        )
        # Whatever the limit, what a crowd does not touch is not within it.
        found[mine] = (definition.admits(shares) & (shares > 0)).any(axis=1)
    return found


def _shares(shapes: list[Shape], crowds: list[Shape]) -> Floats:
    """Which share of each shape each crowd holds, float64 (n, m)."""
    if any(one.rle is not None for one in (*shapes, *crowds)):
        from pycocotools import mask as coco_mask

        allowance = Allowance()
        rles, theirs = ([shape_rle(one, allowance) for one in side] for side in (shapes, crowds))
        # 0 / 0 for a shape that covers nothing.
        shares: Floats = np.nan_to_num(coco_mask.iou(rles, theirs, [1] * len(theirs)))
        return shares
    if any(one.is_turned for one in (*shapes, *crowds)):
        corners, crowd_corners = (
            np.array([corners_of_shape(one) for one in side]) for side in (shapes, crowds)
        )
        shared, areas = shared_areas(corners, crowd_corners), polygon_areas(corners)
    else:
        boxes, crowd_boxes = (
            box_corners([one.box_xywh_px for one in side]) for side in (shapes, crowds)
        )
        left, top, right, bottom = boxes.T[:, :, None]
        their_left, their_top, their_right, their_bottom = crowd_boxes.T[:, None, :]
        shared = shared_length(left, right, their_left, their_right) * shared_length(
            top, bottom, their_top, their_bottom
        )
        areas = ((right - left) * (bottom - top))[:, 0]
    return np.divide(shared, areas[:, None], out=np.zeros_like(shared), where=shared > 0)
