"""What each kind of error costs: how far average precision rises if it alone is mended."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.engine.error_types.assignment import DROPPED, RIGHT, Assignment, ErrorType
from evals.engine.events import Ints
from predictions.regions.geometry import Bools

RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """The errors of a split."""

    #: Mean over the classes that have objects; None where none has.
    average_precision: float | None
    #: Of each ErrorType in order, not below 0; None where no class has objects.
    costs: Sequence[float | None]
    #: By class and ErrorType, int64 (n_classes, 6): the class is that of the detection, or of the
    #: missed object.
    counts: Ints
    #: One an error: the position of its image, its class, and its ErrorType.
    image: Ints
    label: Ints
    kind: Ints


def error_table(found: Assignment) -> ErrorTable:
    """Counts and costs of all errors."""
    n_classes = len(found.n_objects)
    wrong = found.kind != RIGHT
    image = np.concatenate([found.image[wrong], found.missed_image])
    label = np.concatenate([found.label[wrong], found.missed_label])
    missed = np.full(len(found.missed_label), int(ErrorType.MISSED))
    kind = np.concatenate([found.kind[wrong], missed])
    cells = np.bincount(label * len(ErrorType) + kind, minlength=n_classes * len(ErrorType))
    # Best first within each class: what every kind of error leaves in its class stays so.
    best_first = np.lexsort((-found.score, found.label))
    base = _mean_precision(found, None, best_first)
    mended = [
        None if base is None else _mean_precision(found, one, best_first) for one in ErrorType
    ]
    order = np.lexsort((kind, image))
    return ErrorTable(
        base,
        [None if one is None or base is None else max(one - base, 0.0) for one in mended],
        cells.reshape(n_classes, len(ErrorType)),
        image[order],
        label[order],
        kind[order],
    )


def _mean_precision(found: Assignment, mended: ErrorType | None, best_first: Ints) -> float | None:
    """Average precision, with all errors of a kind mended; None without objects."""
    n_objects, label, is_right = found.n_objects, found.label, found.kind == RIGHT
    order = best_first
    if mended == ErrorType.MISSED:
        n_objects = n_objects - np.bincount(found.missed_label, minlength=len(n_objects))
    elif mended is not None:
        is_it = found.kind == mended
        stays = ~(is_it & (found.mended == DROPPED))
        label = np.where(is_it, found.mended, label)
        is_right = is_right | is_it
        has_moved = stays & (label != found.label)
        if has_moved.any():
            # Where scores tie, what comes from another class is behind those of its own.
            order = np.lexsort((has_moved, -found.score, label))
        order = order[stays[order]]
    ends = np.searchsorted(label[order], np.arange(len(n_objects) + 1)).tolist()
    by_class = is_right[order]
    precisions = [
        _average_precision(by_class[ends[at] : ends[at + 1]], int(n_objects[at]))
        for at in np.flatnonzero(found.n_objects > 0).tolist()
    ]
    return float(np.mean(precisions)) if precisions else None


def _average_precision(is_right: Bools, n_objects: int) -> float:
    """COCO's, from whether each detection is right, best first; 0 without either."""
    if not n_objects or not len(is_right):
        return 0.0
    right = np.cumsum(is_right)
    precision = right / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(right / n_objects, RECALLS, side="left")
    return float(precision[at[at < len(precision)]].sum() / len(RECALLS))
