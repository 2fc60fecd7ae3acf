"""A chunk of images counted: events for each image, and what adds up for each split."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from evals.engine.average_precision import new_state
from evals.engine.boxes import StoredImage
from evals.engine.coco_batch import Batch, batch_of_images
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
from evals.engine.matched.shapes import matched_shapes, refuse_narrow, shape_batch
from evals.engine.matching import MOST_OVERLAPPING, Definition, match_events
from evals.engine.metrics import exact_images
from evals.engine.notes import Notes
from evals.engine.precision.measures import IouType, measure_of
from evals.engine.reading import Reading
from evals.engine.regions import UnusableRegion, image_size, read_shapes
from evals.engine.sides import Side
from predictions.regions.brush import MAX_MASK_PIXELS
from predictions.regions.errors import MaskTooLarge, TooMuchToDraw
from predictions.regions.geometry import LONGEST_SIDE_PX, Bools, shape_rle


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the images are counted by."""

    task_type: str
    classes: Sequence[str]
    confidence: int
    definition: Definition
    is_multi_label: bool = False
    #: What average precision compares: `evals.engine.precision.measures.IouType`.
    iou_type: str = IouType.BOXES
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

    `first_position` makes image numbers unique in the whole evaluation. `NeedsWider` for shapes
    that average precision of the job's type cannot compare; `UnknownLabels` as reading does;
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
        state = new_state(len(job.classes), measure_of(job.iou_type), engine=job.engine)
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
        with_masks=job.iou_type == IouType.MASKS,
        notes=notes,
    )
    refuse_narrow(truth, said, job.iou_type)
    boxes = truth.boxes_px(), said.boxes_px()
    objects, detections, pairs = matched_shapes(truth, said, boxes, job.definition)
    events = match_events(
        objects, detections, pairs, n_classes=len(job.classes), definition=job.definition
    )
    whole = shape_batch(ids, truth, said, boxes, job.iou_type)
    return events, {int(s): batch_of_images(whole, split_of == s) for s in np.unique(split_of)}
