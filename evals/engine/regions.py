"""Stored results as the arrays that are counted: labels as indices, shapes in pixels.

Plain boxes, by far the most common, are read without building a shape for each; everything else,
and everything odd, goes through `geometry.region_shape`, which names what is wrong. Regions of
other controls (texts, ratings, choices about a region) are no detections and are passed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np

from evals.engine.boxes import Region, Regions, RegionText
from evals.engine.errors import EvaluationError, MissingImageSize
from evals.engine.events import Ints
from evals.engine.geometry import (
    FARTHEST_PCT,
    Floats,
    Shape,
    pixel_boxes,
    region_label,
    region_shape,
)
from evals.engine.matching import Detections, Objects

#: Region types without "labels" that are shapes; of these only three can be compared.
SHAPE_KINDS = frozenset({"rectangle", "polygon", "brush", "ellipse", "keypoint", "vector"})

FAR = FARTHEST_PCT


class UnusableRegion(EvaluationError):
    """A region cannot be evaluated."""

    def __init__(self, image: int, *, is_truth: bool, region: str, reason: str) -> None:
        super().__init__(reason)
        self.image = image
        self.is_truth = is_truth
        self.region = region
        self.reason = reason


class UnknownLabels(EvaluationError):
    """Labels stand in the data that are not among the classes."""

    def __init__(self, labels: set[str]) -> None:
        super().__init__(", ".join(sorted(labels)))
        self.labels = labels


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image as the store has it."""

    truth: Regions
    said: Regions
    #: Of the prediction as a whole, for regions without a score of their own.
    score: float | None


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

    def objects(self) -> Objects:
        """As ground truth."""
        return Objects(image=self.image, label=self.label)

    def detections(self) -> Detections:
        """As detections."""
        return Detections(image=self.image, label=self.label, score=self.score)

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

    def masked_images(self) -> set[int]:
        """Images with a shape that is no axis-aligned box."""
        return {int(self.image[at]) for at, shape in self.shapes.items() if shape.rle is not None}


@dataclass(slots=True)
class GatheredSide:
    """A side while its regions are read."""

    #: One for each shape; the boxes of those in `shapes` are not looked at.
    rows: list[Row] = field(default_factory=list)
    #: By position.
    shapes: dict[int, Shape] = field(default_factory=dict)

    def side(self) -> Side:
        """What was gathered, as arrays."""
        numbers = chain.from_iterable(self.rows)
        # Twice as quick as `asarray`.
        table = np.fromiter(numbers, np.float64, 9 * len(self.rows)).reshape(-1, 9)
        return Side(
            image=table[:, 0].astype(np.int64),
            label=table[:, 1].astype(np.int64),
            score=table[:, 2].copy(),
            boxes_pct=table[:, 3:7],
            sizes_px=table[:, 7:],
            shapes=self.shapes,
        )


def read_shapes(
    images: Sequence[StoredImage], classes: Sequence[str], *, all_shapes: bool = False
) -> tuple[Side, Side]:
    """Ground truth and detections of a chunk, in stored order.

    `all_shapes` reads every region as a shape, as masks are wanted. `UnusableRegion` names the
    first that cannot be read, `UnknownLabels` all labels that are not in `classes`.
    """
    unknown: set[str] = set()
    index = {name: label for label, name in enumerate(classes)}
    truth, said = GatheredSide(), GatheredSide()
    for number, image in enumerate(images):
        for regions, side in ((image.truth, truth), (image.said, said)):
            is_truth = side is truth
            default = 1.0 if is_truth or image.score is None else image.score
            plain = None if all_shapes else _plain_rows(number, regions, index, default)
            if plain is not None:
                side.rows += plain
                continue
            for region in regions:
                if not all_shapes and (row := _box_row(number, region, index, default)):
                    side.rows.append(row)
                    continue
                try:
                    taken = _take_shape(number, region, index, default, image, unknown)
                except EvaluationError as error:
                    raise UnusableRegion(
                        number,
                        is_truth=is_truth,
                        region=_name(region, regions),
                        reason=str(error),
                    ) from error
                if taken is not None:
                    row, side.shapes[len(side.rows)] = taken
                    side.rows.append(row)
    if unknown:
        raise UnknownLabels(unknown)
    return truth.side(), said.side()


def read_choices(
    images: Sequence[StoredImage], classes: Sequence[str]
) -> tuple[list[list[int]], list[list[tuple[int, float]]]]:
    """Labels of each image, and (label, score) pairs said of it, in stored order.

    `UnusableRegion` and `UnknownLabels` as `read_shapes`.
    """
    unknown: set[str] = set()
    index = {name: label for label, name in enumerate(classes)}
    truths, saids = [], []
    for number, image in enumerate(images):
        default = 1.0 if image.score is None else image.score
        sides = []
        for regions in (image.truth, image.said):
            pairs: list[tuple[int, float]] = []
            for region in regions:
                try:
                    pairs += _choices(region, index, default, unknown)
                except EvaluationError as error:
                    raise UnusableRegion(
                        number,
                        is_truth=regions is image.truth,
                        region=_name(region, regions),
                        reason=str(error),
                    ) from error
            sides.append(pairs)
        truths.append([label for label, _ in sides[0]])
        saids.append(sides[1])
    if unknown:
        raise UnknownLabels(unknown)
    return truths, saids


def image_size(image: StoredImage) -> tuple[int, int] | None:
    """Width and height in pixels as the image's first sized region tells; None without one."""
    for regions in (image.truth, image.said):
        for region in regions:
            width, height = region.get("original_width"), region.get("original_height")
            if _is_side(width) and _is_side(height):
                return int(width or 0), int(height or 0)
    return None


def _is_side(length: Any) -> bool:
    return isinstance(length, int | float) and 1 <= length < 2**31


def _plain_rows(
    image: int, regions: Regions, index: Mapping[str, int], default: float
) -> list[Row] | None:
    """All regions, where they are stored as plain boxes of known labels; else None."""
    boxes = regions.boxes() if isinstance(regions, RegionText) else None
    if boxes is None:
        return None
    try:
        return [
            (
                image,
                index[value.rectanglelabels[0]],
                default if box.score is None else box.score,
                value.x,
                value.y,
                value.width,
                value.height,
                box.original_width,
                box.original_height,
            )
            for box in boxes
            for value in (box.value,)
        ]
    except KeyError:
        return None


def _box_row(image: int, region: Region, index: Mapping[str, int], default: float) -> Row | None:
    """A plain labelled box; None for any other region."""
    try:
        value = region["value"]
        label = index[value["rectanglelabels"][0]]
        x, y, width, height = value["x"], value["y"], value["width"], value["height"]
        width_px, height_px = region["original_width"], region["original_height"]
        score = region.get("score")
        if score is None:
            score = default
        # Comparing refuses what is no number, and NaN.
        is_plain = (
            -FAR <= x <= FAR
            and -FAR <= y <= FAR
            and 0 <= width <= FAR
            and 0 <= height <= FAR
            and 1 <= width_px < 2**31
            and 1 <= height_px < 2**31
            and -1e300 < score < 1e300
            and not value.get("rotation")
            and region["type"] == "rectanglelabels"
        )
    except (KeyError, TypeError, IndexError, AttributeError):
        return None
    row = (image, label, score, x, y, width, height, width_px, height_px)
    return row if is_plain else None


def _take_shape(
    number: int,
    region: Region,
    index: Mapping[str, int],
    default: float,
    image: StoredImage,
    unknown: set[str],
) -> tuple[Row, Shape] | None:
    """A shape of any kind; None for a region that is none, or whose label is unknown."""
    if str(region.get("type", "")).removesuffix("labels") not in SHAPE_KINDS:
        return None
    label = _label(region, image)
    if label not in index:
        unknown.add(label)
        return None
    shape = region_shape(_sized(region, image))
    score = _score(region, default)
    return (number, index[label], score, 0, 0, 0, 0, shape.width_px, shape.height_px), shape


def _label(region: Region, image: StoredImage) -> str:
    """The region's label, or that of the region of its id that is nothing but a label."""
    if label := _own_label(region):
        return label
    # <Labels> beside <Rectangle> and the like: two regions of one id, a shape and its label.
    for other in (*image.truth, *image.said):
        is_label = other.get("type") == "labels" and other.get("id") == region.get("id")
        if is_label and (label := _own_label(other)):
            return label
    raise EvaluationError("the region has no label")


def _own_label(region: Region) -> str | None:
    try:
        return region_label(region)
    except (TypeError, KeyError, IndexError, AttributeError):
        return None


def _sized(region: Region, image: StoredImage) -> Region:
    """The region with its image's size, where it lacks one and another region has it."""
    if region.get("original_width") is not None or region.get("original_height") is not None:
        return region
    size = image_size(image)
    if size is None:
        raise MissingImageSize("no region of the image has them")
    return {**region, "original_width": size[0], "original_height": size[1]}


def _score(region: Region, default: float) -> float:
    score = region.get("score")
    if score is None:
        return default
    if isinstance(score, bool) or not isinstance(score, int | float) or not abs(score) < 1e300:
        raise EvaluationError(f"score is {score!r}")
    return float(score)


def _choices(
    region: Region, index: Mapping[str, int], default: float, unknown: set[str]
) -> list[tuple[int, float]]:
    value = region.get("value")
    if region.get("type") != "choices" or not isinstance(value, Mapping):
        return []
    chosen = value.get("choices")
    names = [chosen] if isinstance(chosen, str) else chosen
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise EvaluationError("choices are not a list of texts")
    score = _score(region, default)
    unknown.update(name for name in names if name not in index)
    return [(index[name], score) for name in names if name in index]


def _name(region: Region, regions: Regions) -> str:
    """How a person finds the region: by its id, or its place in the result."""
    place = next(n for n, other in enumerate(regions) if other is region)
    identity = region.get("id") if isinstance(region, Mapping) else None
    return f"{place} (id {identity})" if identity else str(place)
