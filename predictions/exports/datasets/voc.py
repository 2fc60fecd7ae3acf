"""Pascal VOC: an XML file an image, its corners counted from 1 with the last pixel within, as VOC
has them (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html).

What a crowd is in COCO is `difficult` here. A version's objects have a `score`.
"""

from collections.abc import Iterable, Iterator

from predictions.exports.datasets.items import (
    BOX,
    ImageItem,
    objects_in,
    refuse_padded,
    score_of,
)
from predictions.exports.datasets.splits import Splits
from predictions.exports.types.archive import Entry
from predictions.exports.types.objects import Object, Scheme, is_crowd, text_of
from predictions.exports.types.voc import Marked, document


def entries(found: Iterable[ImageItem], scheme: Scheme) -> Iterator[Entry]:
    """Files below `Annotations/`, then the images' names by split below `ImageSets/Main/`."""
    with Splits() as splits:
        for item in found:
            splits.add(splits.name_of(item), item.stem)
            width, height = item.picture.told_size or (0, 0)
            marked = [_marked(one, item) for one in objects_in(item, scheme, [BOX])]
            version = (item.given.model_version or "") if item.given.is_prediction else None
            content = document(item.name, (int(width), int(height)), marked, version)
            yield f"Annotations/{item.stem}.xml", [content]
        for name, stems in splits.lists():
            yield f"ImageSets/Main/{name}.txt", stems


def _marked(one: Object, item: ImageItem) -> Marked:
    refuse_padded(one.label, item.place_of(one.region))
    x, y, width, height = one.shape.box_xywh_px
    score = text_of(score_of(one)) if item.given.is_prediction else None
    corners = tuple(map(text_of, (x + 1, y + 1, x + width, y + height)))
    return Marked(one.label, corners, score, is_difficult=is_crowd(one))
