"""Images object by object: what was there, what was said, what became of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evals.engine.boxes import StoredImage
from evals.engine.counting import Job
from evals.engine.kinds.classification import read_choices
from evals.engine.matched.shapes import matched_shapes
from evals.engine.matching import (
    Definition,
    Detections,
    Objects,
    ObjectVerdict,
    matrix_pairs,
    object_verdicts,
)
from evals.engine.precision.measures import IouType
from evals.engine.regions import read_shapes
from evals.engine.sides import GatheredSide, Side
from predictions.regions.geometry import Floats, Shape


@dataclass(frozen=True, slots=True)
class Examined:
    """Objects and detections in stored order; shapes are None where whole images are labelled."""

    labels: Sequence[int]
    shapes: Sequence[Shape | None]
    #: None for pixels, which nobody matches one by one.
    truths: Sequence[ObjectVerdict | None]
    detected_labels: Sequence[int]
    detected_shapes: Sequence[Shape | None]
    scores: Sequence[float]
    #: None for a detection below the confidence, and for pixels.
    found: Sequence[ObjectVerdict | None]
    #: Where the shapes of the two sides stand in the stored results; empty for whole images.
    regions: tuple[Sequence[int], Sequence[int]] = ((), ())


@dataclass(frozen=True, slots=True)
class ExaminedShapes:
    """The shapes of a chunk of images; none where whole images are labelled."""

    truth: Side
    #: As `Examined.truths`.
    truths: Sequence[ObjectVerdict | None]
    said: Side
    #: As `Examined.found`.
    found: Sequence[ObjectVerdict | None]
    #: Bounding boxes of the two sides, in pixels.
    boxes_px: tuple[Floats, Floats]


def examine(images: Sequence[StoredImage], job: Job, confidence: int) -> list[Examined]:
    """The images at one percent; the verdicts add up to their counts there."""
    if job.task_type == "classification":
        return [_examine_labels(image, job, confidence) for image in images]
    chunk = examine_shapes(images, job, confidence)
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
            _slices(chunk.truth, len(images)), _slices(chunk.said, len(images)), strict=True
        )
    ]


def _slices(side: Side, n_images: int) -> list[slice]:
    return [slice(span.start, span.stop) for span in side.spans(n_images)]


def examine_shapes(
    images: Sequence[StoredImage], job: Job, confidence: int, *, most_steps: float = math.inf
) -> ExaminedShapes:
    """As `examine`, all images together. `TooMuchToDraw` where rasterising takes more steps."""
    if job.task_type == "classification":
        none = GatheredSide().side()
        return ExaminedShapes(none, [], none, [], (none.boxes_px(), none.boxes_px()))
    is_semantic = job.task_type == "semantic-segmentation"
    truth, said = read_shapes(
        images,
        job.classes,
        reading=job.reading,
        all_shapes=job.iou_type == IouType.MASKS or is_semantic,
        most_steps=most_steps,
    )
    boxes = truth.boxes_px(), said.boxes_px()
    if is_semantic:
        unmatched = [None] * len(truth.image), [None] * len(said.image)
        return ExaminedShapes(truth, unmatched[0], said, unmatched[1], boxes)
    truths, found = object_verdicts(
        *matched_shapes(truth, said, boxes, job.definition), confidence, definition=job.definition
    )
    return ExaminedShapes(truth, truths, said, found, boxes)


def _examine_labels(image: StoredImage, job: Job, confidence: int) -> Examined:
    truths, saids = read_choices([image], job.classes, reading=job.reading)
    labels, said = truths[0], saids[0]
    if job.is_multi_label:
        # A label given twice counts once, with its highest score.
        labels, said = list(dict.fromkeys(labels)), list(dict(sorted(said, key=_score)).items())
    else:
        labels, said = labels[:1], [max(said, key=_score)] if said else []
    overlap = _label_overlap(labels, said, is_multi_label=job.is_multi_label)
    verdicts, found = image_verdicts(
        labels, [label for label, _ in said], [score for _, score in said], overlap, confidence
    )
    return Examined(
        labels,
        [None] * len(labels),
        verdicts,
        [label for label, _ in said],
        [None] * len(said),
        [score for _, score in said],
        found,
    )


def _score(pair: tuple[int, float]) -> float:
    return pair[1]


def _label_overlap(
    labels: Sequence[int], said: Sequence[tuple[int, float]], *, is_multi_label: bool
) -> Floats:
    """1 where a said label may stand for a true one: with several labels only for the same."""
    if not is_multi_label:
        return np.ones((len(said), len(labels)))
    return np.array(
        [[float(label == name) for label in labels] for name, _ in said], dtype=np.float64
    ).reshape(len(said), len(labels))


def image_verdicts(
    labels: npt.ArrayLike,
    detected_labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    iou: Floats,
    confidence: int,
    *,
    definition: Definition | None = None,
) -> tuple[list[ObjectVerdict | None], list[ObjectVerdict | None]]:
    """`object_verdicts` of one image; `iou` is float64 (detections, objects)."""
    objects = _one_image(labels)
    alike = _one_image(detected_labels)
    score = np.asarray(scores, dtype=np.float64)
    detections = Detections(image=alike.image, label=alike.label, score=score)
    overlaps = np.asarray(iou, dtype=np.float64).reshape(len(detections), len(objects))
    return object_verdicts(
        objects, detections, matrix_pairs(overlaps), confidence, definition=definition
    )


def _one_image(labels: npt.ArrayLike) -> Objects:
    label = np.asarray(labels, dtype=np.int64).ravel()
    return Objects(image=np.zeros(len(label), dtype=np.int64), label=label)
