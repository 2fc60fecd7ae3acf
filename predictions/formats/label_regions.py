"""Regions of files as Label Studio's, in percent of their image."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from predictions.formats import masks
from predictions.formats.content import (
    Box,
    Boxes,
    Corners,
    Ellipse,
    FileTask,
    Kind,
    Mask,
    Polygon,
    Pose,
    Region,
    Shape,
    Size,
    Span,
)
from predictions.formats.errors import Errors
from predictions.regions.errors import GeometryError
from predictions.regions.geometry import FARTHEST_PCT, Allowance, rotated_corners
from predictions_api.http.storable import Refused, bulk_json_text

#: How far four points may be from a rectangle, in pixels, to be one.
NEARLY_PX = 0.5
NO_RECTANGLES = (
    "{n:,} objects of four corners are no rectangles to half a pixel: they are polygons here."
)
ONLY_BOXES = (
    "its four corners are no rectangle to half a pixel, and the project's labelling config has no"
    " PolygonLabels for a polygon."
)
KEYPOINT_PCT = 0.5
Drawn = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """The control that holds regions of a kind: its name, its tag in lower case, its object."""

    from_name: str
    type: str
    to_name: str


@dataclass(frozen=True, slots=True)
class AsText:
    """The regions of a task as JSON text, how many they are, and the scores given to them."""

    text: bytes
    n_regions: int
    scores: Sequence[float]


NO_REGIONS = AsText(b"[]", 0, ())


@dataclass(slots=True)
class Drawing:
    """Makes regions for the controls of a config. One for each load: it counts odd shapes."""

    tools: Mapping[Kind, Tool]
    errors: Errors
    n_no_rectangles: int = 0
    _sizes: dict[Size, tuple[Any, str, str]] = field(default_factory=dict)
    _labels: dict[str, str] = field(default_factory=dict)

    def regions(self, task: FileTask, regions: list[Region], size: Size | None) -> list[Drawn]:
        """The regions of a task in order, a pose as a box and its points; choices first together.

        What cannot be drawn is left out, and is among the errors.
        """
        drawn: list[Drawn] = []
        for region in regions:
            self._draw(region, task, size, drawn)
        return drawn

    def as_text(
        self,
        task: FileTask,
        size: Size | None,
        rename: Callable[[list[Region]], list[Region]] | None = None,
    ) -> AsText:
        """The regions of a task, of those that `rename` gives where it is given."""
        if task.drawn is not None:
            return self._as_they_are(task, task.drawn())
        if task.boxes is not None and size is not None and rename is None:
            boxes = task.boxes()
            text = self._of_boxes(boxes, size)
            if text is not None:
                return AsText(text, len(boxes.labels), boxes.scores or ())
        regions = task.read() if rename is None else rename(task.read())
        drawn = self.regions(task, regions, size)
        scores = [region.score for region in regions if region.score is not None]
        return AsText(orjson.dumps(drawn), len(drawn), scores)

    def _as_they_are(self, task: FileTask, drawn: list[Drawn]) -> AsText:
        try:
            text = bulk_json_text(drawn)
        except Refused as exc:
            self.errors.add(task.place, str(exc))
            return NO_REGIONS
        return AsText(text, len(drawn), () if task.score is None else (task.score,))

    def _of_boxes(self, boxes: Boxes, size: Size) -> bytes | None:
        """The same of upright boxes, as JSON text and ten times as fast; None where `regions` would
        refuse one of them.
        """
        if not boxes.labels:
            return b"[]"
        sides, type_, behind = self._of_size(size)
        percent = boxes.xywh_px / sides * 100
        if not np.abs(percent).max() <= FARTHEST_PCT:
            return None
        numbers = iter(_texts(percent.ravel()))
        labelled = self._labelled(boxes.labels)
        rows = zip(labelled, *_facts(boxes), *[numbers] * 4, strict=True)
        # Keys in the order that jsonb puts them in, which is quicker to read.
        drawn = [
            f'{{"id":"r{n}",{meta}"type":{type_}{score},"value":{{"x":{x},"y":{y},"width":{width},'
            f'"height":{height},{label}{behind}'
            for n, (label, meta, score, x, y, width, height) in enumerate(rows, start=1)
        ]
        return f"[{','.join(drawn)}]".encode()

    def _of_size(self, size: Size) -> tuple[Any, str, str]:
        """What boxes are divided by on images of this size, float64 (4,), their type as JSON, and
        what stands behind their values.
        """
        if (known := self._sizes.get(size)) is None:
            names = ("to_name", "from_name", "image_rotation", "original_width", "original_height")
            whole = self._shaped(Kind.BOX, (), {}, size, 0)
            told = _text({name: whole[name] for name in names})
            sides = np.array([*size, *size], dtype=np.float64)
            known = self._sizes[size] = sides, _text(whole["type"]), f",{told[1:]}"
        return known

    def _labelled(self, labels: Sequence[str]) -> list[str]:
        """What stands behind the numbers of boxes of these classes, in their values."""
        known = self._labels
        for label in set(labels) - known.keys():
            value = {"rotation": 0.0, self.tools[Kind.BOX].type: [label]}
            known[label] = _text(value)[1:]
        return [known[label] for label in labels]

    def warnings(self) -> list[str]:
        """What was odd."""
        n = self.n_no_rectangles
        return [NO_RECTANGLES.format(n=n)] if n else []

    def _draw(self, region: Region, task: FileTask, size: Size | None, drawn: list[Drawn]) -> None:
        shape = region.shape
        if shape is None or isinstance(shape, Span):
            drawn.append(self._plain(region, task, len(drawn)))
            return
        if size is None and isinstance(shape, Mask):
            size = shape.width, shape.height
        if size is None:
            self.errors.add(
                region.place or task.place,
                "the size of its image is not known: give --images, or a file with sizes.",
            )
            return
        if isinstance(shape, Corners):
            shape = self._of_corners(shape, size, is_relative=task.is_relative)
            if isinstance(shape, Polygon) and Kind.POLYGON not in self.tools:
                self.errors.add(region.place or task.place, ONLY_BOXES)
                return
        to_percent = Percent(size, self.errors.work, is_relative=task.is_relative)
        try:
            kind, value = to_percent.value(shape)
        except GeometryError as exc:
            self.errors.add(region.place or task.place, f"{exc}.")
            return
        poses = shape.points.items() if isinstance(shape, Pose) else ()
        points = [(name, to_percent.keypoint(point)) for name, point in poses]
        if not all(map(_is_near, [value, *(point for _, point in points)])):
            self.errors.add(
                region.place or task.place,
                f"lies over {FARTHEST_PCT / 100:g} times its image's size outside of it.",
            )
            return
        parent = self._shaped(kind, region.labels, value, size, len(drawn))
        _add_facts(parent, region)
        drawn.append(parent)
        for name, point in points:
            entry = self._shaped(Kind.KEYPOINTS, (name,), point, size, len(drawn))
            entry["parentID"] = parent["id"]
            if isinstance(shape, Pose) and name in shape.hidden:
                entry["meta"] = {"hidden": 1}
            drawn.append(entry)

    def _shaped(
        self, kind: Kind, labels: tuple[str, ...], value: Drawn, size: Size, n: int
    ) -> Drawn:
        tool = self.tools[kind]
        value[tool.type] = list(labels)
        return {
            "id": f"r{n + 1}",
            "from_name": tool.from_name,
            "to_name": tool.to_name,
            "type": tool.type,
            "original_width": size[0],
            "original_height": size[1],
            "image_rotation": 0,
            "value": value,
        }

    def _plain(self, region: Region, task: FileTask, n: int) -> Drawn:
        """A choice, or the span of a text."""
        span = region.shape
        tool = self.tools[Kind.CHOICE if span is None else Kind.SPAN]
        value: Drawn = {}
        if isinstance(span, Span):
            text = task.data.get("text", "")
            value = {"start": span.start, "end": span.end, "text": text[span.start : span.end]}
        value[tool.type] = list(region.labels)
        drawn = {
            "id": f"r{n + 1}",
            "from_name": tool.from_name,
            "to_name": tool.to_name,
            "type": tool.type,
            "value": value,
        }
        _add_facts(drawn, region)
        return drawn

    def _of_corners(self, corners: Corners, size: Size, *, is_relative: bool) -> Box | Polygon:
        """A box where the corners are a rectangle, upright where it is upright; else a polygon."""
        scale = np.array(size if is_relative else (1, 1), dtype=np.float64)
        points = np.array(corners.points, dtype=np.float64) * scale
        box = rectangle_of(points)
        if box is None:
            self.n_no_rectangles += 1
            return Polygon(corners.points)
        if not is_relative:
            return box
        if box.rotation:
            return _shares_of_turned(box, size)
        width, height = size
        return Box(box.x / width, box.y / height, box.width / width, box.height / height)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _texts(numbers: Any) -> list[str]:
    """Each number of a list or a float64 array as JSON."""
    return orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY).decode()[1:-1].split(",")


def _facts(boxes: Boxes) -> tuple[list[str], list[str]]:
    """The meta and the score of each region, as they stand before and behind its type."""
    metas = ["" if meta is None else f'"meta":{_text(meta)},' for meta in boxes.metas]
    metas = metas or [""] * len(boxes.labels)
    if boxes.scores is None:
        return metas, [""] * len(metas)
    return metas, [f',"score":{score}' for score in _texts(boxes.scores)]


def _shares_of_turned(box: Box, size: Size) -> Box:
    width, height = size
    return Box(box.x / width, box.y / height, box.width / width, box.height / height, box.rotation)


def rectangle_of(points_px: Any) -> Box | None:
    """Four corners, float64 (4, 2), as the box whose corners read clockwise from the first; None
    where they are no rectangle to NEARLY_PX. One that lies upright is not turned.
    """
    points = points_px
    if _signed_area(points) < 0:
        points = points[[0, 3, 2, 1]]
    low, high = points.min(axis=0), points.max(axis=0)
    upright = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    if any(np.array_equal(np.roll(points, turn, axis=0), upright) for turn in range(4)):
        return _box((*low, *(high - low)))
    along, down = points[1] - points[0], points[3] - points[0]
    turn = math.degrees(math.atan2(along[1], along[0])) % 360
    sides = math.hypot(*along), math.hypot(*down)
    made = rotated_corners((*points[0], *sides), turn)
    if float(np.abs(made - points).max()) > NEARLY_PX:
        return None
    return _box((*points[0], *sides), turn)


def _box(numbers: tuple[Any, ...], rotation: float = 0.0) -> Box:
    x, y, width, height = map(float, numbers)
    return Box(x, y, width, height, rotation)


def _signed_area(points: Any) -> float:
    """Above 0 for corners that read clockwise on the screen, where y goes down."""
    x, y = points.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _is_near(value: Drawn) -> bool:
    for number in value.values():
        if type(number) is float and not -FARTHEST_PCT <= number <= FARTHEST_PCT:
            return False
    for x, y in value.get("points", ()):
        if not (-FARTHEST_PCT <= x <= FARTHEST_PCT and -FARTHEST_PCT <= y <= FARTHEST_PCT):
            return False
    return True


def _add_facts(drawn: Drawn, region: Region) -> None:
    if region.score is not None:
        drawn["score"] = region.score
    if region.meta:
        drawn["meta"] = region.meta


class Percent:
    """Values of shapes on an image of this size; shares where `is_relative`, else pixels. `work` is
    what painting masks is taken from.
    """

    def __init__(self, size: Size, work: Allowance, *, is_relative: bool) -> None:
        self.work = work
        self.width, self.height = (1.0, 1.0) if is_relative else map(float, size)

    def value(self, shape: Shape) -> tuple[Kind, Drawn]:
        """The kind of control that holds it, and its value without labels."""
        make: Callable[[Any], tuple[Kind, Drawn]] = MAKERS[type(shape)].__get__(self)
        return make(shape)

    def _point(self, x: float, y: float) -> list[float]:
        return [x / self.width * 100, y / self.height * 100]

    def _box(self, box: Box) -> tuple[Kind, Drawn]:
        across, down = self.width, self.height
        return Kind.BOX, {
            "x": box.x / across * 100,
            "y": box.y / down * 100,
            "width": box.width / across * 100,
            "height": box.height / down * 100,
            "rotation": box.rotation,
        }

    def _pose(self, pose: Pose) -> tuple[Kind, Drawn]:
        return self._box(pose.box)

    def _polygon(self, polygon: Polygon) -> tuple[Kind, Drawn]:
        return Kind.POLYGON, {"points": [self._point(*point) for point in polygon.points]}

    def _ellipse(self, ellipse: Ellipse) -> tuple[Kind, Drawn]:
        x, y = self._point(ellipse.x, ellipse.y)
        across, down = self._point(ellipse.radius_x, ellipse.radius_y)
        return Kind.ELLIPSE, {
            "x": x, "y": y, "radiusX": across, "radiusY": down, "rotation": ellipse.rotation
        }  # fmt: skip

    def _mask(self, mask: Mask) -> tuple[Kind, Drawn]:
        return Kind.MASK, {"format": "rle", "rle": masks.stream_of(mask, self.work)}

    def keypoint(self, point: tuple[float, float]) -> Drawn:
        """The value of a key point."""
        x, y = self._point(*point)
        return {"x": x, "y": y, "width": KEYPOINT_PCT}


MAKERS: dict[type, Callable[..., tuple[Kind, Drawn]]] = {
    Box: Percent._box,
    Pose: Percent._pose,
    Polygon: Percent._polygon,
    Ellipse: Percent._ellipse,
    Mask: Percent._mask,
}
