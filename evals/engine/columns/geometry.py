"""The shapes of a chunk's results in pixels, worked out together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from evals.engine.boxes import BoxMeta
from evals.engine.columns.covered import covered_px, simple_areas
from evals.engine.overlaps.drawn import Drawn
from evals.engine.sides import Row
from predictions.regions.geometry import (
    LONGEST_OUTLINE_PX,
    LONGEST_SIDE_PX,
    PIXEL_DECIMALS,
    STEPS_OF_IMAGE,
    STEPS_OF_OUTLINE_PX,
    Bools,
    Floats,
    Ints,
    Size,
    pixel_boxes,
)
from predictions.regions.shapes import ELLIPSE_CORNERS, LEAST_TURN_DEG, quarter_deg

#: Turns that are looked at more closely: close to quarters, or so far that the quotient is rounded.
NEAR_QUARTER_DEG, FAR_DEG = 1, 1e9


@dataclass(slots=True)
class Found:
    """One result that was read."""

    rows: list[Row] = field(default_factory=list)
    #: Where the region of each row stands in the result.
    places: list[int] = field(default_factory=list)
    #: Of turned boxes, polygons and ellipses: their rows, and where they begin among the chunk's.
    turned: list[int] = field(default_factory=list)
    polygons: list[int] = field(default_factory=list)
    ellipses: list[int] = field(default_factory=list)
    starts: tuple[int, int, int] = (0, 0, 0)
    #: Rows whose objects the data says more of.
    told: list[tuple[int, BoxMeta]] = field(default_factory=list)
    #: Regions of other controls: type, id, and place.
    others: list[tuple[str, str | int | None, int]] = field(default_factory=list)
    #: As the first region tells it.
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Outlines:
    """Polygons in pixels."""

    #: float64 (n, 2) each.
    points: list[Floats]
    #: float64 (n, 4): x, y, width, height.
    boxes_px: Floats
    #: What rasterising each takes: infinite where it is not done.
    steps: list[float]
    #: float64 (n, 2): how many pixels each covers, at least and at most.
    covered_px: Floats


NO_OUTLINES = Outlines([], np.zeros((0, 4)), [], np.zeros((0, 2)))


@dataclass(frozen=True, slots=True)
class Geometry:
    """The shapes of a chunk in pixels, in the order in which they were gathered."""

    #: float64 (n, 4, 2), and which are turned by quarters: these are upright boxes again.
    corners: Floats
    is_quarter: Bools
    #: Polygons, and behind them ellipses.
    outlines: Outlines
    n_polygons: int

    def steps(self, found: Found) -> float:
        """What rasterising a result takes; infinite where it is not done."""
        return sum(
            sum(self.outlines.steps[first : first + len(rows)])
            for rows, first in self.outlined(found)
        )

    def outlined(self, found: Found) -> list[tuple[list[int], int]]:
        """The rows of a result's polygons and of its ellipses, and where these begin among all
        outlines; those without any are left out.
        """
        both = (
            (found.polygons, found.starts[1]),
            (found.ellipses, found.starts[2] + self.n_polygons),
        )
        return [one for one in both if one[0]]

    def drawn(self) -> Drawn:
        """All of them."""
        outlines = self.outlines
        return Drawn(
            self.corners,
            self.is_quarter,
            outlines.points,
            outlines.boxes_px,
            outlines.covered_px,
        )


def turned_corners(
    boxes_pct: Sequence[tuple[float, ...]], turns_deg: Sequence[float], sizes_px: Floats
) -> tuple[Floats, Bools]:
    """Corners of turned boxes in pixels, float64 (n, 4, 2), and which are turned by quarters."""
    boxes_px = pixel_boxes(_fours(boxes_pct), sizes_px)
    turns = np.array(turns_deg, dtype=np.float64)
    angles, is_quarter = np.radians(turns), np.zeros(len(turns), dtype=np.bool_)
    near = (np.abs(turns - 90 * np.rint(turns / 90)) < NEAR_QUARTER_DEG) | (np.abs(turns) > FAR_DEG)
    for at in np.flatnonzero(near).tolist():
        turn = turns_deg[at]
        if abs(math.remainder(turn, 90)) < LEAST_TURN_DEG:
            angles[at], is_quarter[at] = math.radians(quarter_deg(turn)), True
    # Numpy's own are not the same to the last bit.
    n, of_each = len(angles), angles.tolist()
    cosine, sine = (np.fromiter(map(of, of_each), np.float64, n) for of in (math.cos, math.sin))
    x, y, width, height = boxes_px.T
    right, low = x + cosine * width, y + sine * width
    across, down = -sine * height, cosine * height
    found = np.empty((len(boxes_px), 4, 2))
    for at, (left, top) in enumerate(
        ((x, y), (right, low), (right + across, low + down), (x + across, y + down))
    ):
        found[:, at, 0], found[:, at, 1] = left, top
    return found, is_quarter


def _fours(numbers: Sequence[tuple[float, ...]]) -> Floats:
    """Tuples of four as float64 (n, 4)."""
    # Twice as quick as `array`.
    return np.fromiter(chain.from_iterable(numbers), np.float64, 4 * len(numbers)).reshape(-1, 4)


def polygons(numbers_pct: Floats, n_points: Sequence[int], sizes_px: Floats) -> tuple[Floats, Ints]:
    """Polygons of so many points each, whose x and y are told one after the other, on images of
    these sizes: all their points in pixels, float64 (n, 2), and of how many each has.
    """
    lengths = np.array(n_points, dtype=np.int64)
    points = numbers_pct.reshape(-1, 2)
    pixels = np.round(points / 100 * np.repeat(sizes_px, lengths, axis=0), PIXEL_DECIMALS)
    return pixels, lengths


def ellipses(
    ovals_pct: Sequence[tuple[float, ...]], turns_deg: Sequence[float], sizes_px: Floats
) -> tuple[Floats, Ints, Floats]:
    """The same of ellipses, each centre and half axes; and the areas of these polygons."""
    ovals = _fours(ovals_pct)
    angles = np.arange(ELLIPSE_CORNERS) * (2 * math.pi / ELLIPSE_CORNERS)
    x, y, across, down = (column[:, None] for column in ovals.T)
    width, height = sizes_px[:, :1], sizes_px[:, 1:]
    right, below = across / 100 * width * np.cos(angles), down / 100 * height * np.sin(angles)
    if any(turns_deg):
        turns = [math.radians(turn) for turn in turns_deg]
        cosine, sine = (
            np.array([of(one) for one in turns])[:, None] for of in (math.cos, math.sin)
        )
        right, below = right * cosine - below * sine, right * sine + below * cosine
    points = np.empty((*right.shape, 2))
    np.add(x / 100 * width, right, out=points[:, :, 0])
    np.add(y / 100 * height, below, out=points[:, :, 1])
    flat = np.round(points, PIXEL_DECIMALS, out=points).reshape(-1, 2)
    doubled = math.sin(2 * math.pi / ELLIPSE_CORNERS) * ELLIPSE_CORNERS
    areas = np.abs((across / 100 * width) * (down / 100 * height))[:, 0] * doubled / 2
    return flat, np.full(len(ovals), ELLIPSE_CORNERS), areas


def outlines(points_px: Floats, lengths: Ints, sizes_px: Floats, last_areas: Floats) -> Outlines:
    """Polygons of so many points each, on images of these sizes; of the last of them the areas are
    known already.
    """
    if not len(lengths):
        return NO_OUTLINES
    ends = np.cumsum(lengths)
    starts = ends - lengths
    following = np.arange(1, len(points_px) + 1)
    following[ends - 1] = starts
    # By coordinate: along rows of two numpy takes three times as long.
    columns = np.ascontiguousarray(points_px.T)
    across, down = (np.abs(column[following] - column) for column in columns)
    length_px: Floats = np.add.reduceat(np.maximum(across, down), starts) + lengths
    is_drawn = (length_px <= LONGEST_OUTLINE_PX) & (sizes_px <= LONGEST_SIDE_PX).all(axis=1)
    steps = np.ceil(STEPS_OF_OUTLINE_PX * length_px)
    low, high = (
        np.stack([of.reduceat(column, starts) for column in columns], axis=1)
        for of in (np.minimum, np.maximum)
    )
    boxes_px = np.concatenate([low, high - low], axis=1)
    n_first = len(lengths) - len(last_areas)
    k = int(lengths[:n_first].sum())
    first = columns[:, :k], following[:k], lengths[:n_first], boxes_px[:n_first]
    areas = np.concatenate([simple_areas(*first), last_areas])
    return Outlines(
        [points_px[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)],
        boxes_px,
        np.where(is_drawn & (steps <= STEPS_OF_IMAGE), steps, math.inf).tolist(),
        covered_px(areas, boxes_px, length_px, sizes_px),
    )
