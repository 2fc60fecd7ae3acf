"""Stretches of time in audio, video and time series: matched by their overlap in time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from evals.engine.answers import Answer, read_answers, value_of
from evals.engine.boxes import Region, StoredImage
from evals.engine.errors import TooManyPairs, UnusableRegion
from evals.engine.kinds.kind import (
    OF_MATCHING,
    Chunk,
    Facts,
    Gathered,
    ImageVerdicts,
    Job,
    Kind,
    Primary,
    Tally,
    Total,
)
from evals.engine.kinds.shapes import precision_states, total_precision
from evals.engine.matched.intervals import (
    Interval,
    Track,
    coco_boxes,
    in_whole_units,
    of_one_channel,
    overlapping_pairs,
    read_interval,
)
from evals.engine.matching import Detections, Objects, Pairs, match_events, object_verdicts
from evals.engine.notes import Notes
from evals.engine.precision.batch import Batch
from evals.engine.precision.measures import BOXES
from evals.engine.precision.tables import ClassPrecision
from predictions.regions.config import Control
from predictions.regions.errors import GeometryError
from predictions.regions.geometry import Floats
from predictions.regions.labels import PassedOver, Reason, read_names

#: Objects on which `Labels` mark stretches of time.
RECORDINGS = frozenset({"Audio", "AudioPlus", "Video"})
#: Types of regions in time; each has its labels under its own name.
TYPES = frozenset({"labels", "timeserieslabels", "timelinelabels"})

Answers = list[list[Answer[Interval]]]


def _reads(control: Control, objects: frozenset[str]) -> bool:
    if control.tag.place == "interval":
        return True
    return control.tag.tag == "Labels" and bool(objects & RECORDINGS)


def _read(
    region: Region, image: StoredImage, *, time_formats: Mapping[str, str]
) -> list[tuple[str, Interval]]:
    """Each label of each stretch. `PassedOver` for what is no stretch of time."""
    kind, value = str(region.get("type")), value_of(region)
    if kind not in TYPES:
        raise PassedOver(Reason.OTHER_CONTROL)
    names = read_names(value.get(kind))
    if not names:
        raise PassedOver(Reason.NO_LABEL)
    ranges = value.get("ranges") if kind == "timelinelabels" else [value]
    # A region without any stretch is none.
    if (
        not isinstance(ranges, list)
        or not ranges
        or not all(isinstance(one, Mapping) for one in ranges)
    ):
        raise PassedOver(Reason.NO_GEOMETRY)
    time_format = time_formats.get(str(region.get("to_name")), "")
    try:
        intervals = [read_interval(one, time_format=time_format) for one in ranges]
    except GeometryError:
        raise PassedOver(Reason.NO_GEOMETRY) from None
    # A label that a region has twice is one item all the same.
    return [(name, one) for one in intervals for name in dict.fromkeys(names)]


class _Sides:
    """What the two sides of some images hold, as arrays."""

    def __init__(self, images: Sequence[StoredImage], job: Job, notes: Notes) -> None:
        read = partial(_read, time_formats=job.reading.time_formats)
        self.truths, self.predictions = read_answers(
            images, job.classes, read, reading=job.reading, notes=notes
        )
        for of_image in zip(self.truths, self.predictions, strict=True):
            _date(of_image, notes)
        truth, label, _ = _columns(self.truths)
        self.objects = Objects(image=truth.image, label=label)
        predicted, label, score = _columns(self.predictions)
        self.detections = Detections(image=predicted.image, label=label, score=score)
        self.truth, self.predicted = in_whole_units(truth, predicted)

    def overlapping(self) -> Pairs:
        """What overlaps in time. `UnusableRegion` for an image with more than can be compared."""
        try:
            return overlapping_pairs(self.objects, self.truth, self.detections, self.predicted)
        except TooManyPairs as error:
            image = int(self.predicted.image[error.detection])
            raise UnusableRegion(image, is_truth=False, region="all", reason=str(error)) from None

    def matched(self, overlapping: Pairs) -> Pairs:
        """Of them what may match: those of one channel."""
        return of_one_channel(overlapping, self.truth, self.predicted)

    def boxes(self, overlapping: Pairs) -> tuple[Floats, Floats]:
        """Both sides as average precision compares them."""
        return coco_boxes(self.objects, self.truth, self.detections, self.predicted, overlapping)


def _date(sides: Sequence[list[Answer[Interval]]], notes: Notes) -> None:
    """Reads numbers as dates where others of the same image are told as dates."""
    told = {one.value.is_dated for answers in sides for one in answers}
    if len(told) == 1 or not told:
        return
    for answers in sides:
        for at, one in enumerate(answers):
            if not one.value.is_dated:
                answers[at] = replace(one, value=one.value.dated())
                notes.numbers_as_dates += 1


def _columns(answers: Answers) -> tuple[Track, Any, Any]:
    """The stretches of a side, their labels and their scores."""
    rows = [
        (place, one.label, one.score, one.value.start, one.value.end,
         -1 if one.value.channel is None else one.value.channel)
        for place, image in enumerate(answers)
        for one in image
    ]  # fmt: skip
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    image, label, channel = (table[:, at].astype(np.int64) for at in (0, 1, 5))
    track = Track(image, table[:, 3].copy(), table[:, 4].copy(), channel)
    return track, label, table[:, 2].copy()


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    sides = _Sides(chunk.images, job, notes)
    overlapping = sides.overlapping()
    events = match_events(
        sides.objects,
        sides.detections,
        sides.matched(overlapping),
        n_classes=len(job.classes),
        definition=job.definition,
    )
    boxes = sides.boxes(overlapping)
    batch = Batch(
        image_ids=chunk.positions,
        objects=sides.objects,
        object_boxes_xywh_px=boxes[0],
        detections=sides.detections,
        detection_boxes_xywh_px=boxes[1],
    )
    return Tally(events, precision_states(batch, BOXES, job))


def _total(gathered: Gathered, job: Job) -> Total:
    """As of boxes, without sizes: time has none."""
    total = total_precision(gathered, job)
    assert total.table is not None
    per_class = [_sizeless(one) for one in total.table.per_class]
    table = replace(total.table, overall=_sizeless(total.table.overall), per_class=per_class)
    return replace(total, table=table)


def _sizeless(precision: ClassPrecision) -> ClassPrecision:
    return replace(precision, by_size={})


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    sides = _Sides(images, job, Notes())
    pairs = sides.matched(sides.overlapping())
    truths, found = object_verdicts(
        sides.objects, sides.detections, pairs, confidence, definition=job.definition
    )
    by_image, first, their_first = [], 0, 0
    for truth, predicted in zip(sides.truths, sides.predictions, strict=True):
        mine, its = first + len(truth), their_first + len(predicted)
        by_image.append(
            ImageVerdicts(
                [one.label for one in truth],
                [None] * len(truth),
                truths[first:mine],
                [one.label for one in predicted],
                [None] * len(predicted),
                [one.score for one in predicted],
                found[their_first:its],
                ([one.region for one in truth], [one.region for one in predicted]),
                ([_facts(one.value) for one in truth], [_facts(one.value) for one in predicted]),
            )
        )
        first, their_first = mine, its
    return by_image


def _facts(interval: Interval) -> Facts:
    return {"interval": [interval.start, interval.end]}


TEMPORAL = Kind(
    task_type="temporal-detection",
    reads=_reads,
    asks_for="TimeSeriesLabels, TimelineLabels, Labels of Audio or Video",
    has_precision=True,
    count=_count,
    totals=(_total,),
    verdicts=_verdicts,
    counted=("stretch", "stretches"),
    primary=Primary("mAP50_95"),
    parameters=OF_MATCHING,
    drawing="intervals",
)
