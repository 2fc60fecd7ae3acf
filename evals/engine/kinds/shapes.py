"""Boxes and masks: matched by overlap, with average precision."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from evals.engine.average_precision import merge_states, new_state, read_state
from evals.engine.boxes import StoredImage
from evals.engine.error_types.assignment import BACKGROUND_IOU, MATCHED, assign, read_assignments
from evals.engine.error_types.costs import error_table
from evals.engine.error_types.states import errors_of, join_states, precision_of
from evals.engine.errors import UnknownLabels, UnreadableState
from evals.engine.kinds.kind import (
    OF_MATCHING,
    Chunk,
    Facts,
    Gathered,
    ImageVerdicts,
    Job,
    Kind,
    Primary,
    ShapeVerdicts,
    Tally,
    Total,
)
from evals.engine.matched.crowds import within_crowds
from evals.engine.matched.shapes import as_masks, matched_shapes, refuse_narrow, shape_batch
from evals.engine.matching import (
    Detections,
    Objects,
    ObjectVerdict,
    match_events,
    object_verdicts,
)
from evals.engine.notes import Notes
from evals.engine.precision.batch import Batch, batch_of_images
from evals.engine.precision.measures import IouType, Measure, measure_of
from evals.engine.precision.tables import PrecisionTable
from evals.engine.reading import MASKED_SHAPES, MATCHED_SHAPES
from evals.engine.regions import read_shapes
from evals.engine.sides import Side
from predictions.regions.config import Control
from predictions.regions.geometry import Bools, Shape

#: Images of a chunk that are looked at before the others.
LOOKED_AT = 4


def reads_shapes(control: Control, objects: frozenset[str]) -> bool:
    """Controls of shapes that can be compared by overlap."""
    return control.tag.place in MASKED_SHAPES


def _look_ahead(chunk: Chunk, job: Job) -> None:
    """`NeedsWider` where the first images have what boxes do not tell. Mostly they do where any
    have, and no whole chunk is read for nothing.
    """
    with suppress(UnknownLabels):
        sides = read_shapes(chunk.images[:LOOKED_AT], job.classes, reading=job.reading)
        refuse_narrow(*sides, job.iou_type)


def _count(chunk: Chunk, job: Job, notes: Notes, *, all_shapes: bool) -> Tally:
    if job.iou_type == IouType.BOXES and len(chunk.images) > LOOKED_AT:
        _look_ahead(chunk, job)
    truth, predicted = read_shapes(
        chunk.images,
        job.classes,
        reading=job.reading,
        all_shapes=all_shapes,
        with_masks=job.iou_type == IouType.MASKS,
        notes=notes,
    )
    refuse_narrow(truth, predicted, job.iou_type)
    boxes = truth.boxes_px(), predicted.boxes_px()
    objects, detections, pairs = matched_shapes(
        truth, predicted, boxes, job.definition, least_iou=BACKGROUND_IOU
    )
    events = match_events(
        objects, detections, pairs, n_classes=len(job.classes), definition=job.definition
    )
    batch = shape_batch(chunk.positions, truth, predicted, boxes, job.iou_type, pairs)
    precision_of = precision_states(batch, measure_of(job.iou_type), job)
    in_crowd = within_crowds(truth, predicted, boxes, MATCHED)
    errors = assign(
        objects,
        predicted.detections(in_crowd),
        as_masks(pairs, truth, predicted, boxes, batch),
        chunk.positions,
        n_classes=len(job.classes),
    )

    def state_of(is_mine: Bools) -> bytes:
        mine = errors.of_images(is_mine, chunk.positions, objects).to_bytes()
        return join_states(precision_of(is_mine), mine)

    return Tally(events, state_of)


def _precision(gathered: Gathered, job: Job) -> Total:
    """Average precision and recall of a split."""
    states = [precision_of(state) for state in gathered.states]
    return total_precision(replace(gathered, states=states), job)


def _errors(gathered: Gathered, job: Job) -> Total:
    """The errors of a split by kind."""
    found = read_assignments([errors_of(state) for state in gathered.states], len(job.classes))
    return Total(errors=error_table(found))


def precision_states(batch: Batch, measure: Measure, job: Job) -> Callable[[Bools], bytes]:
    """Gives the average-precision state of some images of a chunk."""

    def state_of(is_mine: Bools) -> bytes:
        state = new_state(len(job.classes), measure, engine=job.engine)
        state.add(batch_of_images(batch, is_mine))
        return state.to_bytes()

    return state_of


def total_precision(gathered: Gathered, job: Job) -> Total:
    """Average precision and recall of a split."""
    table = _table(gathered.states, job)
    recalls = {f"averageRecall{n}": recall for n, recall in table.recalls.items()}
    return Total(metrics=recalls, primary=table.overall.map50_95, table=table)


def _table(states: Sequence[bytes], job: Job) -> PrecisionTable:
    try:
        merged = merge_states([read_state(state) for state in states])
    except UnreadableState:
        if states:
            raise
        merged = new_state(len(job.classes), engine=job.engine)
    return merged.table()


def verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    """The images at one percent; the verdicts add up to their counts there."""
    return verdicts_by_image(shape_verdicts(images, job, confidence, math.inf), len(images))


def verdicts_by_image(chunk: ShapeVerdicts, n_images: int) -> list[ImageVerdicts]:
    """The shapes of a chunk, image by image."""
    shapes = chunk.truth.all_shapes(chunk.boxes_px[0])
    detected = chunk.predicted.all_shapes(chunk.boxes_px[1])
    facts = [
        [
            _facts(shape, is_crowd is not None and bool(is_crowd[at]))
            for at, shape in enumerate(side)
        ]
        for side, is_crowd in zip((shapes, detected), chunk.in_crowds, strict=True)
    ]
    return [
        ImageVerdicts(
            chunk.truth.label[mine].tolist(),
            shapes[mine],
            chunk.truths[mine],
            chunk.predicted.label[its].tolist(),
            detected[its],
            chunk.predicted.score[its].tolist(),
            chunk.found[its],
            (
                [chunk.truth.region(at) for at in range(mine.start, mine.stop)],
                [chunk.predicted.region(at) for at in range(its.start, its.stop)],
            ),
            (facts[0][mine], facts[1][its]),
        )
        for mine, its in zip(
            _slices(chunk.truth, n_images), _slices(chunk.predicted, n_images), strict=True
        )
    ]


def _facts(shape: Shape, is_crowd: bool) -> Facts:
    """What documents have of a shape beside its box and its outline."""
    facts: dict[str, Any] = {}
    if shape.is_turned and shape.points_px is not None:
        facts["corners"] = shape.points_px.tolist()
    if is_crowd:
        facts["crowd"] = True
    return facts


def _slices(side: Side, n_images: int) -> list[slice]:
    return [slice(span.start, span.stop) for span in side.spans(n_images)]


def shape_verdicts(
    images: Sequence[StoredImage], job: Job, confidence: int, most_steps: float
) -> ShapeVerdicts:
    """As `verdicts`, all images together. `TooMuchToDraw` where rasterising takes more steps."""
    truth, predicted = read_shapes(
        images,
        job.classes,
        reading=job.reading,
        all_shapes=job.iou_type == IouType.MASKS,
        most_steps=most_steps,
    )
    boxes = truth.boxes_px(), predicted.boxes_px()
    matched = matched_shapes(truth, predicted, boxes, job.definition)
    truths, found = object_verdicts(*matched, confidence, definition=job.definition)
    return ShapeVerdicts(truth, truths, predicted, found, boxes, in_crowds(matched[:2], found))


def in_crowds(
    sides: tuple[Objects, Detections], found: Sequence[ObjectVerdict | None]
) -> tuple[Bools | None, Bools | None]:
    """Crowds, and the detections that are nothing as one of these holds them; None for none."""
    objects, detections = sides
    if detections.is_ignored is None:
        return objects.is_ignored, None
    is_nothing = np.array([one is None for one in found], dtype=np.bool_)
    return objects.is_ignored, detections.is_ignored & is_nothing


DETECTION = Kind(
    task_type="object-detection",
    reads=reads_shapes,
    asks_for="RectangleLabels",
    shapes=MATCHED_SHAPES,
    prefers_boxes=True,
    has_precision=True,
    has_error_types=True,
    count=partial(_count, all_shapes=False),
    totals=(_precision, _errors),
    verdicts=verdicts,
    shape_verdicts=shape_verdicts,
    primary=Primary("mAP50_95"),
    parameters=OF_MATCHING,
    drawing="shapes",
)
INSTANCES = Kind(
    task_type="instance-segmentation",
    reads=reads_shapes,
    asks_for="PolygonLabels, BrushLabels, BitmaskLabels, EllipseLabels",
    shapes=MASKED_SHAPES,
    starts_with=IouType.MASKS,
    prefers_boxes=False,
    has_precision=True,
    has_error_types=True,
    count=partial(_count, all_shapes=True),
    totals=(_precision, _errors),
    verdicts=verdicts,
    shape_verdicts=shape_verdicts,
    primary=Primary("mAP50_95"),
    parameters=OF_MATCHING,
    drawing="shapes",
)
