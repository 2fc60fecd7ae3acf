"""Boxes and masks in pixels.

Percentages become pixels in float64, rounded to nine decimals: whole pixels and hundredths of a
file come back as they were. A box is [x, y, width, height], a mask a COCO run-length encoding.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from predictions.regions.brush import MAX_MASK_PIXELS
from predictions.regions.errors import MaskTooLarge, TooFewPoints, TooMuchToDraw

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

# COCO's run lengths are 32 bits wide, so height x width must stay below 2**32.
LONGEST_SIDE_PX = 2**16 - 1

# The rasteriser walks every pixel of a polygon's outline, so a far-away point would stall it.
FARTHEST_PCT = 1000.0

#: How long one outline may be; the rasteriser keeps 80 bytes for each pixel of it. Around an image
#: of COCO or LVIS are 2,600 pixels, around the largest image there can be 260,000.
LONGEST_OUTLINE_PX = 1_000_000

#: What rasterising the shapes of one image may take: some nanoseconds each, two seconds together.
#: Outlines take sixteen a pixel, brush masks some for each byte of their stream, bitmasks some for
#: each pixel, and both one for each pixel of the box around what is painted.
STEPS_OF_IMAGE = 2**29
STEPS_OF_OUTLINE_PX, STEPS_OF_STREAM_BYTE, STEPS_OF_PNG_PX = 16, 128, 4

#: Decimals of a pixel: finer than any file's, coarser than what float64 loses on the way. With six,
#: a third of a picture and its half overlapped by 0.50000001.
PIXEL_DECIMALS = 9

Size = tuple[float, float]


@dataclass(slots=True)
class Allowance:
    """What rasterising may still take of one image."""

    left: int = STEPS_OF_IMAGE

    def take(self, steps: float) -> None:
        """`TooMuchToDraw` where less is left, and nothing is taken."""
        if steps > self.left:
            raise TooMuchToDraw(f"{steps:,.0f} steps of {self.left:,} that are left")
        self.left -= math.ceil(steps)


class Rle(TypedDict):
    """A mask as pycocotools keeps it: size is [height, width], counts the compressed runs."""

    size: list[int]
    counts: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One region in pixels. `rle` is None exactly for a rectangle, turned or not."""

    box_xywh_px: tuple[float, float, float, float]
    #: float64 (n, 2) outline of a polygon, an ellipse or a turned rectangle, None for the others.
    #: A turned rectangle's corners run round it from the stored one.
    points_px: Floats | None
    rle: Rle | None
    width_px: int
    height_px: int

    @property
    def is_turned(self) -> bool:
        """Whether it is a rectangle that does not lie along the image's sides."""
        return self.rle is None and self.points_px is not None

    @property
    def area_px(self) -> float:
        """Square pixels: of a mask those it covers, of a rectangle width x height."""
        if self.rle is not None:
            return rle_area(self.rle)
        if self.points_px is None:
            return self.box_xywh_px[2] * self.box_xywh_px[3]
        first, second, _, last = self.points_px
        width, height = (float(np.hypot(*(one - first))) for one in (second, last))
        return round(width, PIXEL_DECIMALS) * round(height, PIXEL_DECIMALS)


def pixel_boxes(boxes_xywh_pct: npt.ArrayLike, sizes_wh_px: npt.ArrayLike) -> Floats:
    """Boxes in pixels, float64 (n, 4), to nine decimals and in the order given; (0, 4) for none.

    `boxes_xywh_pct` is (n, 4) in percent of the image, `sizes_wh_px` (n, 2) or (2,) its size.
    Percent values are as Label Studio stores them:
    https://labelstud.io/guide/task_format#Units-of-image-annotations
    """
    boxes = np.asarray(boxes_xywh_pct, dtype=np.float64).reshape(-1, 4)
    sizes = np.asarray(sizes_wh_px, dtype=np.float64).reshape(-1, 2)
    found: Floats = np.round(boxes / 100 * np.concatenate([sizes, sizes], axis=1), PIXEL_DECIMALS)
    return found


def rotated_corners(box_xywh_px: npt.ArrayLike, rotation_deg: float) -> Floats:
    """Corners, float64 (4, 2): the stored corner first, then clockwise on the screen.

    Label Studio turns a rectangle clockwise, in degrees, about its stored (x, y) corner;
    label_studio_sdk.converter.utils.convert_annotation_to_yolo_obb reads it the same way.
    """
    x, y, width, height = np.asarray(box_xywh_px, dtype=np.float64).tolist()
    angle = math.radians(rotation_deg)
    # In plain numbers: four corners are too few for arrays to be quicker.
    cosine, sine = math.cos(angle), math.sin(angle)
    right, low = x + cosine * width, y + sine * width
    across, down = -sine * height, cosine * height
    return np.array(
        [(x, y), (right, low), (right + across, low + down), (x + across, y + down)],
        dtype=np.float64,
    )


def polygon_rle(
    points_px: npt.ArrayLike,
    *,
    width_px: int,
    height_px: int,
    allowance: Allowance | None = None,
) -> Rle:
    """The polygon's pixels by COCO's rasteriser, cut off at the image's edge.

    `points_px` is (n, 2), n >= 3, else `TooFewPoints`; an image side beyond 65,535 pixels is
    `MaskTooLarge`, an outline longer than LONGEST_OUTLINE_PX or than the allowance `TooMuchToDraw`.
    Raster and geometric area differ on small shapes; COCO counts pixels, so do we.
    """
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    if len(points) < 3:
        raise TooFewPoints(f"got {len(points)}")
    if max(width_px, height_px) > LONGEST_SIDE_PX:
        raise MaskTooLarge(f"{width_px} x {height_px}")
    edges = np.abs(np.diff(points, axis=0, append=points[:1])).max(axis=1)
    length_px = float(edges.sum()) + len(points)
    if length_px > LONGEST_OUTLINE_PX:
        raise TooMuchToDraw(f"an outline of {length_px:,.0f} pixels")
    if allowance is not None:
        allowance.take(STEPS_OF_OUTLINE_PX * length_px)
    rle: Rle = coco_mask.frPyObjects([points.ravel().tolist()], height_px, width_px)[0]
    return rle


def polygon_rles(points_px: Sequence[Floats], *, width_px: int, height_px: int) -> list[Rle]:
    """As `polygon_rle`, many polygons of one image size; that they are not too long is known."""
    flat = [points.ravel() for points in points_px]
    rles: list[Rle] = coco_mask.frPyObjects(flat, height_px, width_px) if flat else []
    return rles


def mask_rle(
    mask: Bools, size: tuple[int, int] | None = None, allowance: Allowance | None = None
) -> Rle:
    """The COCO encoding of a bool (height, width) mask on a raster of this width and height, by
    the nearest pixel; without a size on its own. Works within the box around what is painted.

    `MaskTooLarge` for a raster of more than MAX_MASK_PIXELS, `TooMuchToDraw` beyond the allowance.
    """
    width_px, height_px = size or mask.shape[::-1]
    if width_px * height_px > MAX_MASK_PIXELS:
        raise MaskTooLarge(f"{width_px} x {height_px}")
    allowance = allowance or Allowance()
    # Looking for what is painted goes eight times as quick as encoding it.
    allowance.take(mask.size / 8)
    row_of, column_of = (
        ((np.arange(ours) + 0.5) * (theirs / ours)).astype(np.int64)
        for ours, theirs in zip((height_px, width_px), mask.shape, strict=True)
    )
    rows = np.flatnonzero(np.asarray(mask.any(axis=1))[row_of])
    if not len(rows):
        return empty_rle(width_px=width_px, height_px=height_px)
    top, bottom = rows[0], rows[-1] + 1
    painted = np.asarray(mask[row_of[top] : row_of[bottom - 1] + 1].any(axis=0))
    columns = np.flatnonzero(painted[column_of])
    if not len(columns):
        return empty_rle(width_px=width_px, height_px=height_px)
    left, right = columns[0], columns[-1] + 1
    allowance.take((bottom - top) * (right - left))
    patch = mask[np.ix_(row_of[top:bottom], column_of[left:right])]
    return _patch_rle(patch, int(left), int(top), (height_px, width_px))


def _patch_rle(patch: Bools, left: int, top: int, size: tuple[int, int]) -> Rle:
    """The encoding of a mask of this height and width that is painted within a patch alone."""
    height, width = patch.shape
    # An empty pixel above and below each column: what begins in a column ends in it.
    framed = np.zeros((width, height + 2), dtype=np.bool_)
    framed[:, 1:-1] = patch.T
    flat = framed.ravel()
    column, row = np.divmod(np.flatnonzero(flat[1:] != flat[:-1]), height + 2)
    turns = (column + left) * size[0] + row + top
    # A run that fills a column to its end goes on in the next one.
    meets = np.flatnonzero(turns[1:] == turns[:-1])
    turns = np.delete(turns, np.concatenate([meets, meets + 1]))
    counts = np.diff(turns, prepend=0, append=size[0] * size[1]).tolist()
    # COCO's own encoder ends with the last pixel, too.
    counts = counts if counts[-1] or len(counts) == 1 else counts[:-1]
    rle: Rle = coco_mask.frPyObjects({"size": list(size), "counts": counts}, *size)
    return rle


def empty_rle(*, width_px: int, height_px: int) -> Rle:
    """The encoding of a mask that covers nothing."""
    if max(width_px, height_px) > LONGEST_SIDE_PX:
        raise MaskTooLarge(f"{width_px} x {height_px}")
    rle: Rle = coco_mask.frPyObjects(
        {"size": [height_px, width_px], "counts": [height_px * width_px]}, height_px, width_px
    )
    return rle


def rle_mask(rle: Rle) -> Bools:
    """The bool (height, width) mask of a COCO encoding, which runs column by column. `MaskTooLarge`
    for one of more than MAX_MASK_PIXELS: nothing is painted in few bytes, whatever the raster.

    pycocotools' own decode warns under numpy 2, so its runs are read here.
    """
    height, width = rle["size"]
    if width * height > MAX_MASK_PIXELS:
        raise MaskTooLarge(f"{width} x {height}")
    runs = run_lengths(rle["counts"])
    is_inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(is_inside, runs).reshape(width, height).T


def run_lengths(counts: bytes) -> Ints:
    """COCO's compressed counts, int64 (n,): outside and inside of the mask in turns."""
    runs, _ = _numbers(counts)
    for parity in (1, 2):
        runs[parity::2] = runs[parity::2].cumsum()
    return runs


def _numbers(counts: bytes) -> tuple[Ints, Ints]:
    """The numbers of COCO's compressed counts, int64 (n,), and where the last byte of each is.

    Five bits a character, the lowest first; from the fourth on relative to two before.
    Source: rleToString in https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c
    """
    bits = np.frombuffer(counts, dtype=np.uint8) - 48
    last = np.flatnonzero(bits & 32 == 0)
    # The highest five bits have the sign.
    numbers = ((bits[last].astype(np.int64) & 31) ^ 16) - 16
    n_more = np.diff(last, prepend=-1) - 1
    longer = np.flatnonzero(n_more)
    for n in range(1, int(n_more.max(initial=0)) + 1):
        longer = longer[n_more[longer] >= n]
        numbers[longer] = numbers[longer] << 5 | bits[last[longer] - n] & 31
    return numbers, last


def inside_runs(rles: Sequence[Rle]) -> tuple[Ints, Ints, Ints]:
    """The runs within masks: the first pixel of each, the one after its last, and the mask's place
    among all; int64 (n,) each, by mask and then by pixel. Pixels run column by column.
    """
    counts = [rle["counts"] for rle in rles]
    numbers, last = _numbers(b"".join(counts))
    ends = np.searchsorted(last, np.cumsum([len(one) for one in counts], dtype=np.int64))
    n_runs = np.diff(ends, prepend=0)
    # A row for each run outside and the one inside that follows: of the last there may be none.
    n_rows = (n_runs + 1) // 2
    has_rows = n_rows > 0
    begin = (np.cumsum(n_rows) - n_rows)[has_rows]
    rows = np.zeros(2 * int(n_rows.sum()), dtype=np.int64)
    rows[np.arange(len(numbers)) + np.repeat(np.cumsum(n_runs % 2) - n_runs % 2, n_runs)] = numbers
    outside, inside = rows[0::2].copy(), rows[1::2]
    # The third run is told as it is, the fifth relative to it: the first is in no sum.
    told, outside[begin] = outside[begin], 0
    outside, inside = (_sums(one, begin, n_rows[has_rows]) for one in (outside, inside))
    outside[begin] = told
    inside[np.cumsum(n_rows)[n_runs % 2 == 1] - 1] = 0
    end = _sums(outside + inside, begin, n_rows[has_rows])
    mask = np.repeat(np.arange(len(counts)), n_rows)
    covers = inside > 0
    end, inside = end[covers], inside[covers]
    return end - inside, end, mask[covers]


def _sums(numbers: Ints, begin: Ints, lengths: Ints) -> Ints:
    """The running sums of groups that begin at these places, each group for itself."""
    sums = np.cumsum(numbers)
    sums -= np.repeat(sums[begin] - numbers[begin], lengths)
    return sums


def rle_area(rle: Rle) -> int:
    """How many pixels the mask covers."""
    return int(coco_mask.area(rle))


def rle_areas(rles: Sequence[Rle]) -> Floats:
    """How many pixels each of the masks covers, float64 (n,)."""
    # At once by hotcoco: pycocotools takes them one by one under numpy 2.
    from hotcoco import mask as hotcoco_mask

    listed: list[Any] = list(rles)
    found: Floats = np.asarray(hotcoco_mask.area(listed), dtype=np.float64)
    return found


def shape_rle(shape: Shape, allowance: Allowance | None = None) -> Rle:
    """The shape's mask; a rectangle is rasterised as COCO rasterises a box.

    The part of it that is outside of the image is cut off before, which changes no pixel; of a
    turned one it is not.
    """
    if shape.rle is not None:
        return shape.rle
    size = shape.width_px, shape.height_px
    corners = shape.points_px
    if corners is None:
        corners = np.clip(rotated_corners(shape.box_xywh_px, 0), 0, size)
    return polygon_rle(
        corners, width_px=shape.width_px, height_px=shape.height_px, allowance=allowance
    )
