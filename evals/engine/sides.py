"""Ground truth or detections of a chunk of images as arrays, and while they are gathered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np

from evals.engine.events import Ints
from evals.engine.matching import Detections, Objects
from evals.engine.notes import Notes
from evals.engine.overlaps.drawn import Drawn, Outlined, Shapes
from predictions.regions.geometry import (
    PIXEL_DECIMALS,
    Bools,
    Floats,
    Rle,
    Shape,
    pixel_boxes,
    shape_rle,
)
from predictions.regions.labels import meta_of, read_area, read_crowd

#: Place of the image, label, score; x, y, width, height in per cent; width and height of the image.
Row = tuple[int, int, float, float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Side:
    """Ground truth or detections of a chunk, a position for each shape."""

    #: int64 (n,), never falling.
    image: Ints
    #: int64 (n,).
    label: Ints
    #: float64 (n,).
    score: Floats
    #: float64 (n, 4): x, y, width, height.
    boxes_pct: Floats
    #: float64 (n, 2): width and height of the image.
    sizes_px: Floats
    #: Shapes that did not go the quick way, by position.
    shapes: Shapes
    #: Where its region stands in the stored result, by position; for others, counted by image.
    regions: Mapping[int, int]
    #: Positions of regions that stand for many objects; and the area of an object in square pixels,
    #: where the data tells it. Of ground truth alone.
    crowds: frozenset[int] = frozenset()
    areas: Mapping[int, float] = field(default_factory=dict)

    def objects(self) -> Objects:
        """As ground truth."""
        is_crowd = self.is_crowd() if self.crowds else None
        return Objects(image=self.image, label=self.label, is_ignored=is_crowd)

    def detections(self, is_ignored: Bools | None = None) -> Detections:
        """As detections."""
        return Detections(
            image=self.image, label=self.label, score=self.score, is_ignored=is_ignored
        )

    def is_turned(self) -> Bools:
        """Which are turned boxes, bool (n,)."""
        flags = np.zeros(len(self.image), dtype=np.bool_)
        flags[[at for at, shape in self.shapes.given.items() if shape.is_turned]] = True
        flags[self.shapes.turned_at] = True
        return flags

    def is_crowd(self) -> Bools:
        """Which stand for many objects, bool (n,)."""
        flags = np.zeros(len(self.image), dtype=np.bool_)
        flags[list(self.crowds)] = True
        return flags

    def boxes_px(self) -> Floats:
        """Bounding boxes in pixels, float64 (n, 4)."""
        boxes = pixel_boxes(self.boxes_pct, self.sizes_px)
        given = self.shapes.given
        if given:
            boxes[list(given)] = [shape.box_xywh_px for shape in given.values()]
        if len(self.shapes.turned_at):
            boxes[self.shapes.turned_at] = self.shapes.turned_boxes_px()
        boxes[self.shapes.outlined.at] = self.shapes.outlined.boxes_px
        return boxes

    def n_masks(self) -> int:
        """How many shapes are outlines or masks, and no boxes."""
        shapes = self.shapes
        return len(shapes.outlined.at) + sum(one.rle is not None for one in shapes.given.values())

    def n_outside(self, boxes_px: Floats) -> int:
        """How many shapes lie wholly outside of their image; those that cover nothing do not.

        `boxes_px` as given by the method of that name.
        """
        low, high = boxes_px[:, :2], boxes_px[:, :2] + boxes_px[:, 2:]
        is_outside = ((low >= self.sizes_px) | (high <= 0)).any(axis=1)
        return int((is_outside & (boxes_px[:, 2:] > 0).any(axis=1)).sum())

    def reach_pct(self, boxes_px: Floats) -> float:
        """The largest x, y, width or height of a shape that covers something, in per cent of the
        image and at most 100; 0 without any. `boxes_px` as given by the method of that name.
        """
        covers = (boxes_px[:, 2:] > 0).any(axis=1)
        places = np.abs(boxes_px[covers].reshape(-1, 2, 2)) / self.sizes_px[covers, None] * 100
        return min(float(places.max(initial=0)), 100.0)

    def turned_corners_px(self) -> tuple[Ints, Floats]:
        """Turned boxes: int64 (n,) positions and float64 (n, 4, 2) corners."""
        shapes = self.shapes
        mine = {at: one.points_px for at, one in shapes.given.items() if one.is_turned}
        if not mine:
            return shapes.turned_at, shapes.corners_px
        return (
            np.concatenate([np.array(list(mine)), shapes.turned_at]),
            np.concatenate([np.array(list(mine.values())), shapes.corners_px]),
        )

    def shape(self, position: int, boxes_px: Floats) -> Shape:
        """The shape at a position; `boxes_px` as given by the method of that name."""
        if position in self.shapes:
            return self.shapes[position]
        width, height = self.sizes_px[position].tolist()
        x, y, w, h = boxes_px[position].tolist()
        return Shape(
            box_xywh_px=(x, y, w, h),
            points_px=None,
            rle=None,
            width_px=int(width),
            height_px=int(height),
        )

    def all_shapes(self, boxes_px: Floats) -> list[Shape]:
        """Every shape, in order; `boxes_px` as for `shape`."""
        return [self.shape(at, boxes_px) for at in range(len(self.image))]

    def rles(self, boxes_px: Floats) -> list[Rle]:
        """The mask of every shape, in order; `boxes_px` as for `shape`."""
        outlined = self.shapes.outlined
        painted = outlined.rles(np.arange(len(outlined.at)))
        if len(painted) == len(self.image):
            return painted
        found = dict(zip(outlined.at.tolist(), painted, strict=True))
        return [
            found[at] if at in found else shape_rle(self.shape(at, boxes_px))
            for at in range(len(self.image))
        ]

    def spans(self, n_images: int) -> list[range]:
        """The positions of each image's shapes."""
        starts = np.searchsorted(self.image, np.arange(n_images + 1)).tolist()
        return [range(*ends) for ends in pairwise(starts)]

    def region(self, position: int) -> int:
        """Where the region of a shape stands in the stored result."""
        if position in self.regions:
            return self.regions[position]
        return position - int(np.searchsorted(self.image, self.image[position]))

    def boxed(self) -> Bools:
        """Which are boxes, turned or not, bool (n,)."""
        flags = np.ones(len(self.image), dtype=np.bool_)
        flags[[at for at, one in self.shapes.given.items() if one.rle is not None]] = False
        flags[self.shapes.outlined.at] = False
        return flags

    def masked(self, n_images: int) -> Bools:
        """Which images have a shape that is no box, bool (n_images,)."""
        flags = np.zeros(n_images, dtype=np.bool_)
        flags[self.image[~self.boxed()]] = True
        return flags

    def has_turned(self) -> bool:
        """Whether any is a turned box."""
        shapes = self.shapes
        return len(shapes.turned_at) > 0 or any(one.is_turned for one in shapes.given.values())


def note_forms(sides: tuple[Side, Side], notes: Notes) -> None:
    """Counts the outlines and masks of both sides, truth first, and the regions of images and
    classes that one side has as boxes alone and the other as outlines alone; crowds are of no form.
    """
    notes.masks = [side.n_masks() for side in sides]
    if not any(notes.masks):
        return
    n_labels = max(int(side.label.max(initial=0)) for side in sides) + 1
    keys = [(side.image * n_labels + side.label)[~side.is_crowd()] for side in sides]
    boxed = [side.boxed()[~side.is_crowd()] for side in sides]
    boxes, outlines = (
        [np.setdiff1d(of[is_one], of[~is_one]) for of, is_one in zip(keys, forms, strict=True)]
        for forms in (boxed, [~one for one in boxed])
    )
    apart = [np.intersect1d(boxes[at], outlines[not at]) for at in range(2)]
    notes.beside_outlines = int(sum(np.isin(of, np.concatenate(apart)).sum() for of in keys))


@dataclass(slots=True)
class GatheredSide:
    """A side while its regions are read."""

    #: One for each shape; the boxes of those in `shapes` are not looked at.
    rows: list[Row] = field(default_factory=list)
    #: By position.
    shapes: dict[int, Shape] = field(default_factory=dict)
    #: Of results with turned boxes, and with outlines: where its shapes begin, which of them these
    #: are, and where they begin among all that are drawn.
    turned: list[tuple[int, list[int], int]] = field(default_factory=list)
    outlined: list[tuple[int, list[int], int]] = field(default_factory=list)
    regions: dict[int, int] = field(default_factory=dict)
    crowds: set[int] = field(default_factory=set)
    areas: dict[int, float] = field(default_factory=dict)
    #: Objects of which the data says something of that which is no answer.
    n_unread: int = 0

    def take(
        self, at: int, row: Row, told: Mapping[str, Any], partners: Sequence[Any] = ()
    ) -> None:
        """The next shape: its region stands at `at` in the result; `told`, and the entries of its
        label, are what may say more.
        """
        position = len(self.rows)
        self.regions[position] = at
        self.rows.append(row)
        meta = meta_of(told, partners)
        if meta:
            self.tell(position, meta.get("iscrowd"), meta.get("area"))

    def tell(self, position: int, is_crowd: Any, area: Any) -> None:
        """Takes in what the data says of an object; what is no answer says nothing, and is counted
        in `n_unread`.
        """
        is_one = read_crowd(is_crowd)
        if is_one:
            self.crowds.add(position)
        if (known := read_area(area)) is not None:
            self.areas[position] = known
        self.n_unread += is_one is None or (known is None and area not in (None, ""))

    def table(self) -> Floats:
        """The rows as an array, float64 (n, 9)."""
        numbers = chain.from_iterable(self.rows)
        # Twice as quick as `asarray`.
        return np.fromiter(numbers, np.float64, 9 * len(self.rows)).reshape(-1, 9)

    def side(self, table: Floats | None = None, drawn: Drawn | None = None) -> Side:
        """What was gathered, as arrays; `drawn` has what `turned` and `outlined` tell of."""
        table = self.table() if table is None else table
        drawn = drawn or Drawn()
        sizes_px = table[:, 7:]
        at, places = _positions(self.turned)
        corners, is_quarter = drawn.corners_px[places], drawn.is_quarter[places]
        self.shapes.update(_upright(at[is_quarter], corners[is_quarter], sizes_px))
        at, corners = at[~is_quarter], corners[~is_quarter]
        shapes = Shapes(self.shapes, at, corners, sizes_px[at], self._outlined(sizes_px, drawn))
        return Side(
            image=table[:, 0].astype(np.int64),
            label=table[:, 1].astype(np.int64),
            score=table[:, 2].copy(),
            boxes_pct=table[:, 3:7],
            sizes_px=sizes_px,
            shapes=shapes,
            regions=self.regions,
            crowds=frozenset(self.crowds),
            areas=self.areas,
        )

    def _outlined(self, sizes_px: Floats, drawn: Drawn) -> Outlined:
        at, places = _positions(self.outlined)
        order = np.argsort(at)
        at, places = at[order], places[order]
        points = [drawn.points_px[n] for n in places.tolist()]
        return Outlined(at, points, drawn.boxes_px[places], sizes_px[at], drawn.covered_px[places])


def _positions(gathered: Sequence[tuple[int, list[int], int]]) -> tuple[Ints, Ints]:
    """The positions of the shapes of `GatheredSide.turned` or `outlined`, and their places among
    all that are drawn: int64 (n,) each.
    """
    lengths = np.array([len(rows) for _, rows, _ in gathered], dtype=np.int64)
    n = int(lengths.sum())
    rows = np.fromiter(chain.from_iterable(rows for _, rows, _ in gathered), np.int64, n)
    firsts, places = (
        np.repeat(np.array([one[which] for one in gathered], dtype=np.int64), lengths)
        for which in (0, 2)
    )
    before = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return firsts + rows, places + np.arange(n) - before


def _upright(at: Ints, corners_px: Floats, sizes_px: Floats) -> Iterator[tuple[int, Shape]]:
    """Boxes that are turned by quarters, which is upright, by their positions."""
    low, high = corners_px.min(axis=1), corners_px.max(axis=1)
    boxes = np.round(np.concatenate([low, high - low], axis=1), PIXEL_DECIMALS)
    for position, (x, y, width, height) in zip(at.tolist(), boxes.tolist(), strict=True):
        image_width, image_height = sizes_px[position].tolist()
        yield (
            position,
            Shape(
                box_xywh_px=(x, y, width, height),
                points_px=None,
                rle=None,
                width_px=int(image_width),
                height_px=int(image_height),
            ),
        )
