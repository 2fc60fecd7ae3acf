"""Brush masks as images, black and white, or as NumPy arrays of 0 and 255, a file for each region.

A mask is of its own raster: a region without a size of its own is left out, as is one of a raster
that nobody could hold.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from predictions.exports.types.archive import Entry
from predictions.exports.types.given import UNSAFE, UNVERSIONED, Given
from predictions.exports.types.objects import Picture, Scheme
from predictions.regions.brush import MAX_MASK_PIXELS
from predictions.regions.controls import shape_of
from predictions.regions.errors import GeometryError
from predictions.regions.geometry import Rle, rle_mask
from predictions.regions.labels import Partners, PassedOver, region_labels
from predictions.regions.shapes import region_shape
from predictions_api import memory

Mask = npt.NDArray[np.uint8]


def png(mask: Mask) -> bytes:
    """A grey image of (height, width) values."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(mask).save(file, format="PNG")
    return file.getvalue()


def npy(mask: Mask) -> bytes:
    """NumPy's own file of a (height, width) array."""
    file = io.BytesIO()
    np.save(file, mask, allow_pickle=False)
    return file.getvalue()


def entries(
    pictures: Iterable[Picture], scheme: Scheme, encode: Callable[[Mask], bytes], suffix: str
) -> Iterator[Entry]:
    """A file for each mask, named as label-studio-converter names it."""
    for picture in pictures:
        for given in picture.given:
            seen: Counter[str] = Counter()
            for name, rle in _masks(given, scheme):
                try:
                    content = _encoded(rle, encode)
                except GeometryError:
                    continue
                whole = f"{_whose(picture, given)}-{name}"
                yield f"{whole}-{seen[name]}.{suffix}", [content]
                seen[name] += 1


def _encoded(rle: Rle, encode: Callable[[Mask], bytes]) -> bytes:
    height, width = rle["size"]
    # The mask, and its file while it is written.
    with memory.held(3 * min(width * height, MAX_MASK_PIXELS)):
        mask = rle_mask(rle).view(np.uint8)
        mask *= 255
        return encode(mask)


def _whose(picture: Picture, given: Given) -> str:
    kind = "prediction" if given.is_prediction else "annotation"
    by: Any = given.model_version if given.is_prediction else given.document["completed_by"]
    author = UNSAFE.sub("_", str(by or ""))[:100] or UNVERSIONED
    return f"task-{picture.task_id}-{kind}-{given.id}-by-{author}"


def _masks(given: Given, scheme: Scheme) -> Iterator[tuple[str, Rle]]:
    partners = Partners(given.regions)
    for region in given.regions:
        if shape_of(region.get("type")) != "brush" or not scheme.holds(region):
            continue
        try:
            rle = region_shape(region).rle
            labels = region_labels(region, partners.of(region), scheme.unlabelled)
        except (GeometryError, PassedOver):
            continue
        if rle is not None:
            name = "-".join([str(region.get("from_name") or ""), *labels])
            yield UNSAFE.sub("_", name)[:100], rle
