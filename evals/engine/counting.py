"""A chunk of images counted: events for each image, and what adds up for each split."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from evals.engine.average_precision import new_state
from evals.engine.boxes import StoredImage
from evals.engine.coco_batch import Batch
from evals.engine.errors import EvaluationError, TooManyPairs
from evals.engine.events import (
    N_BINS,
    Counts,
    Events,
    Ints,
    image_counts,
    image_counts_by_confidence,
    join_events,
    pack_events,
    total_events,
)
from evals.engine.kinds.classification import (
    multi_label_events,
    read_choices,
    single_label_events,
)
from evals.engine.kinds.segmentation import (
    MOST_PAINTED_PX,
    layers,
    paint,
    pixel_events,
    stripes,
)
from evals.engine.matching import (
    AT_THRESHOLD,
    MOST_OVERLAPPING,
    Definition,
    Pairs,
    box_pairs,
    check_compared,
    join_pairs,
    match_events,
    matrix_pairs,
)
from evals.engine.metrics import exact_images
from evals.engine.notes import Notes
from evals.engine.overlap import shape_iou
from evals.engine.reading import Reading
from evals.engine.regions import UnusableRegion, image_size, read_shapes
from evals.engine.sides import Side
from predictions.regions.brush import MAX_MASK_PIXELS
from predictions.regions.errors import MaskTooLarge, TooMuchToDraw
from predictions.regions.geometry import LONGEST_SIDE_PX, Allowance, Bools, Floats, Rle, shape_rle

#: Pairs of an image with masks that are looked at together, a few hundred bytes each.
MASK_PAIRS_AT_ONCE = 2**18
#: Shapes of two controls that overlap so far are one object.
TWIN_IOU = 0.9


class NeedsMasks(EvaluationError):
    """Average precision of shapes that are no boxes needs masks for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the images are counted by."""

    task_type: str
    classes: Sequence[str]
    confidence: int
    definition: Definition
    is_multi_label: bool = False
    #: Whether average precision compares masks.
    uses_masks: bool = False
    engine: str = "hotcoco"
    #: Which regions are read.
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True, slots=True)
class SplitPart:
    """What a chunk adds to a split; all of it merges in any order."""

    histogram: bytes
    #: int64 (101,).
    exact: Ints
    precision: bytes | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A counted chunk."""

    blobs: list[bytes]
    #: At the canonical confidence, (n_images,).
    canonical: Counts
    parts: dict[int, SplitPart]
    notes: Notes


def count_images(
    images: Sequence[StoredImage], splits: Sequence[int], job: Job, *, first_position: int = 0
) -> Counted:
    """The counts of a chunk; `splits` names each image's split.

    `first_position` makes image numbers unique in the whole evaluation. `NeedsMasks` for boxes
    that turn out not to be aligned while `job` counts boxes; `UnknownLabels` as reading does;
    `UnusableRegion` for an image too large to compare pixel by pixel.
    """
    n_images, n_classes = len(images), len(job.classes)
    ids = np.arange(first_position, first_position + n_images)
    split_of = np.asarray(splits, dtype=np.int64)
    batches: dict[int, Batch] = {}
    notes = Notes()
    if job.task_type == "classification":
        events = _label_events(images, job, notes)
    elif job.task_type == "semantic-segmentation":
        events = _pixel_events(images, job, notes)
    else:
        events, batches = _shape_events(images, ids, split_of, job, notes)
    return Counted(
        blobs=pack_events(events, n_images),
        canonical=image_counts(events, job.confidence, n_images=n_images, n_classes=n_classes),
        parts={
            int(split): _part(events, split_of == split, batches.get(int(split)), job)
            for split in np.unique(split_of)
        },
        notes=notes,
    )


def _part(events: Events, is_mine: Bools, batch: Batch | None, job: Job) -> SplitPart:
    mine = events if is_mine.all() else _of_images(events, is_mine)
    precision = None
    if batch is not None:
        state = new_state(len(job.classes), masks=job.uses_masks, engine=job.engine)
        state.add(batch)
        precision = state.to_bytes()
    exact: Ints = np.zeros(N_BINS, dtype=np.int64)
    if job.task_type == "classification":
        counts = image_counts_by_confidence(
            _renumbered(mine, is_mine), n_images=int(is_mine.sum()), n_classes=len(job.classes)
        )
        exact = exact_images(counts)
    return SplitPart(pack_events(total_events(mine), 1)[0], exact, precision)


def _of_images(events: Events, is_mine: Bools) -> Events:
    chosen = is_mine[events.image]
    return Events(
        events.image[chosen],
        events.bin[chosen],
        events.actual[chosen],
        events.predicted[chosen],
        events.delta[chosen],
    )


def _renumbered(events: Events, is_mine: Bools) -> Events:
    place = np.cumsum(is_mine) - 1
    return Events(place[events.image], events.bin, events.actual, events.predicted, events.delta)


def _label_events(images: Sequence[StoredImage], job: Job, notes: Notes) -> Events:
    truths, saids = read_choices(images, job.classes, reading=job.reading, notes=notes)
    if job.is_multi_label:
        return multi_label_events(truths, saids, n_classes=len(job.classes))
    best = [max(said, key=lambda pair: pair[1], default=(-1, 1.0)) for said in saids]
    return single_label_events(
        [labels[0] if labels else -1 for labels in truths],
        [label for label, _ in best],
        [score for _, score in best],
        n_classes=len(job.classes),
    )


def _pixel_events(images: Sequence[StoredImage], job: Job, notes: Notes) -> Events:
    truth, said = read_shapes(
        images, job.classes, reading=job.reading, all_shapes=True, notes=notes
    )
    every_span = zip(truth.spans(len(images)), said.spans(len(images)), strict=True)
    parts = []
    for number, (image, spans) in enumerate(zip(images, every_span, strict=True)):
        size = _size(image, (truth, said), spans)
        if size is None:
            continue
        if size[0] * size[1] > MAX_MASK_PIXELS or max(size) > LONGEST_SIDE_PX:
            error = MaskTooLarge(f"{size[0]} x {size[1]}")
            raise UnusableRegion(number, is_truth=False, region="all", reason=str(error))
        parts.append(_image_pixels(number, size, (truth, said), spans, len(job.classes)))
    return join_events(parts)


def _size(
    image: StoredImage, sides: tuple[Side, Side], spans: Sequence[range]
) -> tuple[int, int] | None:
    """The size that the image's shapes are on, else what any region of it tells."""
    for side, span in zip(sides, spans, strict=True):
        if span:
            shape = side.shapes[span.start]
            return shape.width_px, shape.height_px
    told = image_size(image)
    return None if told is None else (int(told[0]), int(told[1]))


def _image_pixels(
    number: int,
    size: tuple[int, int],
    sides: tuple[Side, Side],
    spans: Sequence[range],
    n_classes: int,
) -> Events:
    width, height = size
    painted = [
        layers(
            [shape_rle(side.shapes[at]) for at in span],
            side.label[span.start : span.stop].tolist(),
            side.score[span.start : span.stop].tolist() if side is sides[1] else None,
            width_px=width,
            height_px=height,
        )
        for side, span in zip(sides, spans, strict=True)
    ]
    for regions in painted:
        n_painted = sum(end - first for first, end in (layer.painted for layer in regions))
        if n_painted > MOST_PAINTED_PX:
            error = TooMuchToDraw(f"{n_painted:,} pixels")
            raise UnusableRegion(number, is_truth=False, region="all", reason=str(error))
    events = join_events([])
    for columns in stripes(width, height):
        (actual, _), (called, scores) = (
            paint(regions, columns, n_classes=n_classes, height_px=height) for regions in painted
        )
        new = pixel_events(actual, called, scores, n_classes=n_classes, image=number)
        events = join_events([events, new])
        if len(events) > MOST_OVERLAPPING:
            error = TooMuchToDraw(f"{len(events):,} kinds of pixels")
            raise UnusableRegion(number, is_truth=False, region="all", reason=str(error))
    return events


def _shape_events(
    images: Sequence[StoredImage], ids: Ints, split_of: Ints, job: Job, notes: Notes
) -> tuple[Events, dict[int, Batch]]:
    is_instances = job.task_type == "instance-segmentation"
    truth, said = read_shapes(
        images,
        job.classes,
        reading=job.reading,
        all_shapes=is_instances,
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
    whole = Batch(
        image_ids=ids,
        objects=objects,
        object_boxes_xywh_px=boxes[0],
        detections=detections,
        detection_boxes_xywh_px=boxes[1],
        object_rles=_rles(truth, boxes[0]) if job.uses_masks else None,
        detection_rles=_rles(said, boxes[1]) if job.uses_masks else None,
    )
    return events, {int(s): _batch_of(whole, split_of == s) for s in np.unique(split_of)}


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


def _batch_of(batch: Batch, is_mine: Bools) -> Batch:
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
