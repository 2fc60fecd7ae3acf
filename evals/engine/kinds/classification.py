"""Image labels as events: whole images instead of boxes, with the same counts at every confidence.

Labels run 0..n_classes-1; `n_classes` is the background, which here means "no label".
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from evals.engine.boxes import Region, StoredImage
from evals.engine.errors import MisshapenArrays
from evals.engine.events import Events, Ints, confidence_bins
from evals.engine.kinds.class_events import assignment_events
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from evals.engine.regions import UnknownLabels, identity_of
from predictions.regions.labels import PassedOver, Reason, read_names, region_score


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
    """Labels of each image, and (label, score) pairs said of it, in stored order.

    What is not read goes to `notes`; `UnknownLabels` as `read_shapes`.
    """
    reading, notes = reading or Reading(), notes or Notes()
    unknown: set[str] = set()
    index = reading.index(classes)
    truths, saids = [], []
    for number, image in enumerate(images):
        default = 1.0 if image.score is None else image.score
        sides = []
        for is_truth, regions in ((True, image.truth), (False, image.said)):
            pairs: list[tuple[int, float]] = []
            for at, region in enumerate(regions):
                if image.place is not None and not image.place.holds(region):
                    continue
                try:
                    names, score = _choices(region, reading, default, is_truth=is_truth)
                except PassedOver as passed:
                    notes.ignore(
                        passed.reason,
                        is_truth=is_truth,
                        image=number,
                        region=identity_of(region, at),
                        was_meant=passed.reason is not Reason.OTHER_CONTROL,
                    )
                    continue
                unknown.update(name for name in names if name not in index)
                pairs += [(index[name], score) for name in names if name in index]
            notes.read[not is_truth] += len(pairs)
            sides.append(pairs)
        truths.append([label for label, _ in sides[0]])
        saids.append(sides[1])
    if unknown:
        raise UnknownLabels(unknown)
    return truths, saids


def _choices(
    region: Region, reading: Reading, default: float, *, is_truth: bool
) -> tuple[list[str], float]:
    """What is chosen, and with which score; nothing for a relation. `PassedOver` for the rest."""
    if region.get("type") == "relation":
        return [], default
    is_skipped = reading.skips(region.get("from_name"), is_truth=is_truth)
    if is_skipped or region.get("type") != "choices":
        raise PassedOver(Reason.OTHER_CONTROL)
    value = region.get("value")
    names = read_names(value.get("choices") if isinstance(value, Mapping) else None)
    if not names:
        raise PassedOver(Reason.NO_LABEL)
    # As of shapes: the score of a truth does not matter.
    return names, default if is_truth else region_score(region, (), default)
