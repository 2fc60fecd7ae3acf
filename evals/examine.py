"""One image object by object: what was there, what was said, what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.counting import Job
from evals.geometry import Floats, Shape, shape_iou
from evals.matching import ObjectVerdict, image_verdicts
from evals.regions import Side, StoredImage, read_choices, read_shapes


@dataclass(frozen=True, slots=True)
class Examined:
    """Objects and detections in stored order; shapes are None where whole images are labelled."""

    labels: list[int]
    shapes: list[Shape | None]
    #: None for pixels, which nobody matches one by one.
    truths: list[ObjectVerdict | None]
    detected_labels: list[int]
    detected_shapes: list[Shape | None]
    scores: list[float]
    #: None for a detection below the confidence, and for pixels.
    found: list[ObjectVerdict | None]


def examine(image: StoredImage, job: Job, confidence: int) -> Examined:
    """The image at one percent; its verdicts add up to its counts there."""
    if job.task_type == "classification":
        return _examine_labels(image, job, confidence)
    truth, said = read_shapes([image], job.classes, all_shapes=job.uses_masks)
    shapes, detected = _shapes(truth), _shapes(said)
    truths: list[ObjectVerdict | None] = [None] * len(shapes)
    found: list[ObjectVerdict | None] = [None] * len(detected)
    if job.task_type != "semantic-segmentation":
        iou = shape_iou(detected, shapes)
        verdicts, found = image_verdicts(
            truth.label, said.label, said.score, iou, confidence, definition=job.definition
        )
        truths = list(verdicts)
    return Examined(
        truth.label, list(shapes), truths, said.label, list(detected), said.score, found
    )


def _shapes(side: Side) -> list[Shape]:
    boxes = side.boxes_px()
    return [side.shape(at, boxes) for at in range(len(side.image))]


def _examine_labels(image: StoredImage, job: Job, confidence: int) -> Examined:
    truths, saids = read_choices([image], job.classes)
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
        list(verdicts),
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
