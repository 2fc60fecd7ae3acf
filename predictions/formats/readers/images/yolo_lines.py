"""One line of a YOLO label file as a region, in shares of the image."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from predictions.formats.content import Box, Corners, Kind, Point, Polygon, Pose, Region, Shape
from predictions.formats.errors import Errors
from predictions_api.wording import plain

#: Which kind of labels a folder has; ultralytics' own words.
Task = Literal["detect", "segment", "pose", "obb"]
TASKS: tuple[Task, ...] = ("detect", "segment", "pose", "obb")
KINDS: dict[Task, frozenset[Kind]] = {
    "detect": frozenset({Kind.BOX}),
    "segment": frozenset({Kind.BOX, Kind.POLYGON}),
    "pose": frozenset({Kind.BOX, Kind.KEYPOINTS}),
    "obb": frozenset({Kind.BOX, Kind.POLYGON}),
}
#: Shares beyond it are no shares.
FARTHEST = 2.0
NOT_SHARES = "{value} is no share of the image: are these pixels?"


@dataclass(frozen=True, slots=True)
class Layout:
    """How lines are to be read."""

    task: Task
    classes: Sequence[str]
    #: Whether each line ends with a score.
    has_score: bool
    #: Names of key points, and how many numbers each has.
    points: Sequence[str] = ()
    point_numbers: int = 3
    #: Of classes that have lists of their own, instead of `points`.
    points_of: Mapping[str, Sequence[str]] = field(default_factory=dict)


def numbers_of(line: str) -> tuple[int, list[float]] | None:
    """The class number and the rest; None for what is not that."""
    # Python takes `1_0` for 10.
    if "_" in line:
        return None
    first, *rest = line.split()
    try:
        number = float(first)
        values = [float(one) for one in rest]
    except ValueError:
        return None
    if not all(map(math.isfinite, [number, *values])) or number != int(number) or number < 0:
        return None
    return int(number), values


def regions(text: str, layout: Layout, name: str, errors: Errors) -> list[Region]:
    """The objects of a label file; what is wrong is among the errors, by line."""
    found = []
    for n, line in enumerate(text.splitlines(), 1):
        if not line or line.isspace():
            continue
        region = _region(line, layout, f"{name}, line {n}", errors)
        if region is not None:
            found.append(region)
    return found


def _region(line: str, layout: Layout, place: str, errors: Errors) -> Region | None:
    read = numbers_of(line)
    if read is None:
        errors.add(place, "must be a class number and finite numbers, separated by spaces.")
        return None
    number, values = read
    if number >= len(layout.classes):
        errors.add(place, f"class {number} is not among the {len(layout.classes)} names.")
        return None
    score = None
    if layout.has_score:
        if len(values) < 5:
            errors.add(
                place, f"has {len(values) + 1} numbers and so no score: save with save_conf."
            )
            return None
        score = values.pop()
    far = next((one for one in values if abs(one) > FARTHEST), None)
    if far is not None and layout.task != "pose":
        errors.add(place, NOT_SHARES.format(value=plain(far)))
        return None
    shape = _shape(values, layout, layout.classes[number])
    if isinstance(shape, str):
        errors.add(place, shape)
        return None
    return Region((layout.classes[number],), shape, score, None, place)


def _shape(values: Sequence[float], layout: Layout, label: str) -> Shape | str:
    """The shape, or what is wrong with it."""
    n = len(values)
    if layout.task == "pose":
        return _pose(values, layout, layout.points_of.get(label, layout.points))
    if layout.task == "obb":
        if n != 8:
            return f"has {n} numbers for its corners: a turned box has 8."
        first, second, third, fourth = _points(values)
        return Corners((first, second, third, fourth))
    if n == 4:
        return _box(values)
    if layout.task == "detect":
        return f"has {n} numbers for its box: a box has 4."
    if n < 6 or n % 2:
        return f"has {n} numbers for its outline: it has an even number, 6 or more."
    return Polygon(_points(values))


def _points(values: Sequence[float]) -> list[Point]:
    return list(zip(values[0::2], values[1::2], strict=True))


def _box(values: Sequence[float]) -> Box | str:
    x, y, width, height = values
    if width < 0 or height < 0:
        return "width and height may not be negative."
    return Box(x - width / 2, y - height / 2, width, height)


def _pose(values: Sequence[float], layout: Layout, names: Sequence[str]) -> Shape | str:
    each = layout.point_numbers
    if len(values) != 4 + each * len(names):
        return (
            f"has {len(values)} numbers: a box has 4, and {len(names)} key points of {each} have"
            f" {each * len(names)}."
        )
    box = _box(values[:4])
    if isinstance(box, str):
        return box
    points, hidden = {}, set()
    for n, name in enumerate(names):
        x, y, *visible = values[4 + n * each : 4 + (n + 1) * each]
        if max(abs(x), abs(y)) > FARTHEST:
            return NOT_SHARES.format(value=plain(max(x, y, key=abs)))
        if (visible and visible[0] <= 0 and not layout.has_score) or (not x and not y):
            continue
        points[name] = (x, y)
        if visible and visible[0] == 1 and not layout.has_score:
            hidden.add(name)
    return Pose(box, points, frozenset(hidden))
