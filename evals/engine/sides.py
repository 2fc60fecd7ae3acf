"""Ground truth or detections of a chunk of images as arrays, and while they are gathered."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np

from evals.engine.events import Ints
from evals.engine.matching import Detections, Objects
from predictions.regions.geometry import Bools, Floats, Shape, pixel_boxes
from predictions_api.http.storable import is_number

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
    shapes: Mapping[int, Shape]
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
        flags[[at for at, shape in self.shapes.items() if shape.is_turned]] = True
        return flags

    def is_crowd(self) -> Bools:
        """Which stand for many objects, bool (n,)."""
        flags = np.zeros(len(self.image), dtype=np.bool_)
        flags[list(self.crowds)] = True
        return flags

    def boxes_px(self) -> Floats:
        """Bounding boxes in pixels, float64 (n, 4)."""
        boxes = pixel_boxes(self.boxes_pct, self.sizes_px)
        for position, shape in self.shapes.items():
            boxes[position] = shape.box_xywh_px
        return boxes

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

    def spans(self, n_images: int) -> list[range]:
        """The positions of each image's shapes."""
        starts = np.searchsorted(self.image, np.arange(n_images + 1)).tolist()
        return [range(*ends) for ends in pairwise(starts)]

    def region(self, position: int) -> int:
        """Where the region of a shape stands in the stored result."""
        if position in self.regions:
            return self.regions[position]
        return position - int(np.searchsorted(self.image, self.image[position]))

    def masked_images(self) -> set[int]:
        """Images with a shape that is no box."""
        return {int(self.image[at]) for at, shape in self.shapes.items() if shape.rle is not None}

    def has_turned(self) -> bool:
        """Whether any is a turned box."""
        return any(shape.is_turned for shape in self.shapes.values())


@dataclass(slots=True)
class GatheredSide:
    """A side while its regions are read."""

    #: One for each shape; the boxes of those in `shapes` are not looked at.
    rows: list[Row] = field(default_factory=list)
    #: By position.
    shapes: dict[int, Shape] = field(default_factory=dict)
    regions: dict[int, int] = field(default_factory=dict)
    crowds: set[int] = field(default_factory=set)
    areas: dict[int, float] = field(default_factory=dict)

    def take(self, at: int, row: Row, told: Mapping[str, Any]) -> None:
        """The next shape: its region stands at `at` in the result, `told` is what may say more."""
        position = len(self.rows)
        self.regions[position] = at
        self.rows.append(row)
        meta = told.get("meta")
        if isinstance(meta, Mapping):
            self.tell(position, meta.get("iscrowd"), meta.get("area"))

    def tell(self, position: int, is_crowd: Any, area: Any) -> None:
        """Takes in what the data says of an object; what is no answer says nothing."""
        if isinstance(is_crowd, int | float) and is_crowd == 1:
            self.crowds.add(position)
        if is_number(area) and 0 <= area < math.inf:
            self.areas[position] = float(area)

    def table(self) -> Floats:
        """The rows as an array, float64 (n, 9)."""
        numbers = chain.from_iterable(self.rows)
        # Twice as quick as `asarray`.
        return np.fromiter(numbers, np.float64, 9 * len(self.rows)).reshape(-1, 9)

    def side(self, table: Floats | None = None) -> Side:
        """What was gathered, as arrays."""
        table = self.table() if table is None else table
        return Side(
            image=table[:, 0].astype(np.int64),
            label=table[:, 1].astype(np.int64),
            score=table[:, 2].copy(),
            boxes_pct=table[:, 3:7],
            sizes_px=table[:, 7:],
            shapes=self.shapes,
            regions=self.regions,
            crowds=frozenset(self.crowds),
            areas=self.areas,
        )
