"""One annotation or result of a COCO file, as a region."""

import math
from collections.abc import Mapping, Sequence, Set, Sized
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
import numpy as np
from msgspec import Raw, Struct

from predictions.formats import masks
from predictions.formats.content import Box, Mask, Polygon, Pose, Region, Shape, Size, size_of
from predictions.formats.errors import Errors
from predictions.formats.masks import BadMask
from predictions.formats.readers.columns import NO_AREA
from predictions.formats.readers.documents import where
from predictions.formats.scores import MOST_SCORE
from predictions.regions.geometry import Allowance

Id = int | str
T = TypeVar("T")
Four = tuple[float, float, float, float]
#: What an entry has that has no segmentation.
NONE = Raw()
KNOWN_CROWDS = frozenset({None, 0, 1})
EMPTY = frozenset({b"", b"null", b"[]", b"{}", b"[[]]"})
LONGEST_EMPTY = max(map(len, EMPTY))
SOME = (
    "Only {n:,} of {all:,} objects have a segmentation: boxes are read."
    " --shapes masks reads segmentations."
)
SOME_POSES = (
    "Only {n:,} of {all:,} objects have keypoints: boxes are read."
    " --shapes keypoints reads key points."
)
SHIFTED = (
    "{id} is not among the categories. All ids fit when {offset:+d} is added to each: if that is"
    " how they were written, give --category-offset {offset}."
)
SAME_NAME = (
    "The categories {ids} are all called {name!r:.200}: they are one class here, where pycocotools"
    " counts them apart. Give them names of their own."
)
LVIS = (
    "LVIS's neg_category_ids and not_exhaustive_category_ids are kept in each task's meta and not"
    " applied: its average precision has other rules."
)
BEST = (
    "{n:,} detections are left out: LVIS counts the {most} best of an image. The format coco reads"
    " all."
)
FROM_ONE = (
    "No result is of class number 0, {zero!r}, and all would fit if they counted from 1: {first} is"
    " read as {one!r}, and not as {other!r}. If they count so, give --category-offset -1; else 0."
)
TWO_NAMES = (
    "the image_id {id!r:.100} stands beside two file names, {one!r:.200} and {other!r:.200}."
)
NO_SIZE = "its image has no width and height in the file: give --images, or add them."


class Entry(Struct):
    """An annotation, or a result. `segmentation` stays text until it is needed."""

    image_id: Id
    category_id: int
    bbox: Four | None = None
    segmentation: Raw = NONE
    keypoints: list[float] | None = None
    num_keypoints: int | None = None
    score: float | None = None
    area: float | None = None
    iscrowd: int | bool | None = None
    file_name: str | None = None


class Runs(Struct):
    """A mask by its run lengths; `size` is [height, width]."""

    size: tuple[int, int]
    counts: str | list[int]


class Raster(Struct):
    """What a mask was drawn on; `size` is [height, width]."""

    size: tuple[int, int]


class Rasters(dict[Id, Size]):
    """By image the width and height of the first mask by run lengths: that is how large its file
    had the image, whatever else is told of it.
    """

    def see(self, entry: Entry) -> None:
        """Looks at an entry, the first of its image alone."""
        if entry.image_id in self or not _has_runs(entry):
            return
        with suppress(msgspec.MsgspecError):
            height, width = msgspec.json.decode(entry.segmentation, type=Raster).size
            if (size := size_of(width, height)) is not None:
                self[entry.image_id] = size


class FileNames(dict[Id, str]):
    """By image the name of its file, as the first result of it that tells one has it."""

    def __init__(self) -> None:
        super().__init__()
        #: Of an image that has another one elsewhere: that.
        self.others: dict[Id, str] = {}

    def see(self, entry: Entry) -> None:
        """Looks at a result."""
        if entry.file_name:
            name = entry.file_name.replace("\\", "/")
            if self.setdefault(entry.image_id, name) != name:
                self.others.setdefault(entry.image_id, name)

    def check(self, place: str, errors: Errors) -> None:
        """An error for each image of two names: nobody knows of which its results are."""
        for image_id, other in self.others.items():
            errors.add(place, TWO_NAMES.format(id=image_id, one=self[image_id], other=other))


class BadEntry(ValueError):
    """The entry cannot be read; `inside` is where in it."""

    def __init__(self, inside: str, message: str) -> None:
        super().__init__(message)
        self.inside = inside
        self.message = message


def partly(entries: Mapping[Id, Sized], n_segments: int, n_poses: int) -> list[str]:
    """Warnings where boxes are read of entries, by image, of which some have more, and others have
    not.
    """
    n_all = sum(map(len, entries.values()))
    told = ((SOME, n_segments), (SOME_POSES, n_poses))
    return [text.format(n=n, all=n_all) for text, n in told if 0 < n < n_all]


def has_segmentation(entry: Entry) -> bool:
    """Whether it has one, and it is not empty."""
    segmentation = entry.segmentation
    return len(memoryview(segmentation)) > LONGEST_EMPTY or bytes(segmentation) not in EMPTY


def is_mask(entry: Entry) -> bool:
    """Whether its segmentation is no outline of one part."""
    text = bytes(entry.segmentation)
    return text.startswith(b"{") or text.count(b"[") > 2


def check(entry: Entry) -> None:
    """BadEntry for numbers that no box, area or key point has."""
    if entry.bbox is not None:
        # Four finite numbers may have an infinite sum.
        if not math.isfinite(sum(entry.bbox)) and not all(map(math.isfinite, entry.bbox)):
            raise BadEntry(".bbox", "a number is not finite.")
        if entry.bbox[2] < 0 or entry.bbox[3] < 0:
            raise BadEntry(".bbox", "width and height may not be negative.")
    if entry.area is not None and not 0 <= entry.area < math.inf:
        raise BadEntry(".area", f"{entry.area:g} is no area.")
    if entry.iscrowd not in KNOWN_CROWDS:
        raise BadEntry(".iscrowd", f"{entry.iscrowd} is neither 0 nor 1.")
    points = entry.keypoints
    if points is not None and (len(points) % 3 or not all(map(math.isfinite, points))):
        raise BadEntry(".keypoints", "must be finite numbers, three for each point.")


def plain(
    entries: Sequence[Entry], *, is_result: bool, is_boxes: bool
) -> tuple[Any, Any, bytes] | None:
    """Boxes, float64 (n, 4), scores of results or areas of objects, float64 (n,), and which are
    crowds. None unless each entry is a box that `check` lets pass, and nothing else besides; with
    `is_boxes` it may have a segmentation, which is not read.
    """
    boxes = [entry.bbox for entry in entries]
    scores = [entry.score for entry in entries]
    areas = [entry.area for entry in entries]
    more = [
        (is_boxes or entry.segmentation is NONE) and entry.keypoints is None for entry in entries
    ]
    is_scored = [score is not None for score in scores]
    if not entries or None in boxes or False in more or (not is_result) in is_scored:
        return None
    if not {entry.iscrowd for entry in entries} <= KNOWN_CROWDS:
        return None
    if [True for area in areas if area is not None and not 0 <= area < math.inf]:
        return None
    sides = np.array(boxes)
    facts = np.array(scores if is_result else [NO_AREA if a is None else a for a in areas])
    if not np.isfinite(sides).all() or sides[:, 2:].min() < 0:
        return None
    if is_result and not ((facts >= 0) & (facts <= MOST_SCORE)).all():
        return None
    return sides, facts, bytes([bool(entry.iscrowd) for entry in entries])


def name_unknown(
    unknown: Sequence[tuple[str, int]],
    used: Set[int],
    class_ids: Mapping[int, str],
    offset: int | None,
    errors: Errors,
) -> None:
    """Errors for entries of classes that there are not, by place and number; BadFile where all
    numbers that are used would fit if one were added, or taken away. `offset` is None where
    nothing can be added.
    """
    if not unknown:
        return
    place, first = unknown[0]
    for more in (1, -1):
        if offset == 0 and all(one + more in class_ids for one in used):
            raise errors.stop(place, SHIFTED.format(id=first, offset=more))
    for place, one in unknown:
        shifted = f" (with the offset {one + offset})" if offset else ""
        errors.add(place, f"{one}{shifted} is not among the categories.")


def counted_from_one(used: Set[int], class_ids: Mapping[int, str]) -> list[str]:
    """A warning where numbers of classes that count from 0 may count from 1: as ultralytics has
    written its results since 8.3.49.
    """
    if not used or 0 not in class_ids or 0 in used or not all(n - 1 in class_ids for n in used):
        return []
    first = min(used)
    told = {"zero": class_ids[0], "first": first, "other": class_ids[first - 1]}
    return [FROM_ONE.format(one=class_ids.get(first), **told)] if first in class_ids else []


def same_names(used: Set[int], class_ids: Mapping[int, str]) -> list[str]:
    """A warning where several categories that are used have one name: a labelling config has a
    label once.
    """
    by_name: dict[str, list[int]] = {}
    for id_ in sorted(used & class_ids.keys()):
        by_name.setdefault(class_ids[id_], []).append(id_)
    several = [(name, ids) for name, ids in by_name.items() if len(ids) > 1]
    return [SAME_NAME.format(ids=", ".join(map(str, ids)), name=name) for name, ids in several[:1]]


def box_of(entry: Entry) -> Box:
    """Its box; of a result that has key points or run lengths alone, the box around them."""
    if entry.bbox is not None:
        return Box(*entry.bbox)
    points = entry.keypoints
    if not points and _has_runs(entry):
        return masks.box_of(_mask_of(entry, None))
    if not points:
        raise BadEntry("", "has no bbox.")
    left, top = min(points[0::3]), min(points[1::3])
    return Box(left, top, max(points[0::3]) - left, max(points[1::3]) - top)


def pose_of(entry: Entry, names: Sequence[str], *, is_result: bool) -> Pose:
    """Points with v above 0; of a result, whose v says nothing, all that are not three zeros."""
    given = entry.keypoints
    if given is None:
        raise BadEntry("", "has no keypoints.")
    if len(given) != 3 * len(names):
        raise BadEntry(
            ".keypoints", f"has {len(given) // 3} points, and its category names {len(names)}."
        )
    points, hidden = {}, set()
    for n, name in enumerate(names):
        x, y, v = given[3 * n : 3 * n + 3]
        if v > 0 or (is_result and (x or y or v)):
            points[name] = (x, y)
            if v == 1 and not is_result:
                hidden.add(name)
    if entry.num_keypoints == 0 and points and not is_result:
        raise BadEntry(".num_keypoints", f"is 0, and v of {len(points)} points is above 0.")
    return Pose(box_of(entry), points, frozenset(hidden))


def segment_of(entry: Entry, size: Size | None, work: Allowance) -> Polygon | Mask:
    """One outline as a polygon; several, or runs, as a mask of the image's size."""
    if not has_segmentation(entry):
        raise BadEntry("", "has no segmentation; to read boxes alone: --shapes boxes.")
    if _has_runs(entry):
        return _mask_of(entry, size)
    parts = _segmentation(entry, list[list[float]])
    for n, part in enumerate(parts):
        if len(part) < 6 or len(part) % 2 or not all(map(math.isfinite, part)):
            raise BadEntry(
                f".segmentation[{n}]", "must be six finite numbers or more, two for each point."
            )
    if len(parts) == 1:
        return Polygon(list(zip(parts[0][0::2], parts[0][1::2], strict=True)))
    if size is None:
        raise BadEntry("", NO_SIZE)
    try:
        return masks.of_parts(parts, size, work)
    except BadMask as exc:
        raise BadEntry(".segmentation", str(exc)) from None


def _segmentation(entry: Entry, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(entry.segmentation, type=type_)
    except msgspec.MsgspecError as exc:
        inside, message = where(exc)
        raise BadEntry(f".segmentation{inside}", message) from None


def _has_runs(entry: Entry) -> bool:
    # An outline may be long: no more of it is copied than tells.
    return bytes(memoryview(entry.segmentation)[:1]) == b"{"


def _mask_of(entry: Entry, size: Size | None) -> Mask:
    runs = _segmentation(entry, Runs)
    height, width = runs.size
    if size is not None and size != (width, height):
        other = f"its size is {width} x {height}, its image's {size[0]} x {size[1]}."
        raise BadEntry(".segmentation", other)
    try:
        if isinstance(runs.counts, str):
            return masks.of_compressed(runs.counts, (width, height))
        return masks.of_runs(runs.counts, (width, height))
    except BadMask as exc:
        raise BadEntry(".segmentation", str(exc)) from None


def region(
    entry: Entry,
    label: str,
    shape: Shape,
    divisor: float | None,
    place: str,
) -> Region:
    """The region with what COCO says besides as its meta; of a result with its score as a share of
    one, of an annotation, whose `divisor` is None, with its area.
    """
    meta: dict[str, Any] = {}
    if entry.iscrowd:
        meta["iscrowd"] = 1
    if divisor is None:
        if entry.area is not None:
            meta["area"] = entry.area
        return Region((label,), shape, None, meta or None, place)
    score = None if entry.score is None else entry.score / divisor
    return Region((label,), shape, score, meta or None, place)


def names_of(points: Mapping[str, Sequence[str]], label: str) -> Sequence[str]:
    """The key points of a class. BadEntry where it has none."""
    names = points.get(label)
    if not names:
        raise BadEntry(".keypoints", f"the category {label!r} names no key points.")
    return names
