"""Boxes and masks: matched by overlap, with average precision."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np

from evals.engine.average_precision import PrecisionTable, merge_states, new_state, read_state
from evals.engine.boxes import StoredImage
from evals.engine.coco_batch import Batch
from evals.engine.errors import EvaluationError, TooManyPairs, UnreadableState
from evals.engine.kinds.kind import (
    OF_MATCHING,
    Chunk,
    Examined,
    ExaminedShapes,
    Gathered,
    Job,
    Kind,
    Primary,
    Tally,
    Total,
)
from evals.engine.matching import (
    AT_THRESHOLD,
    Pairs,
    box_pairs,
    check_compared,
    join_pairs,
    match_events,
    matrix_pairs,
    object_verdicts,
)
from evals.engine.notes import Notes
from evals.engine.overlap import shape_iou
from evals.engine.reading import MASKED_SHAPES, MATCHED_SHAPES
from evals.engine.regions import UnusableRegion, read_shapes
from evals.engine.sides import Side
from predictions.regions.config import Control
from predictions.regions.errors import MaskTooLarge, TooMuchToDraw
from predictions.regions.geometry import LONGEST_SIDE_PX, Allowance, Bools, Floats, Rle, shape_rle

#: Pairs of an image with masks that are looked at together, a few hundred bytes each.
MASK_PAIRS_AT_ONCE = 2**18
#: Shapes of two controls that overlap so far are one object.
TWIN_IOU = 0.9


class NeedsMasks(EvaluationError):
    """Average precision of shapes that are no boxes needs masks for all."""


def reads_shapes(control: Control, objects: frozenset[str]) -> bool:
    """Controls of shapes that can be compared by overlap."""
    return control.tag.place in MASKED_SHAPES


def _count(chunk: Chunk, job: Job, notes: Notes, *, all_shapes: bool) -> Tally:
    truth, said = read_shapes(
        chunk.images,
        job.classes,
        reading=job.reading,
        all_shapes=all_shapes,
        with_masks=job.uses_masks,
        notes=notes,
    )
    if not job.uses_masks and (truth.masked_images() or said.masked_images()):
        raise NeedsMasks()
    if job.uses_masks:
        _refuse_long_sides(truth, said)
    boxes = truth.boxes_px(), said.boxes_px()
    objects, detections = truth.objects(), said.detections()
    events = match_events(
        objects,
        detections,
        shape_pairs(truth, said, boxes),
        n_classes=len(job.classes),
        definition=job.definition,
    )
    batch = Batch(
        image_ids=chunk.positions,
        objects=objects,
        object_boxes_xywh_px=boxes[0],
        detections=detections,
        detection_boxes_xywh_px=boxes[1],
        object_rles=_rles(truth, boxes[0]) if job.uses_masks else None,
        detection_rles=_rles(said, boxes[1]) if job.uses_masks else None,
    )
    return Tally(events, partial(precision_state, batch, job))


def precision_state(batch: Batch, job: Job, is_mine: Bools) -> bytes:
    """The average-precision state of some images of a chunk."""
    state = new_state(len(job.classes), masks=job.uses_masks, engine=job.engine)
    state.add(batch_of(batch, is_mine))
    return state.to_bytes()


def total_precision(gathered: Gathered, job: Job) -> Total:
    """Average precision of a split."""
    table = _table(gathered.states, job)
    return Total(primary=table.overall.map50_95, table=table)


def _table(states: Sequence[bytes], job: Job) -> PrecisionTable:
    try:
        merged = merge_states([read_state(state) for state in states])
    except UnreadableState:
        if states:
            raise
        merged = new_state(len(job.classes), engine=job.engine)
    return merged.table()


def examine(images: Sequence[StoredImage], job: Job, confidence: int) -> list[Examined]:
    """The images at one percent; the verdicts add up to their counts there."""
    return examined(examine_shapes(images, job, confidence, math.inf), len(images))


def examined(chunk: ExaminedShapes, n_images: int) -> list[Examined]:
    """The shapes of a chunk, image by image."""
    shapes = chunk.truth.all_shapes(chunk.boxes_px[0])
    detected = chunk.said.all_shapes(chunk.boxes_px[1])
    return [
        Examined(
            chunk.truth.label[mine].tolist(),
            shapes[mine],
            chunk.truths[mine],
            chunk.said.label[its].tolist(),
            detected[its],
            chunk.said.score[its].tolist(),
            chunk.found[its],
            (
                [chunk.truth.region(at) for at in range(mine.start, mine.stop)],
                [chunk.said.region(at) for at in range(its.start, its.stop)],
            ),
        )
        for mine, its in zip(
            _slices(chunk.truth, n_images), _slices(chunk.said, n_images), strict=True
        )
    ]


def _slices(side: Side, n_images: int) -> list[slice]:
    return [slice(span.start, span.stop) for span in side.spans(n_images)]


def examine_shapes(
    images: Sequence[StoredImage], job: Job, confidence: int, most_steps: float
) -> ExaminedShapes:
    """As `examine`, all images together. `TooMuchToDraw` where rasterising takes more steps."""
    truth, said = read_shapes(
        images,
        job.classes,
        reading=job.reading,
        all_shapes=job.uses_masks,
        most_steps=most_steps,
    )
    boxes = truth.boxes_px(), said.boxes_px()
    truths, found = object_verdicts(
        truth.objects(),
        said.detections(),
        shape_pairs(truth, said, boxes),
        confidence,
        definition=job.definition,
    )
    return ExaminedShapes(truth, truths, said, found, boxes)


def shape_pairs(truth: Side, said: Side, boxes_px: tuple[Floats, Floats]) -> Pairs:
    """The overlapping pairs of a chunk; images with masks are compared pixel by pixel.

    `boxes_px` are the bounding boxes of the two sides. `UnusableRegion` for an image with more than
    can be compared.
    """
    try:
        return _shape_pairs(truth, said, boxes_px)
    except TooManyPairs as error:
        image = int(said.image[error.detection])
        raise UnusableRegion(image, is_truth=False, region="all", reason=str(error)) from None


def _shape_pairs(truth: Side, said: Side, boxes_px: tuple[Floats, Floats]) -> Pairs:
    pairs = box_pairs(truth.objects(), boxes_px[0], said.detections(), boxes_px[1])
    masked = truth.masked_images() | said.masked_images()
    if not masked:
        return pairs
    n_images = max(masked) + 1
    image_of = said.image[pairs.detection]
    is_plain = ~np.isin(image_of, sorted(masked))
    plain = Pairs(pairs.detection[is_plain], pairs.object[is_plain], pairs.iou[is_plain])
    spans = zip(truth.spans(n_images), said.spans(n_images), strict=True)
    by_pixels = (
        part
        for image, (mine, theirs) in enumerate(spans)
        if image in masked
        for part in _mask_pairs((truth, mine), (said, theirs), boxes_px)
    )
    return join_pairs(chain([plain], by_pixels))


def _mask_pairs(
    truth: tuple[Side, range], said: tuple[Side, range], boxes_px: tuple[Floats, Floats]
) -> Iterator[Pairs]:
    """The pairs of one image with masks, so many detections at a time that memory stays small."""
    (side, span), (their_side, their_span) = truth, said
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
    pairs = shape_pairs(side, other, (side.boxes_px(), other.boxes_px()))
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


def _rles(side: Side, boxes_px: Floats) -> list[Rle]:
    return [shape_rle(shape) for shape in side.all_shapes(boxes_px)]


def batch_of(batch: Batch, is_mine: Bools) -> Batch:
    """The images of one split as a batch of their own."""
    if is_mine.all():
        return batch
    place = np.cumsum(is_mine) - 1
    mine, theirs = is_mine[batch.objects.image], is_mine[batch.detections.image]
    return Batch(
        image_ids=batch.image_ids[is_mine],
        objects=type(batch.objects)(
            image=place[batch.objects.image[mine]], label=batch.objects.label[mine]
        ),
        object_boxes_xywh_px=batch.object_boxes_xywh_px[mine],
        detections=type(batch.detections)(
            image=place[batch.detections.image[theirs]],
            label=batch.detections.label[theirs],
            score=batch.detections.score[theirs],
        ),
        detection_boxes_xywh_px=batch.detection_boxes_xywh_px[theirs],
        object_rles=_chosen(batch.object_rles, mine),
        detection_rles=_chosen(batch.detection_rles, theirs),
    )


def _chosen(rles: Sequence[Rle] | None, is_mine: Bools) -> list[Rle] | None:
    return None if rles is None else [rles[at] for at in np.flatnonzero(is_mine).tolist()]


DETECTION = Kind(
    task_type="object-detection",
    reads=reads_shapes,
    asks_for="RectangleLabels",
    shapes=MATCHED_SHAPES,
    prefers_boxes=True,
    has_precision=True,
    count=partial(_count, all_shapes=False),
    total=total_precision,
    examine=examine,
    examine_shapes=examine_shapes,
    primary=Primary("mAP50_95"),
    frontier_metric="mAP5095",
    parameters=OF_MATCHING,
    drawing="shapes",
)
INSTANCES = Kind(
    task_type="instance-segmentation",
    reads=reads_shapes,
    asks_for="PolygonLabels, BrushLabels, EllipseLabels",
    shapes=MASKED_SHAPES,
    starts_with_masks=True,
    prefers_boxes=False,
    has_precision=True,
    count=partial(_count, all_shapes=True),
    total=total_precision,
    examine=examine,
    examine_shapes=examine_shapes,
    primary=Primary("mAP50_95"),
    frontier_metric="mAP5095",
    parameters=OF_MATCHING,
    drawing="shapes",
)
