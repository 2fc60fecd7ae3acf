"""CVAT for images: one XML file. Numbers are pixels from the upper left corner, from 0.

Boxes may be turned about their centre; masks are run lengths row by row of a part of the image; a
skeleton is key points; a tag is a class of the whole image. Attributes are kept in the region's
meta. Single points, polylines and cuboids are passed over, with a warning; videos are refused.
Format: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

import math
from collections import Counter
from typing import Any

from predictions.formats import crops
from predictions.formats.content import (
    Ask,
    Box,
    Content,
    Ellipse,
    FileTask,
    Kind,
    Point,
    Polygon,
    Pose,
    Region,
    Shape,
    Size,
    size_of,
)
from predictions.formats.errors import Errors
from predictions.formats.masks import BadMask
from predictions.formats.readers import collected, xml
from predictions.formats.readers.rows import NO_FLAG, flag_of, number_of
from predictions.formats.readers.xml import BadElement, number
from predictions.formats.sources import Source
from predictions.regions.geometry import Allowance

#: The subset of images for which none was chosen.
NO_SUBSET = "default"
PASSED_OVER = frozenset({"points", "polyline", "cuboid"})
PASSED = "{n:,} of the kind {tag} are passed over: there is no place for them."
VIDEO = "is of a video: export it from CVAT as `CVAT for images`."


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """All images of the file; an image without shapes counts, too."""
    name = _file(source, errors)
    root = xml.root_of(source.inner(name), name, errors)
    errors.raise_if_any()
    if root.tag != "annotations":
        raise errors.stop(name, f"is none of CVAT's: its root is {root.tag!r:.100}.")
    if root.find("track") is not None:
        raise errors.stop(name, VIDEO)
    keypoints: dict[str, dict[str, None]] = {}
    passed: Counter[str] = Counter()
    tasks = [
        _task(element, f"{name}, image {n}", keypoints, passed, errors)
        for n, element in enumerate(root.iterfind("image"), 1)
    ]
    return collected.content(
        tasks,
        errors,
        is_prediction=False,
        kind=Kind.BOX,
        keypoints={label: list(names) for label, names in keypoints.items()},
        classes=_classes(root),
        warnings=[PASSED.format(n=n, tag=tag) for tag, n in sorted(passed.items())],
    )


def _file(source: Source, errors: Errors) -> str:
    names = [one for one in source.names() if one.lower().endswith(".xml")]
    if source.is_folder and len(names) != 1:
        raise errors.stop(source.name, f"holds {len(names)} XML files: name one of them.")
    return names[0] if source.is_folder else source.names()[0]


def _classes(root: Any) -> list[str]:
    """Of the project's labels those that are not points of a skeleton."""
    return [
        text.strip()
        for label in root.iterfind("meta//labels/label")
        if (text := label.findtext("name")) and label.find("parent") is None
    ]


def _task(
    element: Any,
    place: str,
    keypoints: dict[str, dict[str, None]],
    passed: Counter[str],
    errors: Errors,
) -> FileTask:
    name = (element.get("name") or "").strip().replace("\\", "/")
    if not name:
        errors.add(place, "has no name.")
    size = size_of(number_of(element.get("width")), number_of(element.get("height")))
    regions = []
    for n, one in enumerate(element, 1):
        where = f"{place}, shape {n}"
        if one.tag in PASSED_OVER:
            passed[one.tag] += 1
            continue
        label = (one.get("label") or "").strip()
        try:
            if one.tag == "mask":
                shape: Shape | None = _mask(one, size, errors.work)
            else:
                shape = _shape(one, label, keypoints)
        except (BadElement, BadMask) as exc:
            errors.add(where, str(exc))
            continue
        regions.append(Region((label,), shape, None, _meta(one), where))
    subset = (element.get("subset") or "").strip()
    return FileTask(
        image_id=(element.get("id") or "").strip() or None,
        image_name=name or None,
        size=size,
        split=None if subset.lower() == NO_SUBSET else subset or None,
        regions=regions,
        place=place,
    )


def _meta(element: Any) -> dict[str, Any] | None:
    told = {str(one.get("name")): (one.text or "").strip() for one in element.iterfind("attribute")}
    return {"attributes": told} if told else None


def _shape(element: Any, label: str, keypoints: dict[str, dict[str, None]]) -> Shape | None:
    if element.tag == "tag":
        return None
    if element.tag == "box":
        return _box(element)
    if element.tag == "polygon":
        points = _points(element)
        if len(points) < 3:
            raise BadElement(f"an outline has three points or more, this one {len(points)}.")
        return Polygon(points)
    if element.tag == "ellipse":
        return _ellipse(element)
    if element.tag == "skeleton":
        return _pose(element, keypoints.setdefault(label, {}))
    raise BadElement(f"is a {element.tag!r:.100}, which CVAT has not.")


def _box(element: Any) -> Box:
    left, top = number(element, "xtl"), number(element, "ytl")
    width, height = number(element, "xbr") - left, number(element, "ybr") - top
    if width < 0 or height < 0:
        raise BadElement("its last corner lies before its first.")
    rotation = number(element, "rotation", 0.0) % 360
    if not rotation:
        return Box(left, top, width, height)
    # About the centre there, about the corner here.
    turn = math.radians(rotation)
    x, y = -width / 2, -height / 2
    return Box(
        left + width / 2 + x * math.cos(turn) - y * math.sin(turn),
        top + height / 2 + x * math.sin(turn) + y * math.cos(turn),
        width,
        height,
        rotation,
    )


def _ellipse(element: Any) -> Ellipse:
    across, down = number(element, "rx"), number(element, "ry")
    if min(across, down) < 0:
        raise BadElement("its radii may not be negative.")
    rotation = number(element, "rotation", 0.0)
    return Ellipse(number(element, "cx"), number(element, "cy"), across, down, rotation)


def _points(element: Any) -> list[Point]:
    found = []
    for pair in (element.get("points") or "").split(";"):
        x, _, y = pair.partition(",")
        numbers = number_of(x), number_of(y)
        if numbers[0] is None or numbers[1] is None:
            raise BadElement(f"{pair!r:.100} is no point.")
        found.append((numbers[0], numbers[1]))
    return found


def _mask(element: Any, size: Size | None, work: Allowance) -> Shape:
    if size is None:
        raise BadElement("its image has no width and height.")
    left, top, width, height = (
        int(number(element, name)) for name in ("left", "top", "width", "height")
    )
    try:
        runs = [int(run) for run in (element.get("rle") or "").split(",")]
    except ValueError:
        raise BadElement("its rle is no run lengths.") from None
    if width < 1 or height < 1:
        raise BadElement("it has no width or height.")
    return crops.placed(crops.of_runs(runs, width, height), left, top, size, work)


def _flag(element: Any, name: str) -> bool:
    found = flag_of(element.get(name))
    if found is None:
        raise BadElement(f"its {name}: {NO_FLAG.format(text=element.get(name))}")
    return found


def _pose(element: Any, names: dict[str, None]) -> Pose:
    points: dict[str, Point] = {}
    hidden = set()
    for one in element.iterfind("points"):
        name = (one.get("label") or "").strip()
        names[name] = None
        is_outside, is_hidden = (_flag(one, key) for key in ("outside", "occluded"))
        if is_outside:
            continue
        places = _points(one)
        if len(places) != 1:
            raise BadElement(f"its point {name!r:.100} has {len(places)} places.")
        points[name] = places[0]
        if is_hidden:
            hidden.add(name)
    if not points:
        raise BadElement("none of its points is in the image.")
    across, down = [x for x, _ in points.values()], [y for _, y in points.values()]
    left, top = min(across), min(down)
    box = Box(left, top, max(across) - left, max(down) - top)
    return Pose(box, points, frozenset(hidden))
