"""Which detection matches which object, at all 101 confidences in one pass.

A matching rule is a total order of the overlapping (detection, object) pairs of an image; the best
free pair is taken, then the next. Such a matching can be grown one detection at a time: detections
arrive by falling score, each asks for its objects in order of preference, an object keeps the
better pair and the loser asks for its next. Whatever an arrival changes is an event, so every
confidence is counted exactly for the price of one matching.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from evals.engine.errors import MisshapenArrays, TooManyPairs, UnknownRule
from evals.engine.events import N_BINS, Events, Ints, confidence_bins, join_events, make_events
from evals.engine.overlaps.shapes import box_areas, box_corners, shared_length
from predictions.regions.geometry import Bools, Floats

#: Who arrived, a detection, an object (-1 for none), and 1 or -1: int64 (n,) each.
Changes = tuple[Ints, Ints, Ints, Ints]

#: Pairs looked at together: few enough to stay in the processor's cache, so that images of
#: 300 detections and 100 objects take 1.2 ms and not 1.7 (measured on one core, 2026-11).
PAIRS_AT_ONCE = 50_000

#: Detections times objects of one image: 11,000 of each take two seconds.
MOST_COMPARED = 2**27
#: Pairs of one call that overlap, each some 200 bytes while they are ranked. Images of COCO have a
#: hundred, crowds of 10,000 people a hundred thousand.
MOST_OVERLAPPING = 2**22

#: What float64 loses on an IoU that is exactly the threshold in the file.
AT_THRESHOLD = 1e-9
#: More than float64 loses on the most that two shapes may overlap.
LEAST_MARGIN = 1e-6


class Rule(StrEnum):
    """The order in which pairs are taken; the id is stored with every evaluation."""

    #: Same class first, then IoU. Equal to supervision.ConfusionMatrix since its release 0.28.
    IOU_CLASS_FIRST = "iou-class-first/1"
    #: COCO's: only within a class, score first, then IoU, on equal IoU the later object.
    SCORE_CLASS_AWARE = "score-class-aware/1"
    #: FiftyOne's with classwise=False: score first, then IoU, whatever the class.
    SCORE_CLASS_AGNOSTIC = "score-class-agnostic/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What counts as a match. A pair always overlaps: IoU 0 matches nothing, whatever the limit."""

    #: In [0, 1].
    iou_threshold: float = 0.5
    #: Whether an IoU of exactly the threshold matches.
    inclusive: bool = False
    rule: str = Rule.IOU_CLASS_FIRST

    def __post_init__(self) -> None:
        if self.rule not in set(Rule):
            raise UnknownRule(f"got {self.rule!r}, known are {', '.join(Rule)}")
        if not 0 <= self.iou_threshold <= 1:
            raise MisshapenArrays(f"the IoU threshold is {self.iou_threshold}")

    def admits(self, iou: Floats) -> npt.NDArray[np.bool_]:
        """Which of the IoUs are high enough to match; within 1e-9 of the threshold is at it."""
        if self.inclusive:
            return iou >= self.iou_threshold - AT_THRESHOLD
        return iou > self.iou_threshold + AT_THRESHOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Ground truth of a chunk of images in canonical order: by image, then region position."""

    #: int64 (n,), never falling, 0..n_images-1.
    image: Ints
    #: int64 (n,), 0..n_classes-1.
    label: Ints
    #: bool (n,), None for none. Of ground truth: crowds, which are no objects. Of detections: those
    #: within a crowd of their class, which are nothing where they match no object.
    is_ignored: Bools | None = None

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections(Objects):
    """Detections of a chunk of images in canonical order."""

    #: float64 (n,); the caller fills a missing score with 1.0.
    score: Floats


@dataclass(frozen=True, slots=True)
class Pairs:
    """Detections and objects of one image that overlap: positions in the chunk, and the IoU."""

    detection: Ints
    object: Ints
    #: float64, in (0, 1].
    iou: Floats

    def chosen(self, which: Ints | Bools) -> "Pairs":
        """Those of these places."""
        return Pairs(self.detection[which], self.object[which], self.iou[which])


class Verdict(StrEnum):
    """What became of one detection or object at one confidence."""

    TRUE_POSITIVE = "tp"
    #: A detection that matches nothing.
    FALSE_POSITIVE = "fp"
    #: An object that nothing matches.
    FALSE_NEGATIVE = "fn"
    #: A match of two classes; counts as false positive of one and false negative of the other.
    WRONG_CLASS = "wrong_class"


@dataclass(frozen=True, slots=True)
class ObjectVerdict:
    """`matched` is the position of the match on the other side; it and `iou` are None without."""

    verdict: Verdict
    matched: int | None = None
    iou: float | None = None


# What most have become: they are told apart from a match by being these two.
FALSE_POSITIVE = ObjectVerdict(Verdict.FALSE_POSITIVE)
FALSE_NEGATIVE = ObjectVerdict(Verdict.FALSE_NEGATIVE)


def match_events(
    objects: Objects,
    detections: Detections,
    pairs: Pairs,
    *,
    n_classes: int,
    definition: Definition | None = None,
) -> Events:
    """The events of a chunk of images: their counts at every confidence.

    Objects and detections are sorted by image, else `MisshapenArrays`; without either there are no
    events. `pairs` may hold any overlapping pairs in any order: the definition admits and ranks
    them. Rule: evaluation definition `iou-class-first/1`, in which TP + FP = detections kept and
    TP + FN = objects.
    """
    _check(objects, n_classes)
    _check(detections, n_classes)
    arrival = np.argsort(-detections.score, kind="stable")
    bins = confidence_bins(detections.score)
    ranked = _ranked(objects, detections, pairs, definition or Definition())
    changes = _changes(arrival, ranked, n_objects=len(objects))
    at, detection, truth, delta = _without_ignored(detections, changes)
    # Position -1 stands for "nothing there": the appended last label is the background.
    truth_label = np.append(objects.label, n_classes)
    detection_label = np.append(detections.label, n_classes)
    # Detections scored below every confidence arrive last, with bin -1: their events vanish.
    changed = make_events(
        detections.image[at], bins[at], truth_label[truth], detection_label[detection], delta
    )
    real = slice(None) if objects.is_ignored is None else ~objects.is_ignored
    missed = make_events(objects.image[real], N_BINS - 1, objects.label[real], n_classes, 1)
    return join_events([missed, changed])


def box_pairs(
    objects: Objects,
    object_boxes_xywh_px: Floats,
    detections: Detections,
    detection_boxes_xywh_px: Floats,
) -> Pairs:
    """The overlapping pairs of a chunk of images whose shapes are axis-aligned boxes.

    Boxes are float64 (n, 4). Sorted by detection, then object; no overlaps give empty arrays.
    `TooManyPairs` beyond MOST_COMPARED and MOST_OVERLAPPING.
    """
    object_corners = box_corners(object_boxes_xywh_px)
    detection_corners = box_corners(detection_boxes_xywh_px)
    return join_pairs(
        _overlapping(candidates, object_corners, detection_corners)
        for candidates in image_grids(objects, detections)
    )


def check_compared(detections: range, n_objects: int) -> None:
    """`TooManyPairs` where an image has more detections times objects than MOST_COMPARED."""
    if len(detections) * n_objects > MOST_COMPARED:
        detail = f"{len(detections):,} detections, {n_objects:,} objects"
        raise TooManyPairs(detections.start, detail)


def matrix_pairs(iou: Floats, *, first_detection: int = 0, first_object: int = 0) -> Pairs:
    """The overlapping pairs of one image from its IoU matrix (detections, objects).

    The offsets say where the image's detections and objects start in the chunk.
    """
    detection, truth = np.nonzero(iou > 0)
    return Pairs(detection + first_detection, truth + first_object, iou[detection, truth])


def join_pairs(parts: Iterable[Pairs]) -> Pairs:
    """The pairs of all images of a chunk; no parts give empty arrays.

    `TooManyPairs` as soon as there are more than MOST_OVERLAPPING.
    """
    taken = [Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    n_pairs = 0
    for part in parts:
        taken.append(part)
        n_pairs += len(part.iou)
        if n_pairs > MOST_OVERLAPPING:
            most = max(taken, key=lambda one: len(one.iou))
            detail = f"more than {MOST_OVERLAPPING:,} pairs overlap"
            raise TooManyPairs(int(most.detection[0]), detail)
    return Pairs(
        np.concatenate([p.detection for p in taken]),
        np.concatenate([p.object for p in taken]),
        np.concatenate([p.iou for p in taken]),
    )


def object_verdicts(
    objects: Objects,
    detections: Detections,
    pairs: Pairs,
    confidence: int,
    *,
    definition: Definition | None = None,
) -> tuple[list[ObjectVerdict | None], list[ObjectVerdict | None]]:
    """What became of the objects and detections of a chunk of images at one percent, in order.

    The arguments are those of `match_events`; `matched` counts within the image. A detection below
    the confidence is None, as are crowds and what was found within one alone. The verdicts add up
    to the images' counts there: the pairs are taken one by one in the definition's order,
    independently of the pass over all confidences.
    """
    kept = (confidence_bins(detections.score) >= confidence).tolist()
    ranked = _ranked(objects, detections, pairs, definition or Definition())
    d, t = ranked.detection, ranked.object
    columns = (
        d,
        t,
        d - np.searchsorted(detections.image, detections.image[d]),
        t - np.searchsorted(objects.image, objects.image[t]),
        ranked.iou,
        objects.label[t] == detections.label[d],
    )
    found: list[ObjectVerdict | None] = [FALSE_POSITIVE if keep else None for keep in kept]
    truths: list[ObjectVerdict | None] = [FALSE_NEGATIVE] * len(objects)
    for detection, truth, detection_place, truth_place, iou, is_same in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        if found[detection] is FALSE_POSITIVE and truths[truth] is FALSE_NEGATIVE:
            verdict = Verdict.TRUE_POSITIVE if is_same else Verdict.WRONG_CLASS
            found[detection] = ObjectVerdict(verdict, truth_place, iou)
            truths[truth] = ObjectVerdict(verdict, detection_place, iou)
    for side, became, unmatched in (
        (objects, truths, FALSE_NEGATIVE),
        (detections, found, FALSE_POSITIVE),
    ):
        for at in [] if side.is_ignored is None else np.flatnonzero(side.is_ignored).tolist():
            if became[at] is unmatched:
                became[at] = None
    return truths, found


def _check(objects: Objects, n_classes: int) -> None:
    if len(objects.image) != len(objects.label):
        raise MisshapenArrays(f"{len(objects.image)} images for {len(objects.label)} labels")
    if len(objects) and (objects.image[0] < 0 or (np.diff(objects.image) < 0).any()):
        raise MisshapenArrays("objects and detections are sorted by image, from 0")
    if len(objects) and not 0 <= objects.label.min() <= objects.label.max() < n_classes:
        raise MisshapenArrays(f"a label is outside 0..{n_classes - 1}")


def image_grids(objects: Objects, detections: Detections) -> Iterator[tuple[Ints, Ints]]:
    """Every detection with every object of its image, a bounded number at a time.

    `TooManyPairs` where an image has more of them than MOST_COMPARED.
    """
    first = np.searchsorted(objects.image, detections.image, "left")
    width = np.searchsorted(objects.image, detections.image, "right") - first
    compared = np.bincount(detections.image, weights=width)
    for image in np.flatnonzero(compared > MOST_COMPARED):
        ends = np.searchsorted(detections.image, [image, image + 1]).tolist()
        check_compared(range(*ends), int(width[ends[0]]))
    ends = np.cumsum(width)
    start = 0
    while start < len(width):
        taken = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, taken + PAIRS_AT_ONCE, "right")))
        widths = width[start:stop]
        total = int(widths.sum())
        detection = np.repeat(np.arange(start, stop), widths)
        within = np.arange(total) - np.repeat(np.cumsum(widths) - widths, widths)
        yield detection, np.repeat(first[start:stop], widths) + within
        start = stop


def _overlapping(
    candidates: tuple[Ints, Ints], object_corners: Floats, detection_corners: Floats
) -> Pairs:
    """Those of the candidates that overlap: first along x, what is left along y, then the IoU."""
    detection, truth = candidates
    shared: list[Floats] = []
    for axis in (0, 1):
        ends = (axis, axis + 2)
        theirs = (detection_corners[:, end][detection] for end in ends)
        sides = shared_length(*theirs, *(object_corners[:, end][truth] for end in ends))
        met = sides > 0
        detection, truth = detection[met], truth[met]
        shared = [*(earlier[met] for earlier in shared), sides[met]]
    area = shared[0] * shared[1]
    sizes = box_areas(detection_corners)[detection] + box_areas(object_corners)[truth]
    return Pairs(detection, truth, area / (sizes - area))


def _ranked(
    objects: Objects, detections: Detections, pairs: Pairs, definition: Definition
) -> Pairs:
    """The pairs that may match, best first in the definition's order."""
    same = objects.label[pairs.object] == detections.label[pairs.detection]
    admitted = definition.admits(pairs.iou)
    if objects.is_ignored is not None:
        admitted &= ~objects.is_ignored[pairs.object]
    if definition.rule == Rule.SCORE_CLASS_AWARE:
        admitted &= same
    d, t, iou = pairs.detection[admitted], pairs.object[admitted], pairs.iou[admitted]
    # np.lexsort sorts by its last key first.
    if definition.rule == Rule.IOU_CLASS_FIRST:
        order = np.lexsort((d, t, -iou, ~same[admitted]))
    elif definition.rule == Rule.SCORE_CLASS_AWARE:
        order = np.lexsort((-t, -iou, d, -detections.score[d]))
    else:
        order = np.lexsort((t, -iou, d, -detections.score[d]))
    return Pairs(d[order], t[order], iou[order])


def _changes(arrival: Ints, ranked: Pairs, *, n_objects: int) -> Changes:
    """What every arrival changes: who arrived, then detection, object (-1 for none), +1 or -1."""
    asking = np.isin(arrival, ranked.detection)
    strays = arrival[~asking]
    chained = _chains(arrival[asking], ranked, n_objects=n_objects)
    nobody = np.full(len(strays), -1)
    alone = np.stack([strays, strays, nobody, np.ones_like(strays)])
    at, detection, truth, delta = np.concatenate([alone, chained], axis=1)
    return at, detection, truth, delta


def _without_ignored(detections: Detections, changes: Changes) -> Changes:
    """The changes but for those in which a detection within a crowd is found to match nothing."""
    if detections.is_ignored is None:
        return changes
    at, detection, truth, delta = changes
    counts = (truth >= 0) | ~detections.is_ignored[detection]
    return at[counts], detection[counts], truth[counts], delta[counts]


def _chains(arrival: Ints, ranked: Pairs, *, n_objects: int) -> Ints:
    """The changes by the detections that overlap something, int64 (4, n): see `_changes`.

    Each detection's place in its own list only moves forward, for an object never gets a worse
    pair; so the whole history costs as much as one matching. Plain lists: numpy scalars are slower.
    """
    rank = np.argsort(ranked.detection, kind="stable")
    wanted = ranked.object[rank].tolist()
    ranks = rank.tolist()
    ends = np.cumsum(np.bincount(ranked.detection, minlength=1)).tolist()
    place = [0, *ends]
    holder = [-1] * n_objects
    best = [len(ranks)] * n_objects
    changes: list[tuple[int, int, int, int]] = []
    change = changes.append
    for newcomer in arrival.tolist():
        asking = newcomer
        while True:
            at, end = place[asking], ends[asking]
            while at < end and best[wanted[at]] < ranks[at]:
                at += 1
            place[asking] = at + 1
            if at == end:
                change((newcomer, asking, -1, 1))
                break
            truth = wanted[at]
            loser, holder[truth], best[truth] = holder[truth], asking, ranks[at]
            change((newcomer, asking, truth, 1))
            change((newcomer, loser, truth, -1))
            if loser < 0:
                break
            asking = loser
    return np.array(changes, dtype=np.int64).reshape(-1, 4).T
