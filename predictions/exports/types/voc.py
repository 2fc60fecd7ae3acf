"""Pascal VOC: an XML file for each image. Everything leaves as its upright bounds in pixels.

A prediction's objects have a `score`, which readers of VOC pass over.
"""

import re
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from predictions.exports.types.archive import Entry
from predictions.exports.types.given import Given, named
from predictions.exports.types.objects import Picture, Scheme, objects_of

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
    root = Element("annotation")
    _child(root, "folder", "images")
    _child(root, "filename", picture.file_name)
    source = SubElement(root, "source")
    _child(source, "database", "Predictions API")
    if given is not None and given.is_prediction:
        _child(source, "model_version", given.model_version or "")
    objects = objects_of(given, picture, scheme).found if given is not None else []
    size = SubElement(root, "size")
    lengths = *picture.written_size(len(objects)), 3
    for name, length in zip(("width", "height", "depth"), lengths, strict=True):
        _child(size, name, str(length))
    _child(root, "segmented", "0")
    for one in objects:
        element = SubElement(root, "object")
        _child(element, "name", one.label)
        _child(element, "pose", "Unspecified")
        _child(element, "truncated", "0")
        _child(element, "difficult", "0")
        if one.score is not None:
            _child(element, "score", _text(one.score))
        x, y, width, height = one.shape.box_xywh_px
        box = SubElement(element, "bndbox")
        corners = {"xmin": x, "ymin": y, "xmax": x + width, "ymax": y + height}
        for name, place in corners.items():
            _child(box, name, _text(place))
    indent(root, space="    ")
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _child(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = NOT_IN_XML.sub("\ufffd", text)


def _text(number: float) -> str:
    # Adding nothing takes the sign off a zero.
    return f"{round(number, DECIMALS) + 0.0:.{DECIMALS}f}".rstrip("0").rstrip(".")
