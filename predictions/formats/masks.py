"""Masks of files as COCO's compressed run lengths, merged and checked. Exact to the pixel."""

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask

from predictions.formats.content import Box, Mask, Size
from predictions.formats.errors import BadFile, FileError
from predictions.regions.brush import MAX_MASK_PIXELS, encode_brush
from predictions.regions.errors import GeometryError
from predictions.regions.geometry import LONGEST_SIDE_PX, Allowance, polygon_rle, run_lengths
from predictions_api import memory

TOO_MUCH = "The masks take more work than a request may make: `manage.py load` takes them."


class Work(Allowance):
    """What painting the masks of a request's files may take, in the steps of an Allowance."""

    def take(self, steps: float) -> None:
        """BadFile where less is left."""
        if steps > self.left:
            raise BadFile([FileError("", TOO_MUCH)])
        super().take(steps)


class BadMask(ValueError):
    """What is given is no mask of the image; the text says why."""


def check_size(size: Size) -> None:
    """BadMask for an image that has no pixels, or more than a mask may have."""
    width, height = size
    if width * height > MAX_MASK_PIXELS:
        raise BadMask(f"a mask of {width} x {height} has over {MAX_MASK_PIXELS:,} pixels.")
    if min(size) < 1 or max(size) > LONGEST_SIDE_PX:
        raise BadMask(f"a mask of {width} x {height}: its sides are 1 to {LONGEST_SIDE_PX:,}.")


def of_parts(parts: Sequence[Sequence[float]], size: Size, work: Allowance) -> Mask:
    """Outlines `[x1, y1, x2, y2, ...]` as one mask, merged as COCO merges them. `work` is what
    painting it is taken from.
    """
    check_size(size)
    width, height = size
    try:
        rles = [
            polygon_rle(np.reshape(part, (-1, 2)), width_px=width, height_px=height, allowance=work)
            for part in parts
        ]
    except GeometryError as exc:
        raise BadMask(f"{exc}.") from None
    return Mask(coco_mask.merge(rles)["counts"], height, width)


def of_runs(counts: Sequence[int], mask_size: Size) -> Mask:
    """Uncompressed run lengths, column by column; the first is of pixels outside."""
    check_size(mask_size)
    width, height = mask_size
    if any(run < 0 for run in counts) or sum(counts) != width * height:
        raise BadMask(f"its runs make {sum(counts):,} pixels of {width} x {height}.")
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": list(counts)}, height, width)
    return Mask(rle["counts"], height, width)


def of_compressed(counts: str, mask_size: Size) -> Mask:
    """COCO's compressed run lengths."""
    check_size(mask_size)
    width, height = mask_size
    try:
        packed = counts.encode("ascii")
    except UnicodeEncodeError:
        raise BadMask("its counts are no run lengths.") from None
    if not packed or min(packed) < 48 or max(packed) > 111 or packed[-1] - 48 & 32:
        raise BadMask("its counts are no run lengths.")
    runs = run_lengths(packed)
    if runs.min() < 0 or int(runs.sum()) != width * height:
        raise BadMask(f"its runs make {int(runs.sum()):,} pixels of {width} x {height}.")
    return Mask(packed, height, width)


def box_of(mask: Mask) -> Box:
    """Around its pixels, in pixels; of a mask without any, nothing at the first corner."""
    rle = {"size": [mask.height, mask.width], "counts": mask.counts}
    return Box(*coco_mask.toBbox(rle).tolist())


def stream_of(mask: Mask, work: Allowance) -> list[int]:
    """The mask as Label Studio's brush stream. `work` is what painting it is taken from."""
    ends = run_lengths(mask.counts).cumsum()
    starts, stops = ends[: len(ends) // 2 * 2 : 2], ends[1::2]
    painted = np.flatnonzero(stops > starts)
    first, last = 0, 0
    if len(painted):
        # The columns that have paint.
        first = int(starts[painted[0]]) // mask.height
        last = -(-int(stops[painted[-1]]) // mask.height)
    n_pixels = (last - first) * mask.height
    work.take(n_pixels / 2)
    with memory.held(4 * n_pixels):
        turns = np.clip(ends, first * mask.height, last * mask.height)
        runs = np.diff(turns, prepend=first * mask.height)
        strip = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(last - first, mask.height)
        rows = np.flatnonzero(strip.any(axis=0))
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        return encode_brush(
            strip[:, top:bottom].T,
            left=first,
            top=top,
            width_px=mask.width,
            height_px=mask.height,
        )
