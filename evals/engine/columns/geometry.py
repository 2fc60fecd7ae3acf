"""The shapes of a chunk's results in pixels, worked out together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from pycocotools import mask as coco_mask

from evals.engine.boxes import BoxMeta
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
    Rle,
    Shape,
    Size,
    pixel_boxes,
)
from predictions.regions.shapes import ELLIPSE_CORNERS, LEAST_TURN_DEG


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

    points: list[Floats]
    #: [x, y, width, height].
    boxes: list[tuple[float, float, float, float]]
    #: What rasterising each takes: infinite where it is not done.
    steps: list[float]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The shapes of a chunk in pixels, in the order in which they were gathered."""

    #: float64 (n, 4, 2), and which are turned by quarters: these are upright boxes again.
    corners: Floats
    is_quarter: Bools
    #: Polygons, and ellipses.
    outlines: tuple[Outlines, Outlines]

    def steps(self, found: Found) -> float:
        """What rasterising a result takes; infinite where it is not done."""
        return sum(
            math.ceil(steps) if steps < STEPS_OF_IMAGE else math.inf
            for side, rows, start in self._of(found)
            for steps in side.steps[start : start + len(rows)]
        )

    def shapes(self, found: Found, size: Size) -> dict[int, Shape]:
        """The outlines and upright boxes of a result by its rows."""
        if not (found.turned or found.polygons or found.ellipses):
            return {}
        rows: list[int] = []
        points: list[Floats] = []
        boxes: list[tuple[float, float, float, float]] = []
        for side, mine, start in self._of(found):
            span = slice(start, start + len(mine))
            rows += mine
            points += side.points[span]
            boxes += side.boxes[span]
        width, height = int(size[0]), int(size[1])
        rles: list[Rle] = []
        if points:
            rles = coco_mask.frPyObjects([one.ravel() for one in points], height, width)
        shapes = {
            row: Shape(
                box_xywh_px=box, points_px=outline, rle=rle, width_px=width, height_px=height
            )
            for row, outline, box, rle in zip(rows, points, boxes, rles, strict=True)
        }
        start = found.starts[0]
        quarter = self.is_quarter[start : start + len(found.turned)]
        for at in np.flatnonzero(quarter).tolist():
            low, high = self.corners[start + at].min(axis=0), self.corners[start + at].max(axis=0)
            box = np.round(np.concatenate([low, high - low]), PIXEL_DECIMALS).tolist()
            shapes[found.turned[at]] = Shape(
                box_xywh_px=(box[0], box[1], box[2], box[3]),
                points_px=None,
                rle=None,
                width_px=width,
                height_px=height,
            )
        return shapes

    def turned(self, found: Found) -> tuple[Ints, Floats]:
        """The turned boxes of a result: their rows, and their corners (n, 4, 2)."""
        span = slice(found.starts[0], found.starts[0] + len(found.turned))
        is_turned = ~self.is_quarter[span]
        return np.array(found.turned, dtype=np.int64)[is_turned], self.corners[span][is_turned]

    def _of(self, found: Found) -> list[tuple[Outlines, list[int], int]]:
        polygons, ellipses = self.outlines
        return [
            (polygons, found.polygons, found.starts[1]),
            (ellipses, found.ellipses, found.starts[2]),
        ]


def turned_corners(
    boxes_pct: Sequence[tuple[float, ...]], turns_deg: Sequence[float], sizes_px: Floats
) -> tuple[Floats, Bools]:
    """Corners of turned boxes in pixels, float64 (n, 4, 2), and which are turned by quarters."""
    boxes_px = pixel_boxes(np.array(boxes_pct, dtype=np.float64).reshape(-1, 4), sizes_px)
    is_quarter = [abs(math.remainder(turn, 90)) < LEAST_TURN_DEG for turn in turns_deg]
    columns = zip(turns_deg, is_quarter, strict=True)
    angles = [math.radians(90 * round(turn / 90) if is_q else turn) for turn, is_q in columns]
    # Numpy's own are not the same to the last bit.
    cosine, sine = (np.array([of(one) for one in angles]) for of in (math.cos, math.sin))
    x, y, width, height = boxes_px.T
    right, low = x + cosine * width, y + sine * width
    across, down = -sine * height, cosine * height
    found = np.empty((len(boxes_px), 4, 2))
    for at, (left, top) in enumerate(
        ((x, y), (right, low), (right + across, low + down), (x + across, y + down))
    ):
        found[:, at, 0], found[:, at, 1] = left, top
    return found, np.array(is_quarter, dtype=np.bool_)


def polygons(points_pct: Sequence[Sequence[tuple[float, float]]], sizes_px: Floats) -> Outlines:
    """Polygons on images of these sizes."""
    lengths = np.array([len(points) for points in points_pct], dtype=np.int64)
    numbers = chain.from_iterable(chain.from_iterable(points_pct))
    points = np.fromiter(numbers, np.float64, 2 * int(lengths.sum())).reshape(-1, 2)
    pixels = np.round(points / 100 * np.repeat(sizes_px, lengths, axis=0), PIXEL_DECIMALS)
    return _outlines(pixels, lengths, sizes_px)


def ellipses(
    ovals_pct: Sequence[tuple[float, ...]], turns_deg: Sequence[float], sizes_px: Floats
) -> Outlines:
    """Ellipses, each centre and half axes, as polygons on images of these sizes."""
    ovals = np.array(ovals_pct, dtype=np.float64).reshape(-1, 4)
    angles = np.arange(ELLIPSE_CORNERS) * (2 * math.pi / ELLIPSE_CORNERS)
    turns = [math.radians(turn) for turn in turns_deg]
    cosine, sine = (np.array([of(one) for one in turns])[:, None] for of in (math.cos, math.sin))
    x, y, across, down = (column[:, None] for column in ovals.T)
    width, height = sizes_px[:, :1], sizes_px[:, 1:]
    right, below = across / 100 * width * np.cos(angles), down / 100 * height * np.sin(angles)
    points = np.stack(
        [
            x / 100 * width + right * cosine - below * sine,
            y / 100 * height + right * sine + below * cosine,
        ],
        axis=2,
    )
    flat = np.round(points, PIXEL_DECIMALS).reshape(-1, 2)
    return _outlines(flat, np.full(len(ovals), ELLIPSE_CORNERS), sizes_px)


def _outlines(points: Floats, lengths: Ints, sizes: Floats) -> Outlines:
    """Polygons of so many points each, on images of these sizes."""
    if not len(lengths):
        return Outlines([], [], [])
    ends = np.cumsum(lengths)
    starts = ends - lengths
    following = np.arange(1, len(points) + 1)
    following[ends - 1] = starts
    edges = np.abs(points[following] - points).max(axis=1)
    length_px = np.add.reduceat(edges, starts) + lengths
    is_drawn = (length_px <= LONGEST_OUTLINE_PX) & (sizes <= LONGEST_SIDE_PX).all(axis=1)
    low, high = (of.reduceat(points, starts, axis=0) for of in (np.minimum, np.maximum))
    boxes = np.concatenate([low, high - low], axis=1)
    return Outlines(
        [points[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)],
        [(x, y, width, height) for x, y, width, height in boxes.tolist()],
        np.where(is_drawn, STEPS_OF_OUTLINE_PX * length_px, math.inf).tolist(),
    )
