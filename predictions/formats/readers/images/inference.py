"""Roboflow's inference: `{"predictions": [...], "image": {"width", "height"}}`, x and y the centre.

A folder with a file an image, which is named as the image is; a file with a document a line, or a
list of them, each of which names its image (`--image-column`, by default image_name, file_name,
file or source).
Format: https://inference.roboflow.com/using_inference/inference_pipeline/
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct

from predictions.formats.content import (
    Ask,
    Box,
    Content,
    FileTask,
    Kind,
    Known,
    Polygon,
    Pose,
    Region,
    Shape,
    size_of,
)
from predictions.formats.errors import Errors
from predictions.formats.readers import collected, documents
from predictions.formats.readers.rows import number_of
from predictions.formats.sources import PICTURES, Source

ONLY_OUTLINES = (
    "has a mask, of which only outlines (`points`) are read: ask inference for polygons"
    " (response_mask_format), or leave the mask out to have the box read."
)
IMAGE_NAMES = ("image_name", "file_name", "file", "source")


class Place(Struct):
    """A point of an outline."""

    x: float
    y: float


class Found(Struct, rename={"label": "class"}):
    """One detection."""

    x: float
    y: float
    width: float
    height: float
    confidence: float
    label: str
    points: list[Place] = []
    keypoints: list[dict[str, Any]] = []
    # Masks in other forms than an outline.
    rle: Any = None
    rle_mask: Any = None
    mask: Any = None


class Sides(Struct):
    """The image's size."""

    width: int | None = None
    height: int | None = None


class Document(Struct):
    """The detections of one image."""

    predictions: list[Found]
    image: Sides | None = None


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """An image with an empty list counts, too."""
    tasks = []
    keypoints: dict[str, dict[str, None]] = {}
    for place, name, content in _documents(source, ask, errors):
        document = documents.decoded(content, Document, place, errors)
        if document is not None:
            task = _task(document, name, place, keypoints, errors)
            task.is_stem = source.is_folder
            tasks.append(task)
    return collected.content(
        tasks,
        errors,
        is_prediction=True,
        kind=Kind.BOX,
        keypoints={label: list(names) for label, names in keypoints.items()},
    )


def _documents(source: Source, ask: Ask, errors: Errors) -> Iterator[tuple[str, str, object]]:
    """Place, image's name and text of each."""
    if source.is_folder:
        names = [name for name in source.names() if name.lower().endswith(".json")]
        if not names:
            raise errors.stop(source.name, "holds no *.json.")
        for file in names:
            yield file, PurePosixPath(file).with_suffix("").as_posix(), source.inner(file)
        return
    import msgspec

    wanted = (ask.image_column,) if ask.image_column else IMAGE_NAMES
    for place, text in _texts(source, errors):
        head = documents.decoded(text, dict[str, msgspec.Raw], place, errors)
        if head is None:
            continue
        column = next((one for one in wanted if one in head), None)
        name = documents.decoded(head[column], str, place, errors) if column else None
        if not name:
            errors.add(place, f"names no image: it needs one of {', '.join(wanted)}.")
            continue
        yield place, name, text


def _texts(source: Source, errors: Errors) -> Iterator[tuple[str, object]]:
    import msgspec

    content = source.content()
    if content[:64].lstrip(b"\xef\xbb\xbf \r\n\t")[:1] != b"[":
        yield from documents.lines(source)
        return
    name = source.names()[0]
    found = documents.decoded(content, list[msgspec.Raw], name, errors)
    for n, text in enumerate(found or ()):
        yield f"{name}, [{n}]", text


def _task(
    document: Document,
    name: str,
    place: str,
    keypoints: dict[str, dict[str, None]],
    errors: Errors,
) -> FileTask:
    regions = []
    for n, one in enumerate(document.predictions):
        where = f"{place}, predictions[{n}]"
        if one.width < 0 or one.height < 0:
            errors.add(where, "width and height may not be negative.")
            continue
        shape = _shape(one, keypoints, where, errors)
        if shape is not None:
            regions.append(Region((one.label,), shape, one.confidence, None, where))
    sides = document.image or Sides()
    told = name.replace("\\", "/")
    is_named = PurePosixPath(told).suffix.lower() in PICTURES
    return FileTask(
        # A name without a picture's suffix is what is before it.
        image_name=told if is_named else None,
        image_id=None if is_named else told.rpartition("/")[2],
        size=size_of(sides.width, sides.height),
        regions=regions,
        place=place,
    )


def _shape(
    one: Found, keypoints: dict[str, dict[str, None]], place: str, errors: Errors
) -> Shape | None:
    box = Box(one.x - one.width / 2, one.y - one.height / 2, one.width, one.height)
    if one.keypoints:
        names = keypoints.setdefault(one.label, {})
        points = {}
        for n, given in enumerate(one.keypoints):
            name: Any = given.get("class")
            x, y = number_of(given.get("x")), number_of(given.get("y"))
            if not isinstance(name, str) or x is None or y is None:
                errors.add(f"{place}.keypoints[{n}]", "must have x, y and class.")
                return None
            if name in points:
                errors.add(f"{place}.keypoints[{n}]", f"is another one of class {name!r:.100}.")
                return None
            names[name] = None
            points[name] = (x, y)
        return Pose(box, points)
    if not one.points:
        if one.rle or one.rle_mask or one.mask:
            errors.add(place, ONLY_OUTLINES)
        return box
    if len(one.points) < 3:
        errors.add(f"{place}.points", "an outline has three points or more.")
        return None
    return Polygon([(point.x, point.y) for point in one.points])
