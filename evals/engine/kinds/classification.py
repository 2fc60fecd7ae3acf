"""Image labels as events: whole images instead of boxes, with the same counts at every confidence.

Labels run 0..n_classes-1; `n_classes` is the background, which here means "no label".
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evals.engine.answers import Answer, Value, read_answers, value_of
from evals.engine.boxes import Region, StoredImage
from evals.engine.class_events import assignment_events
from evals.engine.errors import MisshapenArrays
from evals.engine.events import Events, Ints, confidence_bins
from evals.engine.kinds.kind import (
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
from evals.engine.matching import (
    Definition,
    Detections,
    Objects,
    ObjectVerdict,
    Pairs,
    matrix_pairs,
    object_verdicts,
)
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.config import Config, Control
from predictions.regions.geometry import Bools, Floats
from predictions.regions.labels import PassedOver, Reason, read_names


def single_label_events(
    truth: npt.ArrayLike, predicted: npt.ArrayLike, scores: npt.ArrayLike, *, n_classes: int
) -> Events:
    """Events of images with one true and one predicted label each, arrays of shape (n_images,).

    -1 stands for no label on either side. Below the confidence a prediction counts as none: the
    image's label is missed and nothing is a false positive. No images give no events.
    """
    labels, called = _labels(truth, n_classes), _labels(predicted, n_classes)
    bins = confidence_bins(scores)
    if not labels.shape == called.shape == bins.shape:
        raise MisshapenArrays(f"{len(labels)} labels, {len(called)} predictions")
    images = np.arange(len(labels))
    return assignment_events(images, bins, labels, called, 1, background=n_classes)


def multi_label_events(
    truth: Sequence[Sequence[int]],
    predicted: Sequence[Sequence[tuple[int, float]]],
    *,
    n_classes: int,
) -> Events:
    """Events of images with any number of labels: per image its labels, and (label, score) pairs.

    Each label of an image is decided alone: predicted and true is a hit, only predicted a false
    positive on background, only true a miss; wrong labels are never paired. A label given twice
    counts once, with its highest score. No images give no events.
    """
    if len(truth) != len(predicted):
        raise MisshapenArrays(f"{len(truth)} images with labels, {len(predicted)} with predictions")
    parts = []
    for image, (labels, scored) in enumerate(zip(truth, predicted, strict=True)):
        best = dict(sorted(scored, key=lambda pair: pair[1]))
        true = set(labels)
        missed = [(image, label, n_classes, 1.0) for label in true - best.keys()]
        called = [
            (image, label if label in true else n_classes, label, score)
            for label, score in best.items()
        ]
        parts += missed + called
    table = np.array(parts, dtype=np.float64).reshape(-1, 4)
    images, actual, named = table[:, :3].astype(np.int64).T
    if len(table) and not 0 <= table[:, 1:3].min() <= table[:, 1:3].max() <= n_classes:
        raise MisshapenArrays(f"a label is outside 0..{n_classes - 1}")
    bins = confidence_bins(table[:, 3])
    return assignment_events(images, bins, actual, named, 1, background=n_classes)


def _labels(labels: npt.ArrayLike, n_classes: int) -> Ints:
    """The labels as int64, no label (-1) as the background."""
    label = np.asarray(labels, dtype=np.int64).ravel()
    if len(label) and not -1 <= label.min() <= label.max() < n_classes:
        raise MisshapenArrays(f"a label is outside 0..{n_classes - 1}")
    return np.where(label < 0, n_classes, label)


def read_choices(
    images: Sequence[StoredImage],
    classes: Sequence[str],
    *,
    reading: Reading | None = None,
    notes: Notes | None = None,
) -> tuple[list[list[int]], list[list[tuple[int, float]]]]:
    """True labels of each image, and its predicted (label, score) pairs, in stored order.

    What is not read goes to `notes`; `UnknownLabels` as `read_shapes`.
    """
    reading, notes = reading or Reading(), notes or Notes()
    truths, predictions = read_answers(images, classes, _choices, reading=reading, notes=notes)
    return (
        [[answer.label for answer in image] for image in truths],
        [[(answer.label, answer.score) for answer in image] for image in predictions],
    )


#: Where a region has its answers, by its type.
KEYS = {"choices": "choices", "pairwise": "selected"}


def _choices(region: Region, image: StoredImage) -> list[tuple[str, None]]:
    """What is chosen. `PassedOver` for what is no choice."""
    # Whatever was stored: a list has no hash.
    key = KEYS.get(str(region.get("type")))
    if key is None:
        raise PassedOver(Reason.OTHER_CONTROL)
    names = read_names(value_of(region).get(key))
    if not names:
        raise PassedOver(Reason.NO_LABEL)
    return [(name, None) for name in names]


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    truths, predictions = read_choices(chunk.images, job.classes, reading=job.reading, notes=notes)
    right: Bools
    asked: Bools
    if job.is_multi_label:
        events = multi_label_events(truths, predictions, n_classes=len(job.classes))
        called = [{label for label, _ in predicted} for predicted in predictions]
        right = np.array([set(labels) == one for labels, one in zip(truths, called, strict=True)])
        asked = np.ones(len(right), dtype=np.bool_)
    else:
        notes.more_labels += sum(len(set(labels)) > 1 for labels in truths)
        notes.more_labels += sum(map(_is_tied, predictions))
        best = [_best(predicted) for predicted in predictions]
        first = np.array([labels[0] if labels else -1 for labels in truths], dtype=np.int64)
        surest_label = np.array([label for label, _ in best], dtype=np.int64)
        scores = [score for _, score in best]
        events = single_label_events(first, surest_label, scores, n_classes=len(job.classes))
        # A question that neither side answers is not answered right.
        asked = (first >= 0) | (surest_label >= 0)
        right = asked & (first == surest_label)

    def state(is_mine: Bools) -> bytes:
        return np.array([right[is_mine].sum(), asked[is_mine].sum()], dtype="<i8").tobytes()

    return Tally(events, state)


def _best(predicted: Sequence[tuple[int, float]]) -> tuple[int, float]:
    """The label with the highest score; -1 without any."""
    if len(predicted) == 1:
        return predicted[0]
    return max(predicted, key=_score, default=(-1, 1.0))


def _is_tied(predicted: Sequence[tuple[int, float]]) -> bool:
    """Whether several labels have the highest score, of which the first counts."""
    _, highest = _best(predicted)
    return len({label for label, score in predicted if score == highest}) > 1


def _counted(
    labels: Sequence[int], predicted: Sequence[tuple[int, float]], *, is_multi_label: bool
) -> tuple[list[int], list[tuple[int, float]]]:
    """The labels that count: each once with its highest score, or the first and the surest one."""
    if is_multi_label:
        return list(dict.fromkeys(labels)), list(dict(sorted(predicted, key=_score)).items())
    return list(labels[:1]), [_best(predicted)] if predicted else []


def _total(gathered: Gathered, job: Job) -> Total:
    """Accuracy: the share of the images asked whose labels are all right, whatever their score."""
    right, asked = (
        sum(int(np.frombuffer(state, dtype="<i8")[at]) for state in gathered.states)
        for at in range(2)
    )
    accuracy = right / asked if asked else None
    return Total(metrics={"accuracy": accuracy}, primary=accuracy)


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    return [_label_verdicts(image, job, confidence) for image in images]


def _label_verdicts(image: StoredImage, job: Job, confidence: int) -> ImageVerdicts:
    truths, predictions = read_choices([image], job.classes, reading=job.reading)
    labels, predicted = _counted(truths[0], predictions[0], is_multi_label=job.is_multi_label)
    overlap = label_pairs(labels, predicted, is_multi_label=job.is_multi_label)
    return label_verdicts(labels, predicted, overlap, confidence)


def label_verdicts(
    labels: Sequence[int],
    predicted: Sequence[tuple[int, float]],
    overlap: Floats | Pairs,
    confidence: int,
    facts: tuple[Sequence[Facts], Sequence[Facts]] = ((), ()),
) -> ImageVerdicts:
    """An image's true labels and predicted (label, score) pairs, each once, at one percent.

    `overlap` is as that of `image_verdicts`, above 0.5 where the one may stand for the other.
    """
    verdicts, found = image_verdicts(
        labels,
        [label for label, _ in predicted],
        [score for _, score in predicted],
        overlap,
        confidence,
    )
    return ImageVerdicts(
        labels,
        [None] * len(labels),
        verdicts,
        [label for label, _ in predicted],
        [None] * len(predicted),
        [score for _, score in predicted],
        found,
        facts=facts,
    )


def _score(pair: tuple[int, float]) -> float:
    return pair[1]


def label_pairs(
    labels: Sequence[int], predicted: Sequence[tuple[int, float]], *, is_multi_label: bool
) -> Pairs:
    """Which predicted label may stand for which true one: with several labels only for the same.

    Labels of a side are different ones.
    """
    if not is_multi_label:
        return matrix_pairs(np.ones((len(predicted), len(labels))))
    places = {label: at for at, label in enumerate(labels)}
    found = [(at, places[name]) for at, (name, _) in enumerate(predicted) if name in places]
    detection, truth = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return Pairs(detection, truth, np.ones(len(found)))


def value_verdicts(
    truth: Answer[Value] | None,
    predicted: Answer[Value] | None,
    confidence: int,
    *,
    is_right: bool,
    fact: str,
) -> ImageVerdicts:
    """A task whose two answers are one value each, right or wrong; `fact` is what it is called."""
    labels = [] if truth is None else [truth.label]
    scored = [] if predicted is None else [(predicted.label, predicted.score)]
    overlap = np.full((len(scored), len(labels)), float(is_right))
    mine, theirs = ([] if one is None else [{fact: one.value}] for one in (truth, predicted))
    return label_verdicts(labels, scored, overlap, confidence, (mine, theirs))


def surest(answers: Sequence[Answer[Value]]) -> Answer[Value] | None:
    """The answer with the highest score, the first among equals; None without any."""
    if len(answers) == 1:
        return answers[0]
    return max(answers, key=lambda answer: answer.score, default=None)


def asks_for_class(control: Control, objects: frozenset[str]) -> bool:
    """Whether the control's answer is a class of a whole object, or of a pair."""
    return control.tag.tag in {"Choices", "Pairwise"} and not control.is_per_region


def _classes(config: Config, controls: Sequence[Control]) -> list[str]:
    names: dict[str, None] = {}
    for one in controls:
        is_pair = one.tag.tag == "Pairwise"
        names |= dict.fromkeys(PAIR if is_pair else (stored for stored, _ in one.labels))
    return list(names)


def _has_several(controls: Sequence[Control]) -> bool:
    return any(one.is_multiple for one in controls)


#: What is chosen of a pair.
PAIR = ("left", "right")


def image_verdicts(
    labels: npt.ArrayLike,
    detected_labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    iou: Floats | Pairs,
    confidence: int,
    *,
    definition: Definition | None = None,
) -> tuple[list[ObjectVerdict | None], list[ObjectVerdict | None]]:
    """`object_verdicts` of one image; `iou` is float64 (detections, objects), or its pairs."""
    objects = _one_image(labels)
    alike = _one_image(detected_labels)
    score = np.asarray(scores, dtype=np.float64)
    detections = Detections(image=alike.image, label=alike.label, score=score)
    if not isinstance(iou, Pairs):
        iou = matrix_pairs(np.asarray(iou, np.float64).reshape(len(detections), len(objects)))
    return object_verdicts(objects, detections, iou, confidence, definition=definition)


def _one_image(labels: npt.ArrayLike) -> Objects:
    label = np.asarray(labels, dtype=np.int64).ravel()
    return Objects(image=np.zeros(len(label), dtype=np.int64), label=label)


CLASSIFICATION = Kind(
    task_type="classification",
    reads=asks_for_class,
    asks_for="Choices about the whole object, Pairwise",
    is_of_one_control=True,
    classes=_classes,
    is_multi_label=_has_several,
    count=_count,
    totals=(_total,),
    verdicts=_verdicts,
    counted=("label", "labels"),
    primary=Primary("accuracy"),
    drawing="classes",
)
