"""Key points of boxes: their similarity as COCO measures it (OKS).

Points are float64 (n, keypoints, 3): x and y in pixels, and 1 where the point is there, else 0.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evals.engine.events import Ints
from evals.engine.matching import Detections, Objects, Pairs, image_grids, join_pairs
from predictions.regions.geometry import Floats

#: How far the points of a person may be off, as COCO has measured people who mark them.
COCO_SIGMAS: Mapping[str, float] = {
    "nose": 0.026,
    "left_eye": 0.025,
    "right_eye": 0.025,
    "left_ear": 0.035,
    "right_ear": 0.035,
    "left_shoulder": 0.079,
    "right_shoulder": 0.079,
    "left_elbow": 0.072,
    "right_elbow": 0.072,
    "left_wrist": 0.062,
    "right_wrist": 0.062,
    "left_hip": 0.107,
    "right_hip": 0.107,
    "left_knee": 0.087,
    "right_knee": 0.087,
    "left_ankle": 0.089,
    "right_ankle": 0.089,
}
#: Of every other point.
SIGMA = 0.05
#: Points that are compared together, a hundred bytes each: those of 50,000 pairs of people.
POINTS_AT_ONCE = 2**20
#: Where COCO's evaluators are told that a missing point of a detection is: similar to none.
NOWHERE_PX = 1e150


def sigmas_of(names: Sequence[tuple[str, str]], given: Mapping[str, float]) -> tuple[float, ...]:
    """The sigma of each point, by what it is called, else as it is shown: as given, else COCO's
    for its name, else 0.05.
    """
    ways = [given, COCO_SIGMAS]
    return tuple(
        next((way[name] for way in ways for name in point if name in way), SIGMA) for point in names
    )


def similarities(
    truth: Floats, predicted: Floats, areas_px: Floats, sigmas: Sequence[float]
) -> Floats:
    """OKS of pairs, row by row of points (n, keypoints, 3): float64 (n,), in [0, 1].

    The mean over the points of the truth; one that the other lacks gives 0, and points that only
    the other has do not count. 0 for a truth without points.
    """
    away = predicted[..., :2] - truth[..., :2]
    squares = away[..., 0] ** 2 + away[..., 1] ** 2
    variances: Floats = (np.asarray(sigmas, dtype=np.float64) * 2) ** 2
    exponents = squares / variances / (areas_px[:, None] + np.spacing(1)) / 2
    are_there = truth[..., 2] > 0
    alike = np.where(are_there & (predicted[..., 2] > 0), np.exp(-exponents), 0)
    n_points = are_there.sum(axis=1)
    total: Floats = alike.sum(axis=1)
    means: Floats = np.divide(total, n_points, out=np.zeros_like(total), where=n_points > 0)
    return means


def keypoint_pairs(
    objects: Objects,
    truth: Floats,
    areas_px: Floats,
    detections: Detections,
    predicted: Floats,
    sigmas: Sequence[float],
) -> Pairs:
    """The pairs of a chunk that are similar at all, by detection, then object.

    `areas_px` are those of the objects, float64 (n,). `TooManyPairs` as `box_pairs`.
    """

    at_once = max(1, POINTS_AT_ONCE // max(1, truth.shape[1]))

    def similar(detection: Ints, thing: Ints) -> Iterator[Pairs]:
        for first in range(0, len(detection), at_once):
            d, t = detection[first : first + at_once], thing[first : first + at_once]
            oks = similarities(truth[t], predicted[d], areas_px[t], sigmas)
            met = oks > 0
            yield Pairs(d[met], t[met], oks[met])

    grids = image_grids(objects, detections)
    return join_pairs(pairs for grid in grids for pairs in similar(*grid))


def coco_points(points: Floats, *, is_truth: bool) -> Floats:
    """The points as COCO's evaluators want them, float64 (n, 3 x keypoints)."""
    told = points.copy()
    is_missing = told[..., 2] == 0
    told[is_missing] = 0
    if not is_truth:
        told[is_missing, :2] = NOWHERE_PX
    told[..., 2] *= 2
    return told.reshape(len(points), 3 * points.shape[1])
