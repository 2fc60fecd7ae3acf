"""Shapes on images: which of two sides overlap, and what average precision compares of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain

import numpy as np

from evals.engine.errors import EvaluationError, TooManyPairs, UnusableRegion
from evals.engine.events import Ints
from evals.engine.matched.crowds import within_crowds
from evals.engine.matched.outlines import near_pairs, outline_pairs, pixel_pairs
from evals.engine.matched.stand_ins import compared_masks, masks_that_may_match
from evals.engine.matching import (
    AT_THRESHOLD,
    LEAST_MARGIN,
    Definition,
    Detections,
    Objects,
    Pairs,
    box_pairs,
    check_compared,
    join_pairs,
    matrix_pairs,
)
from evals.engine.overlaps.shapes import box_areas, box_corners, shape_iou
from evals.engine.overlaps.turned import (
    paired_areas,
    polygon_areas,
    turned_boxes,
)
from evals.engine.precision.batch import Batch
from evals.engine.precision.measures import WIDENING, IouType
from evals.engine.sides import Side
from predictions.regions.errors import MaskTooLarge, TooMuchToDraw
from predictions.regions.geometry import (
    LONGEST_SIDE_PX,
    Allowance,
    Bools,
    Floats,
    Rle,
)

#: Pairs of an image with masks that are looked at together, a few hundred bytes each.
MASK_PAIRS_AT_ONCE = 2**18
#: Shapes of two controls that overlap so far are one object.
TWIN_IOU = 0.9


class NeedsWider(EvaluationError):
    """Average precision has to compare more of all shapes than boxes."""

    def __init__(self, iou_type: IouType) -> None:
        super().__init__(iou_type.value)
        self.iou_type = iou_type


def refuse_narrow(truth: Side, predicted: Side, iou_type: str) -> None:
    """`NeedsWider` for shapes that average precision of this type cannot compare; `UnusableRegion`
    for an image that is too long or too high for a mask.
    """
    needed = IouType.BOXES
    if truth.has_turned() or predicted.has_turned():
        needed = IouType.TURNED
    if truth.n_masks() or predicted.n_masks():
        needed = IouType.MASKS
    if WIDENING.index(needed) > WIDENING.index(IouType(iou_type)):
        raise NeedsWider(needed)
    if iou_type == IouType.MASKS:
        _refuse_long_sides(truth, predicted)


def matched_shapes(
    truth: Side,
    predicted: Side,
    boxes_px: tuple[Floats, Floats],
    definition: Definition,
    *,
    least_iou: float = 1.0,
) -> tuple[Objects, Detections, Pairs]:
    """Objects, detections and the pairs of them that overlap; crowds and what is within them are
    ignored. `boxes_px` are the bounding boxes of the two sides. Pairs that neither match nor
    overlap by `least_iou` may be missing.
    """
    least = min(definition.iou_threshold, least_iou)
    pairs = shape_pairs(truth, predicted, boxes_px, least_iou=least)
    ignored = within_crowds(truth, predicted, boxes_px, definition)
    return truth.objects(), predicted.detections(ignored), pairs


def shape_batch(
    ids: Ints,
    truth: Side,
    predicted: Side,
    boxes_px: tuple[Floats, Floats],
    iou_type: str,
    pairs: Pairs,
) -> Batch:
    """What average precision needs of a chunk; `pairs` are all those that overlap by half or more,
    and those with a crowd.
    """
    sides = (truth, boxes_px[0]), (predicted, boxes_px[1])
    rles: list[list[Rle] | None] = [None, None]
    extents: list[Floats | None] = [None, None]
    areas: list[Floats | None] = [None, None]
    if iou_type == IouType.MASKS:
        may_match = masks_that_may_match(truth, predicted, pairs)
        for at, ((side, boxes), mine) in enumerate(zip(sides, may_match, strict=True)):
            rles[at], areas[at] = compared_masks(side, boxes, mine)
    if iou_type == IouType.TURNED:
        extents = [turned_boxes(_corners(side, boxes)) for side, boxes in sides]
    batch = Batch(
        image_ids=ids,
        objects=truth.objects(),
        object_boxes_xywh_px=boxes_px[0],
        detections=predicted.detections(),
        detection_boxes_xywh_px=boxes_px[1],
        object_rles=rles[0],
        detection_rles=rles[1],
        object_extents=extents[0],
        detection_extents=extents[1],
        object_areas_px=areas[0],
        detection_areas_px=areas[1],
        is_crowd=truth.is_crowd(),
    )
    return batch.with_areas(truth.areas)


def shape_pairs(
    truth: Side,
    predicted: Side,
    boxes_px: tuple[Floats, Floats],
    *,
    within_classes: bool = False,
    least_iou: float = 0.0,
) -> Pairs:
    """The overlapping pairs of a chunk; images with masks are compared pixel by pixel.

    `boxes_px` are the bounding boxes of the two sides. `within_classes` says that pairs of two
    classes are not looked for, and pairs that overlap by less than `least_iou` may be missing.
    `UnusableRegion` for an image with more than can be compared.
    """
    with _all_usable(predicted):
        return _shape_pairs(
            truth, predicted, boxes_px, within_classes=within_classes, least_iou=least_iou
        )


def as_masks(
    pairs: Pairs, truth: Side, predicted: Side, boxes_px: tuple[Floats, Floats], batch: Batch
) -> Pairs:
    """The overlapping pairs of a chunk as average precision compares them: where it compares masks,
    two boxes by their pixels, too. `batch` has the masks; `pairs` and `boxes_px` as `shape_pairs`
    makes and takes them.
    """
    rles, their_rles = batch.object_rles, batch.detection_rles
    is_box, its_box = truth.boxed(), predicted.boxed()
    if rles is None or their_rles is None or not is_box.any() or not its_box.any():
        return pairs

    def are_boxes(some: Pairs) -> Bools:
        both: Bools = is_box[some.object] & its_box[some.detection]
        return both

    near = near_pairs(truth, predicted, boxes_px)
    near = near.chosen(are_boxes(near))
    sides = (truth, partial(_taken, rles)), (predicted, partial(_taken, their_rles))
    with _all_usable(predicted):
        return join_pairs([pairs.chosen(~are_boxes(pairs)), *pixel_pairs(near, *sides)])


def _taken(rles: Sequence[Rle], positions: Ints) -> list[Rle]:
    return [rles[at] for at in positions.tolist()]


@contextmanager
def _all_usable(predicted: Side) -> Iterator[None]:
    """`UnusableRegion` for an image with more than can be compared."""
    try:
        yield
    except TooManyPairs as error:
        image = int(predicted.image[error.detection])
        raise UnusableRegion(image, is_truth=False, region="all", reason=str(error)) from None


def _shape_pairs(
    truth: Side,
    predicted: Side,
    boxes_px: tuple[Floats, Floats],
    *,
    within_classes: bool,
    least_iou: float,
) -> Pairs:
    n_images = int(max(side.image.max(initial=-1) for side in (truth, predicted))) + 1
    masked = truth.masked(n_images) | predicted.masked(n_images)
    parts = []
    if not masked.all():
        parts.append(_box_pairs(truth, predicted, boxes_px, least_iou, ~masked))
    outlined = masked & _outlined_images(truth, predicted, n_images)
    parts += outline_pairs(truth, predicted, boxes_px, outlined, within_classes, least_iou)
    if (outlined == masked).all():
        return join_pairs(parts)
    spans = zip(truth.spans(n_images), predicted.spans(n_images), strict=True)
    by_pixels = (
        part
        for image, (mine, theirs) in enumerate(spans)
        if masked[image] and not outlined[image]
        for part in _mask_pairs((truth, mine), (predicted, theirs), boxes_px)
    )
    return join_pairs(chain(parts, by_pixels))


def _box_pairs(
    truth: Side,
    predicted: Side,
    boxes_px: tuple[Floats, Floats],
    least_iou: float,
    is_mine: Bools,
) -> Pairs:
    """The pairs of some of the images, which have boxes alone, turned or not."""
    pairs = box_pairs(truth.objects(), boxes_px[0], predicted.detections(), boxes_px[1])
    if truth.has_turned() or predicted.has_turned():
        pairs = _exactly(pairs, truth, predicted, boxes_px, least_iou)
    if is_mine.all():
        return pairs
    return pairs.chosen(is_mine[predicted.image[pairs.detection]])


def _outlined_images(truth: Side, predicted: Side, n_images: int) -> Bools:
    """Of which of the images all shapes are outlines, bool (n_images,)."""
    found = np.ones(n_images, dtype=np.bool_)
    for side in (truth, predicted):
        other = np.ones(len(side.image), dtype=np.bool_)
        other[side.shapes.outlined.at] = False
        image = side.image[other]
        found[image[image < n_images]] = False
    return found


def _exactly(
    pairs: Pairs,
    truth: Side,
    predicted: Side,
    boxes_px: tuple[Floats, Floats],
    least_iou: float,
) -> Pairs:
    """Pairs by their bounding boxes, those with a turned box by their corners instead."""
    is_turned = predicted.is_turned()[pairs.detection] | truth.is_turned()[pairs.object]
    at = np.flatnonzero(is_turned)
    d, t = pairs.detection[at], pairs.object[at]
    corners, others = _corners(predicted, boxes_px[1]), _corners(truth, boxes_px[0])
    areas, other_areas = polygon_areas(corners)[d], polygon_areas(others)[t]
    theirs, mine = (box_areas(box_corners(boxes)) for boxes in reversed(boxes_px))
    # No more than the boxes around them share, nor than the smaller of them is.
    around = pairs.iou[at] * (theirs[d] + mine[t]) / (1 + pairs.iou[at])
    most = np.minimum(around, np.minimum(areas, other_areas))
    may_count = most >= (least_iou - LEAST_MARGIN) * (areas + other_areas - most)
    shared = np.zeros(len(at))
    shared[may_count] = paired_areas(corners, others, d[may_count], t[may_count])
    iou = pairs.iou.copy()
    union = areas + other_areas - shared
    iou[at] = np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)
    met = iou > 0
    return Pairs(pairs.detection[met], pairs.object[met], iou[met])


def _corners(side: Side, boxes_px: Floats) -> Floats:
    """The corners of boxes, float64 (n, 4, 2); of other shapes those of their bounding boxes."""
    at, turned = side.turned_corners_px()
    if len(at) == len(boxes_px):
        corners = np.empty_like(turned)
        corners[at] = turned
        return corners
    low, high = boxes_px[:, :2], boxes_px[:, :2] + boxes_px[:, 2:]
    x, y = (np.stack([low[:, axis], high[:, axis]], axis=1) for axis in (0, 1))
    corners = np.stack([x[:, [0, 1, 1, 0]], y[:, [0, 0, 1, 1]]], axis=2)
    corners[at] = turned
    return corners


def _mask_pairs(
    truth: tuple[Side, range], predicted: tuple[Side, range], boxes_px: tuple[Floats, Floats]
) -> Iterator[Pairs]:
    """The pairs of one image with masks, so many detections at a time that memory stays small."""
    (side, span), (their_side, their_span) = truth, predicted
    check_compared(their_span, len(span))
    mine = [side.shape(at, boxes_px[0]) for at in span]
    allowance = Allowance()
    at_once = max(1, MASK_PAIRS_AT_ONCE // max(1, len(span)))
    for first in their_span[::at_once]:
        some = range(first, min(first + at_once, their_span.stop))
        theirs = [their_side.shape(at, boxes_px[1]) for at in some]
        try:
            iou = shape_iou(theirs, mine, allowance)
        except TooMuchToDraw as error:
            raise TooManyPairs(first, error.detail) from None
        yield matrix_pairs(iou, first_detection=first, first_object=span.start)


def same_objects(side: Side, other: Side) -> tuple[int, int]:
    """How many shapes of two controls each have one of the other in the same place and class.

    In the same place: on the same image, with an IoU of at least 0.9.
    """
    boxes = side.boxes_px(), other.boxes_px()
    pairs = shape_pairs(side, other, boxes, within_classes=True, least_iou=TWIN_IOU)
    is_twin = (pairs.iou >= TWIN_IOU - AT_THRESHOLD) & (
        side.label[pairs.object] == other.label[pairs.detection]
    )
    return len(np.unique(pairs.object[is_twin])), len(np.unique(pairs.detection[is_twin]))


def _refuse_long_sides(*sides: Side) -> None:
    """`UnusableRegion` for an image that is too long or too high for a mask."""
    for side in sides:
        is_long = (side.sizes_px > LONGEST_SIDE_PX).any(axis=1)
        if is_long.any():
            at = int(np.flatnonzero(is_long)[0])
            error = MaskTooLarge("{:.0f} x {:.0f}".format(*side.sizes_px[at].tolist()))
            image = int(side.image[at])
            raise UnusableRegion(image, is_truth=False, region="all", reason=str(error))
