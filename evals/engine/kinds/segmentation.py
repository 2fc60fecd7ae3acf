"""Semantic segmentation as events: pixels instead of boxes, the same counts at every confidence.

A label map is an int (height, width) array of 0..n_classes-1, and `n_classes` for the background.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evals.engine.errors import MisshapenArrays
from evals.engine.events import N_BINS, Events, Ints, confidence_bins
from evals.engine.kinds.class_events import assignment_events
from predictions.regions.geometry import Floats, Rle, rle_mask

#: Counting into a table is forty times quicker than sorting, up to 128 MB of it.
LARGEST_TABLE = 2**24


def pixel_events(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    scores: npt.ArrayLike = 1.0,
    *,
    n_classes: int,
    image: int = 0,
) -> Events:
    """Events of one image's pixels; deltas are pixel counts, and background pixels are counted too.

    `truth` and `predicted` are label maps of one shape, `scores` float64 of that shape or one
    number: a pixel scored below the confidence counts as predicted background.
    """
    actual, called = (np.asarray(m, dtype=np.int64) for m in (truth, predicted))
    if actual.shape != called.shape:
        raise MisshapenArrays(f"label maps of {actual.shape} and {called.shape}")
    for label_map in (actual, called):
        if label_map.size and not 0 <= label_map.min() <= label_map.max() <= n_classes:
            raise MisshapenArrays(f"a pixel's label is outside 0..{n_classes}")
    # One more bin at the bottom holds pixels below every confidence, whose events vanish.
    bins = np.broadcast_to(confidence_bins(scores) + 1, actual.shape)
    shape = (N_BINS + 1, n_classes + 1, n_classes + 1)
    cells, counts = _histogram((bins, actual, called), shape)
    bin_of, actual_of, called_of = np.unravel_index(cells, shape)
    return assignment_events(
        image,
        bin_of - 1,
        actual_of,
        called_of,
        counts,
        background=n_classes,
        counts_background=True,
    )


def paint(
    rles: Sequence[Rle],
    labels: Sequence[int],
    scores: Sequence[float] | None = None,
    *,
    n_classes: int,
    width_px: int,
    height_px: int,
) -> tuple[Ints, Floats]:
    """The label map and, of the same shape, the score of each pixel (1.0 on background).

    A pixel takes its highest-scored region; among equals, as without scores, the later one, which
    is how they lie on the labeller's screen. No regions give nothing but background.
    """
    label_map = np.full((height_px, width_px), n_classes, dtype=np.int64)
    score_map = np.ones((height_px, width_px))
    score = np.ones(len(rles)) if scores is None else np.asarray(scores, dtype=np.float64)
    for region in np.argsort(score, kind="stable"):
        inside = rle_mask(rles[region])
        if inside.shape != label_map.shape:
            raise MisshapenArrays(f"a mask of {inside.shape} on an image of {label_map.shape}")
        label_map[inside] = labels[region]
        score_map[inside] = score[region]
    return label_map, score_map


def intersection_over_union(matrix: Ints) -> list[float | None]:
    """IoU of each real class from a pixel confusion matrix; None where neither side has the class.

    `matrix` is int64 (n_classes + 1, n_classes + 1), rows actual, background last.
    """
    hits = matrix.diagonal()[:-1]
    union = matrix.sum(axis=1)[:-1] + matrix.sum(axis=0)[:-1] - hits
    return [
        int(hit) / int(either) if either else None for hit, either in zip(hits, union, strict=True)
    ]


def mean_iou(matrix: Ints) -> float | None:
    """The foreground's macro mean IoU over the classes that have one; None when none has.

    Pixels are summed over the split first: it is not a mean of images. The background is left out.
    """
    known = [value for value in intersection_over_union(matrix) if value is not None]
    return sum(known) / len(known) if known else None


def _histogram(columns: tuple[Ints, ...], shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """The flat places of the cells in use, rising, and how many pixels each has."""
    key = np.ravel_multi_index(columns, shape).ravel()
    if math.prod(shape) > LARGEST_TABLE:
        return np.unique(key, return_counts=True)
    table = np.bincount(key)
    cells = np.flatnonzero(table)
    return cells, table[cells]
