"""Outlines against outlines: the pairs of a chunk that overlap, by their masks.

All images are looked at together; only what may overlap is rasterised, and compared by runs.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from evals.engine.errors import TooManyPairs
from evals.engine.events import Ints
from evals.engine.matching import LEAST_MARGIN, Pairs, box_pairs
from evals.engine.overlaps.shapes import WIDENED_PX, box_areas, box_corners, rle_iou
from evals.engine.sides import Side
from predictions.regions.errors import TooMuchToDraw
from predictions.regions.geometry import Allowance, Bools, Floats, Rle

#: Detections times objects that are handed over at once: a call for each image would take as long
#: as what it compares, and pairs of two images are looked at for nothing.
CELLS_AT_ONCE = 512


def outline_pairs(
    truth: Side,
    predicted: Side,
    boxes_px: tuple[Floats, Floats],
    is_mine: Bools,
    within_classes: bool,
    least_iou: float,
) -> Iterator[Pairs]:
    """The overlapping pairs of some of the images, all of whose shapes are outlines.

    `boxes_px` are the bounding boxes of the two sides; `is_mine`, bool (n_images,), are the images.
    Pairs that overlap by less than `least_iou` may be missing, but for those with a crowd.
    `TooManyPairs` for an image with more than can be compared.
    """
    if not is_mine.any():
        return
    near = near_pairs(truth, predicted, boxes_px)
    chosen = is_mine[predicted.image[near.detection]]
    if within_classes:
        chosen &= truth.label[near.object] == predicted.label[near.detection]
    near = near.chosen(chosen)
    near = _may_reach(near, truth, predicted, boxes_px, least_iou)
    yield from pixel_pairs(
        near, (truth, partial(_rles, truth)), (predicted, partial(_rles, predicted))
    )


def pixel_pairs(
    near: Pairs,
    truth: tuple[Side, Callable[[Ints], list[Rle]]],
    predicted: tuple[Side, Callable[[Ints], list[Rle]]],
) -> Iterator[Pairs]:
    """Those of the pairs that have pixels in common, with the IoU of these.

    `near` are sorted by detection; each side comes with what gives the masks at some positions.
    `TooManyPairs` for an image with more than can be compared.
    """
    (side, rles_of), (their_side, their_rles_of) = truth, predicted
    theirs, at = np.unique(near.detection, return_inverse=True)
    mine, its = np.unique(near.object, return_inverse=True)
    rles, their_rles = rles_of(mine), their_rles_of(theirs)
    image = their_side.image[near.detection]
    lengths, their_lengths = (
        np.array([len(rle["counts"]) for rle in side]) for side in (rles, their_rles)
    )
    _refuse_long(their_side, image, lengths[its] + their_lengths[at])
    n_images = int(image.max(initial=-1)) + 1
    ends = [
        np.searchsorted(image_of, np.arange(n_images), "right")
        for image_of in (their_side.image[theirs], side.image[mine], image)
    ]
    for (d, t, first), (d_end, t_end, end) in _cut(*ends):
        iou = rle_iou(their_rles[d:d_end], rles[t:t_end])[at[first:end] - d, its[first:end] - t]
        met = iou > 0
        yield Pairs(near.detection[first:end][met], near.object[first:end][met], iou[met])


def near_pairs(truth: Side, predicted: Side, boxes_px: tuple[Floats, Floats]) -> Pairs:
    """The pairs whose bounding boxes, widened for rasterising, overlap."""
    objects, detections = truth.objects(), predicted.detections()
    return box_pairs(objects, boxes_px[0] + WIDENED_PX, detections, boxes_px[1] + WIDENED_PX)


def _may_reach(
    near: Pairs, truth: Side, predicted: Side, boxes_px: tuple[Floats, Floats], least_iou: float
) -> Pairs:
    """Those of the pairs that may overlap so far, from what each outline covers at least; and all
    with a crowd, which may hold a detection that is much smaller.
    """
    d, t = near.detection, near.object
    boxes, their_boxes = (box_areas(box_corners(side + WIDENED_PX)) for side in boxes_px)
    most = near.iou * (their_boxes[d] + boxes[t]) / (1 + near.iou)
    covered, theirs = _covered_at_least(truth)[t], _covered_at_least(predicted)[d]
    either = np.maximum(covered + theirs - most, np.maximum(covered, theirs))
    chosen = most >= (least_iou - LEAST_MARGIN) * either
    if truth.crowds:
        chosen |= truth.is_crowd()[t]
    return Pairs(d[chosen], t[chosen], near.iou[chosen])


def _covered_at_least(side: Side) -> Floats:
    covered = np.zeros(len(side.image))
    covered[side.shapes.outlined.at] = side.shapes.outlined.covered_px[:, 0]
    return covered


def _rles(side: Side, positions: Ints) -> list[Rle]:
    outlined = side.shapes.outlined
    return outlined.rles(np.searchsorted(outlined.at, positions))


def _refuse_long(predicted: Side, image: Ints, n_bytes: Ints) -> None:
    """`TooManyPairs` for an image whose pairs have more runs together than may be walked."""
    taken = np.bincount(image, weights=n_bytes)
    for number in np.flatnonzero(taken > Allowance().left)[:1].tolist():
        first = int(np.searchsorted(predicted.image, number))
        try:
            Allowance().take(float(taken[number]))
        except TooMuchToDraw as error:
            raise TooManyPairs(first, error.detail) from None


def _cut(
    detections: Ints, objects: Ints, pairs: Ints
) -> Iterator[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """Where the images that are compared together begin and end, from where each image ends."""
    begin = before = (0, 0, 0)
    for end in zip(detections.tolist(), objects.tolist(), pairs.tolist(), strict=True):
        if before > begin and (end[0] - begin[0]) * (end[1] - begin[1]) > CELLS_AT_ONCE:
            yield begin, before
            begin = before
        before = end
    if before > begin:
        yield begin, before
