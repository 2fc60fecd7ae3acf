"""Turned boxes and outlines of a chunk as columns.

A shape of its own, and a mask, is made of one when somebody asks for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evals.engine.events import Ints
from predictions.regions.geometry import Bools, Floats, Rle, Shape, polygon_rles

NO_BOXES = np.zeros((0, 4))


@dataclass(frozen=True, slots=True)
class Drawn:
    """Shapes in pixels, in the order in which they were read: turned boxes and outlines."""

    #: float64 (n, 4, 2), and which are turned by quarters: these are upright boxes again.
    corners_px: Floats = field(default_factory=lambda: np.zeros((0, 4, 2)))
    is_quarter: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    #: float64 (n, 2) each; (n, 4) bounding boxes; (n, 2) how many pixels each covers, at least and
    #: at most.
    points_px: Sequence[Floats] = ()
    boxes_px: Floats = field(default_factory=lambda: NO_BOXES)
    covered_px: Floats = field(default_factory=lambda: np.zeros((0, 2)))


def by_size(sizes_px: Ints) -> Iterator[tuple[tuple[int, int], Ints]]:
    """The different sizes of images among (n, 2), and the places of those of each."""
    if (sizes_px == sizes_px[:1]).all():
        for width, height in sizes_px[:1].tolist():
            yield (width, height), np.arange(len(sizes_px))
        return
    sizes, which = np.unique(sizes_px, axis=0, return_inverse=True)
    for number, (width, height) in enumerate(sizes.tolist()):
        yield (width, height), np.flatnonzero(which == number)


class Outlined:
    """Polygons and ellipses of a side as columns; each is rasterised when it is asked for."""

    def __init__(
        self,
        at: Ints,
        points_px: Sequence[Floats],
        boxes_px: Floats,
        sizes_px: Floats,
        covered_px: Floats,
    ) -> None:
        #: int64 (n,) positions, rising; float64 (n, 4) bounding boxes, and the sizes of the images;
        #: (n, 2) how many pixels each covers, at least and at most.
        self.at, self.boxes_px, self.covered_px = at, boxes_px, covered_px
        self.points_px = points_px
        self._sizes = sizes_px.astype(np.int64)
        self._rles: list[Rle | None] = [None] * len(at)

    def rles(self, rows: Ints) -> list[Rle]:
        """The masks of these rows, those of one size rasterised together."""
        known = self._rles
        missing = np.array([row for row in rows.tolist() if known[row] is None], dtype=np.int64)
        for (width, height), some in by_size(self._sizes[missing]):
            mine = missing[some].tolist()
            points = [self.points_px[row] for row in mine]
            painted = polygon_rles(points, width_px=width, height_px=height)
            for row, rle in zip(mine, painted, strict=True):
                known[row] = rle
        return [rle for row in rows.tolist() if (rle := known[row]) is not None]

    def shape(self, row: int) -> Shape:
        """One of them."""
        x, y, box_width, box_height = self.boxes_px[row].tolist()
        width, height = self._sizes[row].tolist()
        points, rle = self.points_px[row], self._rles[row]
        if rle is None:
            (rle,) = polygon_rles([points], width_px=width, height_px=height)
            self._rles[row] = rle
        return Shape(
            box_xywh_px=(x, y, box_width, box_height),
            points_px=points,
            rle=rle,
            width_px=width,
            height_px=height,
        )


NO_OUTLINES = Outlined(np.zeros(0, dtype=np.int64), [], NO_BOXES, *[np.zeros((0, 2))] * 2)


class Shapes(Mapping[int, Shape]):
    """Shapes by position, in its order; turned boxes and outlines are made when asked for."""

    def __init__(
        self,
        given: Mapping[int, Shape],
        turned_at: Ints | None = None,
        corners_px: Floats | None = None,
        sizes_px: Floats | None = None,
        outlined: Outlined = NO_OUTLINES,
    ) -> None:
        self.given = given
        #: Turned boxes: int64 (n,) positions, float64 (n, 4, 2) corners and (n, 2) image sizes.
        self.turned_at = np.zeros(0, dtype=np.int64) if turned_at is None else turned_at
        self.corners_px = np.zeros((0, 4, 2)) if corners_px is None else corners_px
        self.sizes_px = np.zeros((0, 2)) if sizes_px is None else sizes_px
        self.outlined = outlined
        self._rows: dict[int, int] | None = None
        self._outline_rows: dict[int, int] | None = None

    def turned_boxes_px(self) -> Floats:
        """Bounding boxes of the turned boxes, float64 (n, 4)."""
        low, high = self.corners_px.min(axis=1), self.corners_px.max(axis=1)
        return np.concatenate([low, high - low], axis=1)

    def _turned(self) -> dict[int, int]:
        if self._rows is None:
            self._rows = {at: row for row, at in enumerate(self.turned_at.tolist())}
        return self._rows

    def _outlines(self) -> dict[int, int]:
        if self._outline_rows is None:
            self._outline_rows = {at: row for row, at in enumerate(self.outlined.at.tolist())}
        return self._outline_rows

    def __len__(self) -> int:
        return len(self.given) + len(self.turned_at) + len(self.outlined.at)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted([*self.given, *self.turned_at.tolist(), *self.outlined.at.tolist()]))

    def __contains__(self, position: object) -> bool:
        return position in self.given or position in self._turned() or position in self._outlines()

    def __getitem__(self, position: int) -> Shape:
        if position in self.given:
            return self.given[position]
        if (outline := self._outlines().get(position)) is not None:
            return self.outlined.shape(outline)
        row = self._turned()[position]
        corners = self.corners_px[row]
        left, top = corners.min(axis=0).tolist()
        right, bottom = corners.max(axis=0).tolist()
        width, height = self.sizes_px[row].tolist()
        return Shape(
            box_xywh_px=(left, top, right - left, bottom - top),
            points_px=corners,
            rle=None,
            width_px=int(width),
            height_px=int(height),
        )
