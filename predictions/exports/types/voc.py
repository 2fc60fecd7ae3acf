"""Pascal VOC: an XML file for each image. Everything leaves as its upright bounds in pixels.

A prediction's objects have a `score`, which readers of VOC pass over.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from predictions.exports.types.archive import Entry
from predictions.exports.types.given import Given, named
from predictions.exports.types.objects import Picture, Scheme, is_crowd, objects_of, text_of
from predictions.formats.readers.images.voc import FROM_ZERO_OWNER

#: What no XML file can hold.
NOT_IN_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DECIMALS = 6


def entries(pictures: Iterable[Picture], scheme: Scheme, *, with_versions: bool) -> Iterator[Entry]:
    """Files below `Annotations/`."""
    for picture in pictures:
        if not picture.given:
            yield f"Annotations/{picture.stem}.xml", [_document(picture, None, scheme)]
        for name, given in named(picture.stem, picture.given, with_versions=with_versions):
            yield f"Annotations/{name}.xml", [_document(picture, given, scheme)]


def _document(picture: Picture, given: Given | None, scheme: Scheme) -> bytes:
    objects = objects_of(given, picture, scheme).found if given is not None else []
    marked = []
    for one in objects:
        x, y, width, height = one.shape.box_xywh_px
        # In full: rounded, the least sure would be 0.
        score = None if one.score is None else text_of(one.score)
        corners = tuple(map(_text, (x, y, x + width, y + height)))
        is_difficult = score is None and is_crowd(one)
        marked.append(Marked(one.label, corners, score, is_difficult=is_difficult))
    version = (given.model_version or "") if given is not None and given.is_prediction else None
    size = picture.written_size(len(objects))
    return document(picture.file_name, size, marked, version, owner=FROM_ZERO_OWNER)


@dataclass(frozen=True, slots=True)
class Marked:
    """An object as VOC has it."""

    label: str
    #: xmin, ymin, xmax, ymax
    corners: tuple[str, ...]
    score: str | None = None
    is_difficult: bool = False


def document(
    file_name: str,
    size: tuple[int, int],
    objects: Iterable[Marked],
    version: str | None,
    *,
    owner: str | None = None,
) -> bytes:
    """The XML file of an image; `size` is its width and height in pixels."""
    root = Element("annotation")
    _child(root, "folder", "images")
    _child(root, "filename", file_name)
    source = SubElement(root, "source")
    _child(source, "database", "Predictions API")
    if version is not None:
        _child(source, "model_version", version)
    if owner is not None:
        _child(SubElement(root, "owner"), "name", owner)
    element = SubElement(root, "size")
    for name, length in zip(("width", "height", "depth"), (*size, 3), strict=True):
        _child(element, name, str(length))
    _child(root, "segmented", "0")
    for one in objects:
        element = SubElement(root, "object")
        _child(element, "name", one.label)
        _child(element, "pose", "Unspecified")
        _child(element, "truncated", "0")
        _child(element, "difficult", str(int(one.is_difficult)))
        if one.score is not None:
            _child(element, "score", one.score)
        box = SubElement(element, "bndbox")
        for name, place in zip(("xmin", "ymin", "xmax", "ymax"), one.corners, strict=True):
            _child(box, name, place)
    indent(root, space="    ")
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _child(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = NOT_IN_XML.sub("\ufffd", text)


def _text(number: float) -> str:
    # Adding nothing takes the sign off a zero.
    return f"{round(number, DECIMALS) + 0.0:.{DECIMALS}f}".rstrip("0").rstrip(".")
