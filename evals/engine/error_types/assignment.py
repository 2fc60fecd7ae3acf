"""Which kind of error each wrong detection and each missed object of a chunk is (TIDE, 2020).

COCO's matching at an IoU of 0.5, of all detections whatever their score, at most 100 of an image
and class: not the matching that images are counted by. A detection that matches nothing is the
first of these that fits:

- localization: it overlaps an object of its class by 0.1 to 0.5;
- classification: it overlaps one of another class by 0.5 or more;
- duplicate: it overlaps an object of its class enough, which a better detection has;
- background: it overlaps nothing by more than 0.1;
- both: what is left, an object of another class overlapped by 0.1 to 0.5.

An object that nothing matches is missed, but for one that a localization or classification error
would find if it were mended.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from evals.engine.errors import UnreadableState
from evals.engine.events import Ints
from evals.engine.matching import Definition, Detections, Objects, Pairs, Rule
from predictions.regions.geometry import Bools, Floats

POSITIVE_IOU, BACKGROUND_IOU = 0.5, 0.1
#: Detections of an image and class that count.
MOST_DETECTIONS = 100
#: What crowds hold, and what matches, by COCO's rules.
MATCHED = Definition(iou_threshold=POSITIVE_IOU, inclusive=True, rule=Rule.SCORE_CLASS_AWARE)


class ErrorType(IntEnum):
    """The kinds, in TIDE's order."""

    CLASSIFICATION = 0
    LOCALIZATION = 1
    BOTH = 2
    DUPLICATE = 3
    BACKGROUND = 4
    MISSED = 5


#: Of a detection that is right, and of one that stays what it is when its error is mended.
RIGHT = -1
#: Of a detection that is left out when its error is mended.
DROPPED = -1


@dataclass(frozen=True, slots=True)
class Assignment:
    """The detections that count and the missed objects of some images, in the images' order."""

    #: Positions of images in the whole evaluation, int64 (n,).
    image: Ints
    label: Ints
    score: Floats
    #: ErrorType, or RIGHT: int64 (n,).
    kind: Ints
    #: The class in which it would be right if its error were mended, or DROPPED: int64 (n,).
    mended: Ints
    #: Images and classes of missed objects, int64 (n_missed,).
    missed_image: Ints
    missed_label: Ints
    #: Objects of each class, int64 (n_classes,).
    n_objects: Ints

    def of_images(self, is_mine: Bools, positions: Ints, objects: Objects) -> "Assignment":
        """Those of some of the images at these rising positions, which have these objects."""
        mine, missed = (
            is_mine[np.searchsorted(positions, image)] for image in (self.image, self.missed_image)
        )
        counts = _real(objects) & is_mine[objects.image]
        return Assignment(
            self.image[mine],
            self.label[mine],
            self.score[mine],
            self.kind[mine],
            self.mended[mine],
            self.missed_image[missed],
            self.missed_label[missed],
            np.bincount(objects.label[counts], minlength=len(self.n_objects)),
        )

    def to_bytes(self) -> bytes:
        """For `read_assignments`: 25 bytes a detection."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            image=self.image.astype(np.uint32),
            label=self.label.astype(np.uint32),
            score=self.score,
            kind=self.kind.astype(np.int8),
            mended=self.mended.astype(np.int32),
            missed_image=self.missed_image.astype(np.uint32),
            missed_label=self.missed_label.astype(np.uint32),
            n_objects=self.n_objects.astype(np.uint32),
        )
        return buffer.getvalue()


COLUMNS = ("image", "label", "score", "kind", "mended", "missed_image", "missed_label")


def read_assignments(written: Sequence[bytes], n_classes: int) -> Assignment:
    """All that `to_bytes` wrote as one; none give an empty one. `UnreadableState` for others."""
    columns: dict[str, list[Any]] = {name: [np.zeros(0)] for name in COLUMNS}
    n_objects = np.zeros(n_classes, dtype=np.int64)
    for body in written:
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as stored:
                for name, column in columns.items():
                    column.append(stored[name])
                n_objects += stored["n_objects"]
        except (ValueError, KeyError, OSError) as error:
            raise UnreadableState(str(error)) from error
    joined = {
        name: np.concatenate(column).astype(np.float64 if name == "score" else np.int64)
        for name, column in columns.items()
    }
    return Assignment(**joined, n_objects=n_objects)


def assign(
    objects: Objects, detections: Detections, pairs: Pairs, positions: Ints, n_classes: int
) -> Assignment:
    """The errors of a chunk; `pairs` are all that overlap by BACKGROUND_IOU or more, `positions`
    those of its images.

    `is_ignored` of the two sides stand for crowds, and for detections that one holds by MATCHED.
    """
    counts = _first_of_class(detections)
    real = _real(objects)
    kept = counts[pairs.detection] & real[pairs.object]
    d, t, iou = pairs.detection[kept], pairs.object[kept], pairs.iou[kept]
    same = detections.label[d] == objects.label[t]
    taken = _matched(detections, d[same], t[same], iou[same], n_objects=len(objects))
    right = np.zeros(len(detections), dtype=np.bool_)
    right[taken[taken >= 0]] = True
    if detections.is_ignored is not None:
        counts = counts & (right | ~detections.is_ignored)
    n = len(detections)
    own, own_iou = _best(d[same], t[same], iou[same], n)
    other, other_iou = _best(d[~same], t[~same], iou[~same], n)
    kind = _kinds(right, own_iou, other_iou)
    target = np.select(
        [kind == ErrorType.LOCALIZATION, kind == ErrorType.CLASSIFICATION], [own, other], -1
    )
    target[~counts] = -1
    mended, would_be_found = _mended(objects, detections, target, is_taken=taken >= 0)
    is_missed = real & (taken < 0) & ~would_be_found
    return Assignment(
        positions[detections.image[counts]],
        detections.label[counts],
        detections.score[counts],
        kind[counts].astype(np.int64),
        mended[counts],
        positions[objects.image[is_missed]],
        objects.label[is_missed],
        np.bincount(objects.label[real], minlength=n_classes),
    )


def _kinds(right: Bools, own_iou: Floats, other_iou: Floats) -> Ints:
    """The kind of error of each detection as TIDE tells it, the first that fits, or RIGHT; from how
    far it overlaps an object of its own class and of another one.
    """
    return np.select(
        [
            right,
            (own_iou >= BACKGROUND_IOU) & (own_iou <= POSITIVE_IOU),
            other_iou >= POSITIVE_IOU,
            own_iou > POSITIVE_IOU,
            other_iou <= BACKGROUND_IOU,
        ],
        [
            RIGHT,
            ErrorType.LOCALIZATION,
            ErrorType.CLASSIFICATION,
            ErrorType.DUPLICATE,
            ErrorType.BACKGROUND,
        ],
        ErrorType.BOTH,
    )


def _real(objects: Objects) -> Bools:
    if objects.is_ignored is None:
        return np.ones(len(objects), dtype=np.bool_)
    return ~objects.is_ignored


def _first_of_class(detections: Detections) -> Bools:
    """Which are among the MOST_DETECTIONS best of their image and class."""
    order = np.lexsort((-detections.score, detections.label, detections.image))
    image, label = detections.image[order], detections.label[order]
    is_other = (np.diff(image, prepend=-1) != 0) | (np.diff(label, prepend=-1) != 0)
    begins = np.flatnonzero(is_other)
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.r_[begins, len(order)]))
    first = np.zeros(len(order), dtype=np.bool_)
    first[order[rank < MOST_DETECTIONS]] = True
    return first


def _matched(detections: Detections, d: Ints, t: Ints, iou: Floats, *, n_objects: int) -> Ints:
    """The detection of each object by COCO's rules, -1 for none, from pairs of one class."""
    near = iou >= POSITIVE_IOU
    d, t, iou = d[near], t[near], iou[near]
    order = np.lexsort((-t, -iou, d, -detections.score[d]))
    taken, busy = [-1] * n_objects, set[int]()
    for detection, truth in zip(d[order].tolist(), t[order].tolist(), strict=True):
        if taken[truth] < 0 and detection not in busy:
            taken[truth] = detection
            busy.add(detection)
    return np.array(taken, dtype=np.int64)


def _best(d: Ints, t: Ints, iou: Floats, n: int) -> tuple[Ints, Floats]:
    """The object that each detection overlaps most, -1 for none, and how far: (n,) each."""
    order = np.lexsort((t, -iou, d))
    first = order[np.unique(d[order], return_index=True)[1]]
    best, by = np.full(n, -1), np.zeros(n)
    best[d[first]], by[d[first]] = t[first], iou[first]
    return best, by


def _mended(
    objects: Objects, detections: Detections, target: Ints, *, is_taken: Bools
) -> tuple[Ints, Bools]:
    """The class in which each detection would be right, and the objects that would be found.

    Of several errors with one object the best is mended; those of an object that is found already
    are left out.
    """
    aimed = np.flatnonzero(target >= 0)
    aimed = aimed[~is_taken[target[aimed]]]
    order = aimed[np.lexsort((aimed, -detections.score[aimed], target[aimed]))]
    found, first = np.unique(target[order], return_index=True)
    mended = np.full(len(detections), DROPPED)
    mended[order[first]] = objects.label[found]
    would_be = np.zeros(len(objects), dtype=np.bool_)
    would_be[found] = True
    return mended, would_be
