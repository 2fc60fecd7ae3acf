"""Events made of other things than matches: things called by a class, and imported reports."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from evals.engine.errors import MisshapenArrays
from evals.engine.events import (
    N_BINS,
    Cells,
    Events,
    Ints,
    confidence_bins,
    join_events,
    make_events,
)
from predictions.regions.geometry import Floats


def assignment_events(
    image: npt.ArrayLike,
    bin: npt.ArrayLike,
    actual: npt.ArrayLike,
    predicted: npt.ArrayLike,
    count: npt.ArrayLike,
    *,
    background: int,
    counts_background: bool = False,
) -> Events:
    """Events of `count` things of class `actual`, called `predicted` up to confidence `bin`.

    Above its bin a thing counts as called background. True background called background is counted
    only with `counts_background`, for pixels; of objects and labels nobody can count it.
    """
    given = (image, bin, actual, predicted, count)
    images, bins, truth, called, counts = np.broadcast_arrays(*(np.asarray(c) for c in given))
    claimed = np.flatnonzero(called != background)
    real = (truth != background) | counts_background
    taken, real = claimed[real[claimed]], np.flatnonzero(real)
    # What is there, what is not missed any more, and what it is called instead.
    at = np.concatenate([real, taken, claimed])
    n_real, n_missed = len(real), len(real) + len(taken)
    bin_of, named, delta = bins[at], called[at], counts[at]
    bin_of[:n_real] = N_BINS - 1
    named[:n_missed] = background
    delta[n_real:n_missed] *= -1
    return make_events(images[at], bin_of, truth[at], named, delta)


def value_events(
    has_truth: npt.ArrayLike,
    has_prediction: npt.ArrayLike,
    is_right: npt.ArrayLike,
    scores: npt.ArrayLike,
) -> Events:
    """Events of tasks with one value each that is right or wrong, arrays of shape (n_tasks,).

    One class, 0; background 1. A right value is a hit. A wrong one misses the true value and is a
    false positive, so TP + FP are the answers kept and TP + FN the tasks with a truth. Below its
    score an answer counts as none.
    """
    truth, predicted, right = (
        np.asarray(c, dtype=np.bool_) for c in (has_truth, has_prediction, is_right)
    )
    bins = confidence_bins(scores)
    if not truth.shape == predicted.shape == right.shape == bins.shape:
        raise MisshapenArrays(f"{len(truth)} tasks, {len(bins)} scores")
    hit = truth & predicted & right
    true, false = np.flatnonzero(truth), np.flatnonzero(predicted & ~hit)
    return assignment_events(
        np.concatenate([true, false]),
        np.concatenate([bins[true], bins[false]]),
        np.repeat([0, 1], [len(true), len(false)]),
        np.concatenate([np.where(hit[true], 0, 1), np.zeros(len(false), dtype=np.int64)]),
        1,
        background=1,
    )


def set_events(
    truth: tuple[Ints, Ints], predicted: tuple[Ints, Ints, Floats], *, n_classes: int
) -> Events:
    """Events of tasks with a set of classes each: (task, class) that are true, and with their
    score (task, class, score) that are predicted; arrays of one length.

    Each class of a task is decided alone: a hit, a false positive on background, or a miss. One
    that is predicted twice counts once, with its highest score.
    """
    width = n_classes + 1
    true = np.unique(truth[0] * width + truth[1])
    key, score = predicted[0] * width + predicted[1], predicted[2]
    order = np.lexsort([score, key])
    last = np.flatnonzero(np.diff(key[order], append=-1))
    called, bins = key[order][last], confidence_bins(score[order][last])
    is_hit = np.isin(called, true, assume_unique=True)
    missed = true[np.isin(true, called, assume_unique=True, invert=True)]
    image, label = np.divmod(np.concatenate([called, missed]), width)
    return assignment_events(
        image,
        np.concatenate([bins, np.zeros(len(missed), dtype=np.int64)]),
        np.where(np.concatenate([is_hit, np.ones(len(missed), dtype=np.bool_)]), label, n_classes),
        np.where(np.arange(len(label)) < len(called), label, n_classes),
        1,
        background=n_classes,
    )


def report_events(reports: Mapping[int, Cells]) -> Events:
    """The events of imported reports, which exist at some confidences only.

    At the highest listed percent its cells, at each lower one the difference; so reading at any
    listed percent returns that report exactly. What lies between is not known and must not be read.
    """
    parts: list[Events] = []
    above: Cells | None = None
    for confidence in sorted(reports, reverse=True):
        if not 0 <= confidence < N_BINS:
            raise MisshapenArrays(f"a report's confidence is {confidence} percent")
        cells = reports[confidence]
        parts.append(_report_part(confidence, cells, sign=1))
        if above is not None:
            parts.append(_report_part(confidence, above, sign=-1))
        above = cells
    return join_events(parts)


def _report_part(confidence: int, cells: Cells, *, sign: int) -> Events:
    return make_events(cells.image, confidence, cells.actual, cells.predicted, sign * cells.count)
