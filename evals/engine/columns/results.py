"""Results of labelled boxes, turned or not, polygons and ellipses, read as columns.

They are read in three steps: each result is parsed and checked at once, the geometry of all of them
is worked out together, and an image is taken in only then. A result with anything else in it, or
anything odd, is not read here: its regions are read each for itself, to the same numbers.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Annotated

import msgspec
import numpy as np

from evals.engine.boxes import BoxMeta, Label, Length, Percent, Regions, RegionText, Score
from evals.engine.columns.geometry import (
    Found,
    Geometry,
    ellipses,
    outlines,
    polygons,
    turned_corners,
)
from evals.engine.reading import Reading
from predictions.regions.geometry import Size
from predictions.regions.shapes import LEAST_TURN_DEG

Pixels = Annotated[float, msgspec.Meta(ge=1, le=2**31 - 1)]
OneLabel = Annotated[list[Label], msgspec.Meta(min_length=1, max_length=1)]
Points = Annotated[list[tuple[Percent, Percent]], msgspec.Meta(min_length=3)]


class BoxPlace(msgspec.Struct, gc=False):
    """A box in per cent of its image, turned by degrees, and its one label."""

    x: Percent
    y: Percent
    width: Length
    height: Length
    rectanglelabels: OneLabel
    rotation: float | None = None


class PolygonPlace(msgspec.Struct, gc=False):
    """An outline in per cent of its image, and its one label."""

    points: Points
    polygonlabels: OneLabel


class EllipsePlace(msgspec.Struct, gc=False):
    """Centre and half axes in per cent of its image, turned by degrees, and its one label."""

    x: Percent
    y: Percent
    radiusX: Percent
    radiusY: Percent
    ellipselabels: OneLabel
    rotation: float | None = None


class _Told(msgspec.Struct, gc=False, tag_field="type"):
    """What a region says beside its value."""

    original_width: Pixels
    original_height: Pixels
    score: Score | None = None
    meta: BoxMeta | None = None
    id: str | int | None = None
    from_name: str | None = None


class ToldBox(_Told, gc=False, kw_only=True, tag="rectanglelabels"):
    value: BoxPlace


class ToldPolygon(_Told, gc=False, kw_only=True, tag="polygonlabels"):
    value: PolygonPlace


class ToldEllipse(_Told, gc=False, kw_only=True, tag="ellipselabels"):
    value: EllipsePlace


class ToldPoint(_Told, gc=False, kw_only=True, tag="keypointlabels"):
    """A key point, which is part of another shape."""


Told = ToldBox | ToldPolygon | ToldEllipse | ToldPoint
DECODER = msgspec.json.Decoder(list[Told])


@dataclass(frozen=True, slots=True)
class Terms:
    """What regions are read as."""

    index: Mapping[str, int]
    #: Kinds of shape that are compared.
    shapes: frozenset[str]
    #: Whether upright boxes are shapes like all others, and whether they are of any control.
    all_shapes: bool
    is_any_box: bool
    #: Whether key points are parts of the boxes.
    has_keypoints: bool
    #: Whether a region of that control is passed over: its name, and whether it is ground truth.
    skips: Callable[[str | None, bool], bool]


def terms_of(reading: Reading, index: Mapping[str, int], all_shapes: bool) -> Terms:
    """Regions as this reading has them, of these classes by their labels."""
    return Terms(
        index=index,
        shapes=reading.shapes,
        all_shapes=all_shapes,
        is_any_box=not reading.asks_names,
        has_keypoints=reading.has_keypoints,
        skips=cache(lambda name, is_truth: reading.skips(name, is_truth=is_truth)),
    )


class ShapeColumns:
    """The geometry of a chunk's results: gathered, worked out at once, and looked up."""

    def __init__(self) -> None:
        self._turned: list[tuple[float, ...]] = []
        self._turns: list[float] = []
        # The numbers of all points, as they are read: later they are no longer in the cache.
        self._points = array("d")
        self._lengths: list[int] = []
        self._ellipses: list[tuple[float, ...]] = []
        self._ellipse_turns: list[float] = []
        #: Of each result the image, and how many turned boxes, polygons and ellipses it has.
        self._results: list[tuple[int, int, int, int]] = []

    def read(
        self, number: int, stored: Regions, terms: Terms, default: float, *, is_truth: bool
    ) -> Found | None:
        """One side of an image; None where any region has to be read for itself."""
        if not isinstance(stored, RegionText):
            # A task without a prediction.
            return None if stored else Found()
        try:
            regions = DECODER.decode(stored.text)
        except (msgspec.DecodeError, RecursionError):
            return None
        found = Found(starts=(len(self._turned), len(self._lengths), len(self._ellipses)))
        if regions:
            found.size = regions[0].original_width, regions[0].original_height
        try:
            self._take(number, regions, found, terms, default, is_truth)
        except KeyError:
            self._forget(found)
            return None
        lengths = len(found.turned), len(found.polygons), len(found.ellipses)
        self._results.append((number, *lengths))
        return found

    def _take(
        self,
        number: int,
        regions: Sequence[Told],
        found: Found,
        terms: Terms,
        default: float,
        is_truth: bool,
    ) -> None:
        """The regions of a result. KeyError for one whose label is not among the classes.

        In one loop without calls of its own: there are forty regions to an image.
        """
        index, shapes, skips, all_shapes = terms.index, terms.shapes, terms.skips, terms.all_shapes
        rows, places = found.rows, found.places
        for place, region in enumerate(regions):
            score = region.score
            if score is None:
                score = default
            if type(region) is ToldBox:
                box = region.value
                turn = box.rotation or 0.0
                # Most are looked at by comparing alone.
                if not (all_shapes or 1 <= turn <= 359) and (
                    not turn or abs(math.remainder(turn, 360)) < LEAST_TURN_DEG
                ):
                    if not terms.is_any_box and skips(region.from_name, is_truth):
                        found.others.append(("rectanglelabels", region.id, place))
                        continue
                    row = (
                        number, index[box.rectanglelabels[0]], score,
                        box.x, box.y, box.width, box.height,
                        region.original_width, region.original_height,
                    )  # fmt: skip
                    if region.meta is not None:
                        found.told.append((len(rows), region.meta))
                    rows.append(row)
                    places.append(place)
                    continue
                if "rectangle" not in shapes or skips(region.from_name, is_truth):
                    found.others.append(("rectanglelabels", region.id, place))
                    continue
                label = index[box.rectanglelabels[0]]
                self._turned.append((box.x, box.y, box.width, box.height))
                self._turns.append(turn)
                found.turned.append(len(rows))
            elif type(region) is ToldPolygon:
                polygon = region.value
                if "polygon" not in shapes or skips(region.from_name, is_truth):
                    found.others.append(("polygonlabels", region.id, place))
                    continue
                label = index[polygon.polygonlabels[0]]
                self._points.extend(chain.from_iterable(polygon.points))
                self._lengths.append(len(polygon.points))
                found.polygons.append(len(rows))
            elif type(region) is ToldEllipse:
                oval = region.value
                if "ellipse" not in shapes or skips(region.from_name, is_truth):
                    found.others.append(("ellipselabels", region.id, place))
                    continue
                label = index[oval.ellipselabels[0]]
                self._ellipses.append((oval.x, oval.y, oval.radiusX, oval.radiusY))
                self._ellipse_turns.append(oval.rotation or 0)
                found.ellipses.append(len(rows))
            else:
                if not terms.has_keypoints:
                    found.others.append(("keypointlabels", region.id, place))
                continue
            if region.meta is not None:
                found.told.append((len(rows), region.meta))
            if is_truth:
                # No more or less sure: what a model left in it does not matter.
                score = default
            width, height = region.original_width, region.original_height
            rows.append((number, label, score, 0, 0, 0, 0, width, height))
            places.append(place)

    def _forget(self, found: Found) -> None:
        """Takes back what was gathered of a result."""
        turned, polygons, ellipses = found.starts
        del self._turned[turned:], self._turns[turned:]
        del self._points[2 * sum(self._lengths[:polygons]) :], self._lengths[polygons:]
        del self._ellipses[ellipses:], self._ellipse_turns[ellipses:]

    def worked_out(self, sizes: Mapping[int, Size]) -> "Geometry":
        """All shapes in pixels; `sizes` are those of their images."""
        of_results = np.array([sizes[one[0]] for one in self._results], dtype=np.float64)
        lengths = np.array(self._results, dtype=np.int64).reshape(-1, 4)
        at = tuple(np.repeat(of_results.reshape(-1, 2), lengths[:, n], axis=0) for n in (1, 2, 3))
        points, n_points = polygons(np.asarray(self._points), self._lengths, at[1])
        of_ellipses = ellipses(self._ellipses, self._ellipse_turns, at[2])
        return Geometry(
            *turned_corners(self._turned, self._turns, at[0]),
            outlines(
                np.concatenate([points, of_ellipses[0]]),
                np.concatenate([n_points, of_ellipses[1]]),
                np.concatenate(at[1:]),
                of_ellipses[2],
            ),
            len(self._lengths),
        )
