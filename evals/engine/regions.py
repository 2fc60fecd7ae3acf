"""Stored results as the arrays that are counted: labels as indices, shapes in pixels.

Plain boxes, by far the most common, are read without building a shape for each; everything else,
and everything odd, goes through `shapes.region_shape`. What is not read is noted with its reason:
regions of other controls, and regions whose label, score or geometry is unusable.

An image has one size: that of the first ground-truth region with one, else the task's, else that of
the first predicted region. Percentages of both sides are of the same picture, whatever size each
tells.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from evals.engine.boxes import Box, Region, Regions, RegionText, StoredImage
from evals.engine.columns.geometry import Found, Geometry
from evals.engine.columns.results import ShapeColumns, terms_of
from evals.engine.errors import UnknownLabels
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from evals.engine.region_rows import (
    UNSIZED_PX,
    UNSIZED_RASTER_PX,
    box_row,
    compared_shapes,
    has_odd_size,
    identity_of,
    image_size,
    is_at,
)
from evals.engine.sides import GatheredSide, Row, Side, note_forms
from predictions.regions.controls import shape_of
from predictions.regions.errors import GeometryError, TooMuchToDraw
from predictions.regions.geometry import STEPS_OF_IMAGE, Allowance, Floats, Shape, Size
from predictions.regions.labels import Partners, PassedOver, Reason, region_labels, region_score
from predictions.regions.shapes import RATIO_TOLERANCE, own_size, region_shape


def read_shapes(
    images: Sequence[StoredImage],
    classes: Sequence[str],
    *,
    reading: Reading | None = None,
    all_shapes: bool = False,
    with_masks: bool = False,
    notes: Notes | None = None,
    most_steps: float = math.inf,
) -> tuple[Side, Side]:
    """Ground truth and detections of a chunk, in stored order; what is not read goes to `notes`.

    `all_shapes` reads every region as a shape, as masks are wanted; `with_masks` says that boxes
    are compared with masks somewhere. `UnknownLabels` names all labels that are not in `classes`.
    `most_steps` is what rasterising all images together may take, else `TooMuchToDraw`; a region
    beyond what one image may take is not read.
    """
    reader = _Reader(reading or Reading(), classes, notes or Notes())
    reader.all_shapes = all_shapes
    reader.with_masks = with_masks or all_shapes
    for number in reader.take_all(images):
        if reader.steps > most_steps:
            raise TooMuchToDraw(f"{number + 1} of {len(images)} images took {reader.steps:,} steps")
    return reader.sides(len(images))


class _Reader:
    """Reads images one after the other."""

    all_shapes = False
    with_masks = False

    def __init__(self, reading: Reading, classes: Sequence[str], notes: Notes) -> None:
        self.reading = reading
        self.index = reading.index(classes, notes.mapped)
        self.notes = notes
        self.asks_names = reading.asks_names
        self.unknown: set[str] = set()
        self.truth, self.predicted = GatheredSide(), GatheredSide()
        #: What rasterising took so far, and what it may take of the image at hand.
        self.steps, self.allowance = 0, Allowance()
        #: Sizes of images that were not read the quick way.
        self.sizes: dict[int, Size] = {}
        #: Of those, what was read as columns: both sides, None for one that was not.
        self.found: dict[int, list[Found | None]] = {}
        self.geometry: Geometry | None = None

    def take_all(self, images: Sequence[StoredImage]) -> Iterator[int]:
        """Takes the images in, one by one: plain boxes up to the first image that has something
        else, then as columns, and each region for itself where that does not go.
        """
        is_plain = not self.all_shapes
        for number, image in enumerate(images):
            if not is_plain or not self._take_boxes(number, image):
                if is_plain or number == 0:
                    self._look(images, number)
                    is_plain = False
                self._take(number, image)
            yield number

    def _take_boxes(self, number: int, image: StoredImage) -> bool:
        """An image that has nothing but plain boxes; False for any other."""
        default = 1.0 if image.score is None else image.score
        truth = self._plain(number, image, image.truth, 1.0)
        if truth is None:
            return False
        predicted = self._plain(number, image, image.predicted, default)
        if predicted is None:
            return False
        self.truth.rows += truth
        self.predicted.rows += predicted
        if image.told_size is not None and not truth:
            self.sizes[number] = image.told_size
        return True

    def _look(self, images: Sequence[StoredImage], start: int) -> None:
        """Reads the images from the first on as columns, where that goes."""
        columns = ShapeColumns()
        terms = terms_of(self.reading, self.index, self.all_shapes)
        for number, image in enumerate(images[start:], start=start):
            if image.place is not None:
                continue
            default = 1.0 if image.score is None else image.score
            found = [
                columns.read(number, regions, terms, score, is_truth=is_truth)
                for regions, is_truth, score in (
                    (image.truth, True, 1.0),
                    (image.predicted, False, default),
                )
            ]
            if found == [None, None]:
                continue
            self.found[number] = found
            self.sizes[number] = _size(image, *found) or self._unsized(number, image)
        self.geometry = columns.worked_out(self.sizes)

    def _take(self, number: int, image: StoredImage) -> None:
        found, geometry = self.found.pop(number, [None, None]), self.geometry
        steps = sum(geometry.steps(one) for one in found if one) if geometry else 0
        if steps > STEPS_OF_IMAGE:
            found, steps = [None, None], 0
        if number not in self.sizes:
            if self._take_boxes(number, image):
                return
            self.sizes[number] = image_size(image) or self._unsized(number, image)
        size = self.sizes[number]
        default = 1.0 if image.score is None else image.score
        self.allowance = Allowance(STEPS_OF_IMAGE - int(steps))
        sides = (self.truth, 1.0), (self.predicted, default)
        for (side, score), one in zip(sides, found, strict=True):
            if one is None or geometry is None:
                self._take_regions(number, image, side, size, score)
            else:
                self._take_columns(number, side, one, geometry)
        self.steps += STEPS_OF_IMAGE - self.allowance.left

    def _take_columns(
        self, number: int, side: GatheredSide, found: Found, geometry: Geometry
    ) -> None:
        """The regions of one side, read together."""
        is_truth = side is self.truth
        first = len(side.rows)
        side.rows += found.rows
        if found.places and found.places[-1] >= len(found.places):
            side.regions.update(enumerate(found.places, start=first))
        side.outlined += [(first, rows, place) for rows, place in geometry.outlined(found)]
        if found.turned:
            side.turned.append((first, found.turned, found.starts[0]))
        if is_truth:
            for row, meta in found.told:
                side.tell(first + row, meta.iscrowd, meta.area)
        for kind, id_, place in found.others:
            region = place if id_ is None or id_ == "" else id_
            self._ignore(Reason.OTHER_CONTROL, number, kind, region, is_truth=is_truth)

    def sides(self, n_images: int) -> tuple[Side, Side]:
        """What was read, every shape on its image's one size."""
        if self.unknown:
            raise UnknownLabels(self.unknown)
        tables = self.truth.table(), self.predicted.table()
        self._settle_sizes(tables, n_images)
        self.notes.read, self.notes.unread_meta = list(map(len, tables)), self.truth.n_unread
        scores = tables[1][:, 2]
        self.notes.odd_scores += int(((scores < 0) | (scores > 1)).sum())
        drawn = self.geometry.drawn() if self.geometry else None
        sides = self.truth.side(tables[0], drawn), self.predicted.side(tables[1], drawn)
        for at, side in enumerate(sides):
            boxes_px = side.boxes_px()
            self.notes.outside += side.n_outside(boxes_px)
            self.notes.reach_pct[at] = side.reach_pct(boxes_px)
        note_forms(sides, self.notes)
        return sides

    def _settle_sizes(self, tables: tuple[Floats, Floats], n_images: int) -> None:
        sizes = np.ones((n_images, 2))
        for table in reversed(tables):
            # The first row of each image.
            at = np.flatnonzero(np.diff(table[:, 0], prepend=-1))
            sizes[table[at, 0].astype(np.int64)] = table[at, 7:]
        if self.sizes:
            sizes[list(self.sizes)] = list(self.sizes.values())
        for table in tables:
            of_image = sizes[table[:, 0].astype(np.int64)]
            ratios = table[:, 7] * of_image[:, 1] / (table[:, 8] * of_image[:, 0])
            self.notes.other_ratio += int((np.abs(ratios - 1) > RATIO_TOLERANCE).sum())
            table[:, 7:] = of_image

    def _unsized(self, number: int, image: StoredImage) -> Size:
        """The size that is taken for an image whose regions tell none."""
        n_regions, n_masks = compared_shapes(image, self.reading.shapes)
        if n_regions:
            self.notes.unsized[number] = n_regions
        return UNSIZED_RASTER_PX if self.with_masks or n_masks else UNSIZED_PX

    def _plain(
        self, number: int, image: StoredImage, regions: Regions, default: float
    ) -> list[Row] | None:
        """All regions, where they are stored as plain boxes of known labels; else None."""
        if not isinstance(regions, RegionText):
            # A task without a prediction.
            return None if regions or self.all_shapes else []
        if self.all_shapes:
            return None
        if self.asks_names:
            return self._named(number, image, regions, default)
        boxes = regions.boxes()
        if boxes is None:
            return None
        index = self.index
        try:
            rows: list[Row] = [
                (
                    number,
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
        if regions is image.truth:
            self._tell(boxes)
        return rows

    def _tell(self, boxes: Sequence[Box]) -> None:
        """What the ground truth says of its objects beside where they are; they come next."""
        for place, box in enumerate(boxes, start=len(self.truth.rows)):
            if box.meta is not None:
                self.truth.tell(place, box.meta.iscrowd, box.meta.area)

    def _named(
        self, number: int, image: StoredImage, regions: RegionText, default: float
    ) -> list[Row] | None:
        """As `_plain`, of those boxes alone that are of this image and of a control that is read.

        None as well where boxes are of other controls, which is noted in the way for everything.
        """
        boxes = regions.named_boxes()
        if boxes is None:
            return None
        is_truth = regions is image.truth
        mine = boxes if image.place is None else [box for box in boxes if is_at(image.place, box)]
        has_strays = len(mine) < len(boxes) and image.n_of_task
        if has_strays or any(self.reading.skips(box.from_name, is_truth=is_truth) for box in mine):
            return None
        if any(box.value.rectanglelabels[0] not in self.index for box in mine):
            return None
        side = self.truth if is_truth else self.predicted
        places = {id(box): at for at, box in enumerate(boxes)}
        rows: list[Row] = []
        for box in mine:
            value, label = box.value, self.index[box.value.rectanglelabels[0]]
            side.regions[len(side.rows) + len(rows)] = places[id(box)]
            score = default if box.score is None else box.score
            place = value.x, value.y, value.width, value.height
            rows.append((number, label, score, *place, box.original_width, box.original_height))
        if is_truth:
            self._tell(mine)
        return rows

    def _take_regions(
        self, number: int, image: StoredImage, side: GatheredSide, size: Size, default: float
    ) -> None:
        """The regions of one side, each for itself."""
        is_truth = side is self.truth
        regions = image.truth if is_truth else image.predicted
        partners: Partners | None = None
        for at, region in enumerate(regions):
            if image.place is not None and not image.place.holds(region):
                if self.reading.is_nowhere(region, image.n_of_task):
                    self._tell_of_nowhere(number, region, at, is_truth=is_truth)
                continue
            if self.reading.has_keypoints and shape_of(region.get("type")) == "keypoint":
                # Part of another shape.
                continue
            if not self.all_shapes and (row := box_row(number, region, self.index, size, default)):
                is_skipped = self.asks_names and self.reading.skips(
                    region.get("from_name"), is_truth=is_truth
                )
                if not is_skipped:
                    side.take(at, row, region if is_truth else {})
                    continue
            if partners is None:
                partners = Partners(regions)
            try:
                taken = self._shape(number, region, partners, size, default, is_truth=is_truth)
            except PassedOver as passed:
                self._pass_over(passed.reason, number, region, at, is_truth=is_truth)
                continue
            except GeometryError:
                self._pass_over(Reason.NO_GEOMETRY, number, region, at, is_truth=is_truth)
                continue
            if taken is not None:
                row, side.shapes[len(side.rows)] = taken
                beside = partners.of(region) if is_truth else []
                side.take(at, row, region if is_truth else {}, beside)

    def _tell_of_nowhere(self, image: int, region: Region, at: int, *, is_truth: bool) -> None:
        is_compared = shape_of(region.get("type")) in self.reading.shapes
        self.notes.ignore(
            Reason.OTHER_CONTROL,
            is_truth=is_truth,
            image=image,
            region=identity_of(region, at),
            was_meant=is_compared and self.reading.means(region, is_truth=is_truth),
        )

    def _pass_over(
        self, reason: Reason, image: int, region: Region, at: int, *, is_truth: bool
    ) -> None:
        self._ignore(reason, image, region.get("type"), identity_of(region, at), is_truth=is_truth)

    def _ignore(
        self, reason: Reason, image: int, kind: object, region: Any, *, is_truth: bool
    ) -> None:
        shape = shape_of(kind)
        was_meant = shape is not None
        if reason is Reason.OTHER_CONTROL:
            # Of another kind than is compared; another control's is simply not there.
            was_meant &= shape not in self.reading.shapes and not self.reading.is_strict
        if reason is Reason.OTHER_CLASS:
            was_meant = False
        self.notes.ignore(
            reason, is_truth=is_truth, image=image, region=region, was_meant=was_meant
        )

    def _shape(
        self,
        number: int,
        region: Region,
        partners: Partners,
        size: Size,
        default: float,
        *,
        is_truth: bool,
    ) -> tuple[Row, Shape] | None:
        """A shape of any kind; None for what is no region of its own, or of an unknown label.

        `PassedOver` or `GeometryError` says why it is not read.
        """
        # Whatever was stored: a list has no hash.
        kind = str(region.get("type"))
        if kind == "relation" or (kind in {"labels", "choices"} and partners.has_shape(region)):
            return None
        is_skipped = self.reading.skips(region.get("from_name"), is_truth=is_truth)
        if is_skipped or shape_of(kind) not in self.reading.shapes:
            raise PassedOver(Reason.OTHER_CONTROL)
        others = partners.of(region)
        labels = region_labels(region, others, self.reading.unlabelled)
        shape = region_shape(region, size, allowance=self.allowance)
        # A truth is no more or less sure: what a model left in it does not matter.
        score = default if is_truth else region_score(region, others, default)
        place = self.reading.class_of(labels[0], self.index, self.unknown)
        if place is None:
            return None
        self.notes.more_labels += len(labels) > 1
        self.notes.unread_sizes += has_odd_size(region)
        own = own_size(region) or size
        return (number, place, score, 0, 0, 0, 0, *own), shape


def _size(image: StoredImage, truth: Found | None, predicted: Found | None) -> Size | None:
    """As `image_size`, without reading again what was read as columns; None for what was not."""
    if truth is None or image.elsewhere:
        return image_size(image)
    told = truth.size or image.told_size
    if told is None and predicted is None:
        return image_size(image)
    return told or (predicted.size if predicted else None)
