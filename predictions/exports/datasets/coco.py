"""COCO: the ground truth as one file of images, annotations and categories, a version as a list of
results (https://cocodataset.org/#format-data, https://cocodataset.org/#format-results).

Annotations count from 1; so do categories, in the order of the labelling config, unless each label
has a `category` there: a load of results alone reads them by it. An image's id is its
`meta.image_id` where every task of the project has one of its own, else the task's number within
the project; then results have the `file_name`, too.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

import orjson

from predictions.exports.datasets.items import (
    BOX,
    ELLIPSE,
    MASK,
    POLYGON,
    ImageItem,
    objects_in,
    score_of,
    whole,
)
from predictions.exports.types.coco import array_of, keypoints_of, segmentation_of
from predictions.exports.types.objects import Object, Scheme, is_crowd, known_area

HOLDS = (BOX, POLYGON, ELLIPSE, MASK)
#: Between a detection's box and the rest of it, on disk; no JSON has one.
SEPARATOR = b"\t"


def truths(found: Iterable[ImageItem], scheme: Scheme) -> Iterator[bytes]:
    """One JSON object. Annotations wait on disk until all images are written."""
    numbers, categories = count(1), category_ids(scheme)
    yield b'{"images":'
    opening = b"["
    with tempfile.TemporaryFile() as annotations:
        for item in found:
            for one in objects_in(item, scheme, HOLDS):
                document = {"id": next(numbers), **_placed(one, item, scheme, categories)}
                document |= _measured(one)
                annotations.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
            yield opening + orjson.dumps(_image(item))
            opening = b","
        yield (b"[]" if opening == b"[" else b"]") + b',"annotations":'
        yield from array_of(annotations)
    yield b',"categories":' + orjson.dumps(_categories(scheme)) + b"}"


def results(found: Iterable[ImageItem], scheme: Scheme, *, are_identified: bool) -> Iterator[bytes]:
    """One JSON array of detections, `[]` for none.

    Where all are run lengths they have no `bbox`: with one pycocotools would take its area for the
    size of what is found, instead of the mask's. Detections wait on disk until that is known.
    """
    categories = category_ids(scheme)
    are_masks = True
    with tempfile.TemporaryFile() as lines:
        for item in found:
            for one in objects_in(item, scheme, HOLDS):
                document = _placed(one, item, scheme, categories) | {"score": score_of(one)}
                if not are_identified:
                    document["file_name"] = item.name
                are_masks = are_masks and isinstance(document.get("segmentation"), dict)
                box = orjson.dumps({"bbox": document.pop("bbox")})
                lines.write(box + SEPARATOR + orjson.dumps(document) + b"\n")
        yield from array_of(lines, _without_box if are_masks else _with_box)


def _with_box(line: bytes) -> bytes:
    box, _, rest = line.rstrip().partition(SEPARATOR)
    return box[:-1] + b"," + rest[1:]


def _without_box(line: bytes) -> bytes:
    return line.rstrip().partition(SEPARATOR)[2]


def _image(item: ImageItem) -> dict[str, Any]:
    document = {"id": item.image_id, "file_name": item.name}
    if item.picture.told_size is None:
        return document
    width, height = item.picture.told_size
    return {**document, "width": int(width), "height": int(height)}


def _categories(scheme: Scheme) -> list[dict[str, Any]]:
    joints = {"keypoints": list(scheme.joints), "skeleton": []} if scheme.joints else {}
    return [
        {"id": number, "name": name, "supercategory": "", **joints}
        for name, number in category_ids(scheme).items()
    ]


def category_ids(scheme: Scheme) -> dict[str, int]:
    """By name, in the order of the labelling config."""
    if scheme.is_numbered:
        return {name: scheme.classes[name] for name in scheme.names}
    return {name: number for number, name in enumerate(scheme.names, 1)}


def _placed(
    one: Object, item: ImageItem, scheme: Scheme, categories: Mapping[str, int]
) -> dict[str, Any]:
    """Where an object is, and of which category."""
    document: dict[str, Any] = {
        "image_id": item.image_id,
        "category_id": categories[one.label],
        "bbox": [whole(number) for number in one.shape.box_xywh_px],
    }
    segmentation, _ = segmentation_of(one.shape)
    if isinstance(segmentation, dict):
        document["segmentation"] = segmentation
    elif segmentation:
        document["segmentation"] = [[whole(number) for number in segmentation[0]]]
    if scheme.joints:
        document |= keypoints_of(one, scheme.joints)
    return document


def _measured(one: Object) -> dict[str, Any]:
    """What ground truth alone has. A mask's area are its pixels, as evaluations count them."""
    area = known_area(one)
    if area is None:
        area = one.shape.area_px
    return {"area": whole(area), "iscrowd": int(is_crowd(one))}
