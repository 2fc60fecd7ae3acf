"""Semantic segmentation as events: pixels instead of boxes, the same counts at every confidence.

A label map is an int (height, width) array of 0..n_classes-1, and `n_classes` for the background.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evals.errors import MisshapenArrays
from evals.events import N_BINS, Events, Ints, assignment_events, confidence_bins
from evals.geometry import Floats, Rle, rle_mask


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
    # Bin -1 (below every confidence) becomes 0 and is told apart by one more bin at the top.
    bins = np.broadcast_to(confidence_bins(scores), actual.shape) + 1
    side = n_classes + 1
    key = (bins * side + actual) * side + called
    counts = np.bincount(key.ravel(), minlength=(N_BINS + 1) * side * side)
    cells = np.flatnonzero(counts)
    bin_of, actual_of, called_of = cells // (side * side) - 1, cells // side % side, cells % side
    # Never kept at any confidence is the same as called background.
    called_of = np.where(bin_of < 0, n_classes, called_of)
    return assignment_events(
        image,
        bin_of,
        actual_of,
        called_of,
        counts[cells],
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
