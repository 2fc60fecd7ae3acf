"""LabelMe: a JSON file an image. Rectangles by two opposite corners, in any order.

Polygons of one label and one group are one object in several parts, as LabelMe's own conversion to
COCO has it. Circles are ellipses; masks are a PNG of a part of the image. Points and lines are
passed over, with a warning. The picture that the file may hold (imageData) is not kept.
Format: https://github.com/wkentaro/labelme
"""

import math
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from msgspec import Raw, Struct

from predictions.formats import crops, masks
from predictions.formats.content import (
    Ask,
    Box,
    Content,
    Corners,
    Ellipse,
    FileTask,
    Kind,
    Polygon,
    Region,
    Shape,
    Size,
    size_of,
)
from predictions.formats.errors import Errors
from predictions.formats.masks import BadMask
from predictions.formats.readers import collected, documents
from predictions.formats.sources import Source
from predictions.regions.geometry import Allowance

PASSED_OVER = frozenset({"point", "points", "line", "linestrip"})
PASSED = "{n:,} of the kind {kind} are passed over: there is no place for them."
FLAGGED = "{n:,} images have flags, which are not read: they are no classes here."
DIFFICULT = "{n:,} shapes are marked as difficult, which is not read: they count as the others."
#: How many points each kind has, at least.
LEAST_POINTS = {"rectangle": 2, "circle": 2, "polygon": 3, "mask": 2, "oriented_rectangle": 4}


class Drawn(Struct):
    """One of `shapes`."""

    label: str
    points: list[tuple[float, float]]
    shape_type: str | None = "polygon"
    group_id: int | str | None = None
    mask: str | None = None
    # Of X-AnyLabeling.
    difficult: Any = None


class File(Struct, rename="camel"):
    """One file, of which the picture in it stays unread."""

    shapes: list[Drawn]
    image_path: str | None = None
    image_width: int | None = None
    image_height: int | None = None
    image_data: Raw = Raw()
    flags: dict[str, Any] | None = None


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """The files of a folder; an image without shapes counts, too."""
    names = [one for one in source.names() if one.lower().endswith(".json")]
    if not names:
        raise errors.stop(source.name, "holds no *.json.")
    passed: Counter[str] = Counter()
    tasks = []
    unread: Counter[str] = Counter()
    for name in names:
        file = documents.decoded(source.inner(name), File, name, errors)
        if file is not None:
            tasks.append(_task(file, name, passed, errors))
            unread[FLAGGED] += any((file.flags or {}).values())
            unread[DIFFICULT] += sum(1 for one in file.shapes if one.difficult)
    collected.tell_apart(tasks, [PurePosixPath(task.place).parent for task in tasks])
    return collected.content(
        tasks,
        errors,
        is_prediction=False,
        kind=Kind.BOX,
        warnings=[
            *(PASSED.format(n=n, kind=kind) for kind, n in sorted(passed.items())),
            *(told.format(n=n) for told, n in unread.items() if n),
        ],
    )


def _task(file: File, name: str, passed: Counter[str], errors: Errors) -> FileTask:
    size = size_of(file.image_width, file.image_height)
    regions = []
    for n, parts in _objects(file.shapes):
        place, one = f"{name}, shapes[{n}]", parts[0]
        if one.shape_type in PASSED_OVER:
            passed[str(one.shape_type)] += 1
            continue
        try:
            shape = (_shape if len(parts) == 1 else _merged)(parts, size, errors.work)
        except BadMask as exc:
            errors.add(place, str(exc))
            continue
        regions.append(Region((one.label,), shape, None, None, place))
    told = (file.image_path or "").replace("\\", "/")
    # Relative to the file, often `../images/a.jpg`.
    path = PurePosixPath(told).name or f"{PurePosixPath(name).stem}.jpg"
    return FileTask(image_name=path, size=size, regions=regions, place=name)


def _objects(shapes: Sequence[Drawn]) -> list[tuple[int, list[Drawn]]]:
    """The shapes of each object, and the place of the first."""
    found: dict[object, tuple[int, list[Drawn]]] = {}
    for n, one in enumerate(shapes):
        is_part = one.group_id is not None and (one.shape_type or "polygon") == "polygon"
        key: object = (one.label, one.group_id) if is_part else n
        found.setdefault(key, (n, []))[1].append(one)
    return list(found.values())


def _merged(parts: Sequence[Drawn], size: Size | None, work: Allowance) -> Shape:
    """BadMask says what is wrong with one of them."""
    if size is None:
        raise BadMask("is a part of several, and its image has no imageWidth and imageHeight.")
    few = next((one for one in parts if len(one.points) < LEAST_POINTS["polygon"]), None)
    if few is not None:
        return _shape([few], size, work)
    return masks.of_parts(
        [[side for point in one.points for side in point] for one in parts], size, work
    )


def _shape(parts: Sequence[Drawn], size: Size | None, work: Allowance) -> Shape:
    """That of one. BadMask says what is wrong with it."""
    [one] = parts
    kind = one.shape_type or "polygon"
    least = LEAST_POINTS.get(kind)
    if least is None:
        raise BadMask(f"is a {kind!r:.100}, which is not known.")
    if len(one.points) < least:
        raise BadMask(f"is a {kind} of {len(one.points)} points: it has {least} or more.")
    if kind == "polygon":
        return Polygon(one.points)
    if kind == "oriented_rectangle":
        first, second, third, fourth = one.points[:4]
        return Corners((first, second, third, fourth))
    if kind == "rectangle":
        return _rectangle(one.points)
    (x, y), (other_x, other_y) = one.points[:2]
    if kind == "circle":
        radius = math.hypot(other_x - x, other_y - y)
        return Ellipse(x, y, radius, radius)
    return _mask(one, round(min(x, other_x)), round(min(y, other_y)), size, work)


def _rectangle(points: Sequence[tuple[float, float]]) -> Box:
    """By two opposite corners, or all four. BadMask for points that are neither."""
    across, down = {x for x, _ in points}, {y for _, y in points}
    left, top, right, bottom = min(across), min(down), max(across), max(down)
    if len(points) != 2:
        corners = {(x, y) for x in (left, right) for y in (top, bottom)}
        if len(points) != 4 or set(points) != corners:
            raise BadMask("is a rectangle of neither two opposite corners nor four upright ones.")
    return Box(left, top, right - left, bottom - top)


def _mask(one: Drawn, left: int, top: int, size: Size | None, work: Allowance) -> Shape:
    if size is None:
        raise BadMask("its image has no imageWidth and imageHeight.")
    try:
        content = b64decode(one.mask or "", validate=True)
    except ValueError:
        raise BadMask("its mask is no base64.") from None
    return crops.placed(crops.of_picture(content), left, top, size, work)
