"""Masks that cover a part of their image, placed in it."""

import io
import zlib
from typing import Any

import numpy as np

from predictions.formats import masks
from predictions.formats.content import Mask, Size
from predictions.formats.masks import BadMask
from predictions.regions.brush import MAX_MASK_PIXELS
from predictions.regions.geometry import Allowance

#: Of a header of numpy's format; masks have a byte a pixel.
MOST_HEADER = 1 << 16
#: Booleans (height, width), and the place of their first pixel in the image.
Placed = tuple[Any, int, int]


def placed(crop: Any, left: int, top: int, size: Size, work: Allowance) -> Mask:
    """Booleans (height, width) whose first pixel is (left, top) of the image; what lies outside of
    the image is cut off. BadMask for an image that is too large. `work` is what painting it is
    taken from.
    """
    from pycocotools import mask as coco_mask

    masks.check_size(size)
    width, height = size
    work.take(width * height + 4 * crop.size)
    painted = np.zeros((height, width), dtype=np.uint8, order="F")
    across, down = (
        slice(max(left, 0), left + crop.shape[1]),
        slice(max(top, 0), top + crop.shape[0]),
    )
    if across.stop > 0 and down.stop > 0:
        inside = painted[down, across]
        first = max(-top, 0), max(-left, 0)
        inside[...] = crop[
            first[0] : first[0] + inside.shape[0], first[1] : first[1] + inside.shape[1]
        ]
    return Mask(coco_mask.encode(painted)["counts"], height, width)


def stretched(crop: Any, box_px: tuple[float, float, float, float], size: Size) -> Placed:
    """Booleans (height, width) drawn over a box (x, y, width, height) of the image, nearest pixels,
    and where the first of those within the image lies. A mask that is as large as its box, to the
    pixel that rounding adds or takes away, stays as it is.
    """
    masks.check_size(size)
    x, y, width, height = box_px
    left, top = round(x), round(y)
    across, down = max(round(width), 1), max(round(height), 1)
    if abs(crop.shape[1] - across) <= 1 and abs(crop.shape[0] - down) <= 1:
        return crop, left, top
    columns = np.arange(max(left, 0), min(left + across, size[0]))
    rows = np.arange(max(top, 0), min(top + down, size[1]))
    from_columns = ((columns - left + 0.5) * crop.shape[1] / across).astype(np.int64)
    from_rows = ((rows - top + 0.5) * crop.shape[0] / down).astype(np.int64)
    return crop[np.ix_(from_rows, from_columns)], max(left, 0), max(top, 0)


def of_runs(runs: list[int], width: int, height: int) -> Any:
    """Booleans (height, width) of run lengths row by row, the first of pixels outside."""
    masks.check_size((width, height))
    if any(run < 0 for run in runs) or sum(runs) != width * height:
        raise BadMask(f"its runs make {sum(runs):,} pixels of {width} x {height}.")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(height, width)


def of_packed_array(packed: bytes) -> Any:
    """Booleans (height, width) of a numpy file that zlib packed. BadMask for any other, or one that
    unpacks to more than a mask may have; nothing that numpy would unpickle is read.
    """
    most = MAX_MASK_PIXELS + MOST_HEADER
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, most)
    except zlib.error:
        raise BadMask("its mask is nothing that zlib packed.") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise BadMask(f"its mask is cut short, or unpacks to over {most:,} bytes.")
    file = io.BytesIO(content)
    try:
        npy: Any = np.lib.format
        version = npy.read_magic(file)
        read = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read(file)
    except (ValueError, KeyError, EOFError) as exc:
        raise BadMask(f"its mask is no array: {exc!s:.200}.") from None
    if len(shape) != 2 or dtype.kind not in "bu" or dtype.itemsize != 1:
        raise BadMask(f"its mask is an array of {dtype} of {len(shape)} dimensions, no mask.")
    values = np.frombuffer(content, dtype=np.uint8, offset=file.tell())
    if min(shape) < 1 or values.size != shape[0] * shape[1]:
        raise BadMask(f"its mask has {values.size:,} pixels of {shape[1]} x {shape[0]}.")
    return values.reshape(shape, order="F" if is_fortran else "C") > 0


def of_picture(content: bytes) -> Any:
    """Booleans (height, width) of a PNG: what is not black. BadMask for any other, or a larger."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            masks.check_size(picture.size)
            return np.asarray(picture.convert("L")) > 0
    except BadMask:
        raise
    except Exception as exc:  # decoders raise bare exceptions of many kinds
        raise BadMask(f"its mask is no PNG: {type(exc).__name__}.") from None
