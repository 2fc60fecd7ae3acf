"""COCO: `result.json` in a zip, as label-studio-converter calls it.

Image ids are task ids. Objects are in pixels: boxes as boxes, turned ones with their corners as the
outline, polygons as polygons, ellipses as polygons, masks as COCO's run lengths, to the pixel.
Format: https://cocodataset.org/#format-data
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import IO, Any

import numpy as np
import orjson

from predictions.exports.types.archive import Entry
from predictions.exports.types.given import Given
from predictions.exports.types.objects import (
    UNSEEN,
    Object,
    Picture,
    Scheme,
    free_number,
    is_crowd,
    known_area,
    objects_of,
)
from predictions.regions.geometry import Floats, Shape, rle_area


def entries(pictures: Iterable[Picture], scheme: Scheme) -> Iterator[Entry]:
    """The files of the zip."""
    yield "result.json", _document(pictures, scheme)


def _document(pictures: Iterable[Picture], scheme: Scheme) -> Iterator[bytes]:
    """One JSON object. Images wait on disk until their objects are written."""
    classes = dict(scheme.classes)
    numbers = count(1)
    unsized: list[int] = []
    n_left_out = 0
    yield b'{"annotations":'
    opening = b"["
    with tempfile.TemporaryFile() as images:
        for picture in pictures:
            n_objects = 0
            for given in picture.given:
                objects = objects_of(given, picture, scheme)
                n_left_out += objects.n_left_out
                n_objects += len(objects.found)
                for one in objects.found:
                    document = _annotation(one, given, picture, scheme, classes, next(numbers))
                    yield opening + orjson.dumps(document)
                    opening = b","
            image = _image(picture, n_objects)
            images.write(orjson.dumps(image, option=orjson.OPT_APPEND_NEWLINE))
            if n_objects and picture.told_size is None:
                unsized.append(picture.task_id)
        yield (b"[]" if opening == b"[" else b"]") + b',"images":'
        yield from array_of(images)
    info = {
        "year": datetime.now(UTC).year,
        "version": "1.0",
        "description": "",
        "contributor": "Predictions API",
        "url": "",
        "date_created": datetime.now(UTC),
        "tasksOfUnknownSize": unsized,
        "regionsLeftOut": n_left_out,
    }
    yield b',"categories":' + orjson.dumps(_categories(classes, scheme))
    yield b',"info":' + orjson.dumps(info) + b"}"


def array_of(lines: IO[bytes], element: Callable[[bytes], bytes] = bytes.rstrip) -> Iterator[bytes]:
    """A JSON array of a file's lines, each as `element` reads it; `[]` for an empty one."""
    lines.seek(0)
    opening = b"["
    for line in lines:
        yield opening + element(line)
        opening = b","
    yield b"[]" if opening == b"[" else b"]"


def _image(picture: Picture, n_objects: int) -> dict[str, Any]:
    width, height = picture.written_size(n_objects)
    return {
        "width": width,
        "height": height,
        "id": picture.task_id,
        "file_name": picture.file_name,
    }


def _categories(classes: dict[str, int], scheme: Scheme) -> list[dict[str, Any]]:
    joints = {"keypoints": list(scheme.joints), "skeleton": []} if scheme.joints else {}
    ranked = sorted(classes.items(), key=lambda one: one[1])
    return [{"id": number, "name": name, **joints} for name, number in ranked]


def _annotation(
    one: Object,
    given: Given,
    picture: Picture,
    scheme: Scheme,
    classes: dict[str, int],
    number: int,
) -> dict[str, Any]:
    if one.label not in classes:
        classes[one.label] = free_number(classes)
    segmentation, area = segmentation_of(one.shape)
    if not given.is_prediction and (known := known_area(one)) is not None:
        area = known
    document: dict[str, Any] = {
        "id": number,
        "image_id": picture.task_id,
        "category_id": classes[one.label],
        "segmentation": segmentation,
        "bbox": list(one.shape.box_xywh_px),
        "ignore": 0,
        "iscrowd": int(not given.is_prediction and is_crowd(one)),
        "area": area,
    }
    if scheme.joints:
        document |= keypoints_of(one, scheme.joints)
    if one.score is not None:
        document["score"] = one.score
    if given.is_prediction:
        document["model_version"] = given.model_version
        document["prediction_id"] = given.id
    else:
        document["annotation_id"] = given.id
    return document


def segmentation_of(shape: Shape) -> tuple[Any, float]:
    """As COCO has it, [] for a box, and the area in pixels; an outline's own, not its pixels'."""
    points = shape.points_px
    if shape.rle is None and points is None:
        return [], shape.box_xywh_px[2] * shape.box_xywh_px[3]
    # COCO takes an outline of two points for a box.
    if shape.rle is not None and (points is None or len(points) < 3):
        mask = {"size": shape.rle["size"], "counts": shape.rle["counts"].decode()}
        return mask, rle_area(shape.rle)
    assert points is not None
    return [points.ravel().tolist()], _polygon_area(points)


def _polygon_area(points: Floats) -> float:
    """As label-studio-converter has it."""
    x, y = points.T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def keypoints_of(one: Object, joints: Sequence[str]) -> dict[str, Any]:
    """`keypoints` with x, y and whether it is there of each joint, and how many are there."""
    flat: list[float] = []
    for name in joints:
        flat += one.joints.get(name, (0, 0, UNSEEN))
    return {"keypoints": flat, "num_keypoints": len(set(one.joints) & set(joints))}
