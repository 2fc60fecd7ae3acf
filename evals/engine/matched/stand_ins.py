"""Outlines that match nothing, as average precision sees them: a size, and a mask of no pixel.

COCO matches from an overlap of a half on. Of an outline that overlaps nothing so far all that
matters is whether it is small, medium or large, which mostly needs no raster.
"""

import numpy as np

from evals.engine.matching import LEAST_MARGIN, Pairs
from evals.engine.overlaps.drawn import by_size
from evals.engine.precision.measures import LEAST_IOU, SIZE_LIMITS_PX
from evals.engine.sides import Side
from predictions.regions.geometry import Bools, Floats, Rle, empty_rle, rle_areas


def masks_that_may_match(truth: Side, predicted: Side, pairs: Pairs) -> tuple[Bools, Bools]:
    """Which objects and which detections COCO may match, bool (n,) each: of one class, and far
    enough over each other, or one of them a crowd.
    """
    may_match = pairs.iou >= LEAST_IOU - LEAST_MARGIN
    if truth.crowds:
        may_match |= truth.is_crowd()[pairs.object]
    may_match &= truth.label[pairs.object] == predicted.label[pairs.detection]
    objects, detections = (np.zeros(len(side.image), dtype=np.bool_) for side in (truth, predicted))
    objects[pairs.object[may_match]] = True
    detections[pairs.detection[may_match]] = True
    return objects, detections


def compared_masks(side: Side, boxes_px: Floats, may_match: Bools) -> tuple[list[Rle], Floats]:
    """The masks of a side as they are compared, and areas in square pixels that are of the same
    size as those they cover. `boxes_px` are the bounding boxes of the side.
    """
    outlined = side.shapes.outlined
    if len(outlined.at) < len(side.image):
        rles = side.rles(boxes_px)
        return rles, rle_areas(rles)
    areas, most = outlined.covered_px.T.copy()
    is_told = np.ones(len(areas), dtype=np.bool_)
    for limit in SIZE_LIMITS_PX:
        is_told &= (areas > limit) | (most < limit)
    untold, compared = np.flatnonzero(~is_told), np.flatnonzero(may_match)
    areas[untold] = rle_areas(outlined.rles(untold))
    rles = _empty(side)
    for at, rle in zip(compared.tolist(), outlined.rles(compared), strict=True):
        rles[at] = rle
    return rles, areas


def _empty(side: Side) -> list[Rle]:
    """For each shape a mask of no pixel on its image."""
    found: dict[int, Rle] = {}
    for (width, height), some in by_size(side.sizes_px.astype(np.int64)):
        found |= dict.fromkeys(some.tolist(), empty_rle(width_px=width, height_px=height))
    return [found[at] for at in range(len(side.image))]
