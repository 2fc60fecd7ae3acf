"""Signed events: an image's confusion counts at all 101 confidences in a few bytes.

An event (bin, actual, predicted, delta) adds `delta` to the cell [actual, predicted] at every
confidence k <= bin, in percent. So the counts at k are the sum of the events with bin >= k; what
holds at every confidence (the objects missed when nothing is kept) has bin 100. Class indices run
0..n_classes-1; `n_classes` itself is the background. Everything counted by the evaluation (boxes,
masks, classes, pixels, imported reports) is such events, so one reader serves all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import orjson

from evals.engine.errors import MisshapenArrays, UnreadableEvents

Ints = npt.NDArray[np.int64]

#: Confidences are the integer percents 0..100.
N_BINS = 101

#: k/100 for k in 0..100; np.arange(0, 1.01, .01) differs from it in ten places.
CONFIDENCES: npt.NDArray[np.float64] = np.arange(N_BINS) / 100

#: First byte of a blob: how wide its records are.
NARROW, WIDE, SMALL = 1, 2, 3

#: 4 bytes, for counts of objects of up to 255 classes in an image; 6 bytes, of more classes;
#: 13 bytes, for pixels and for whole splits.
RECORDS = {
    SMALL: np.dtype([("bin", "u1"), ("actual", "u1"), ("predicted", "u1"), ("delta", "i1")]),
    NARROW: np.dtype([("bin", "u1"), ("actual", "<u2"), ("predicted", "<u2"), ("delta", "i1")]),
    WIDE: np.dtype([("bin", "u1"), ("actual", "<u2"), ("predicted", "<u2"), ("delta", "<i8")]),
}
MAX_CLASS = 2**16 - 1
MAX_SMALL_CLASS = 2**8 - 1


@dataclass(frozen=True, slots=True)
class Events:
    """Five int64 arrays of one length; `image` is a position 0..n_images-1 within chunk or page."""

    image: Ints
    bin: Ints
    actual: Ints
    predicted: Ints
    delta: Ints

    def __len__(self) -> int:
        return len(self.delta)


@dataclass(frozen=True, slots=True)
class Counts:
    """int64 arrays of one shape: matches of the right class, detections kept, objects."""

    tp: Ints
    kept: Ints
    objects: Ints

    @property
    def fp(self) -> Ints:
        """Detections kept that match no object of their class."""
        return self.kept - self.tp

    @property
    def fn(self) -> Ints:
        """Objects that no detection of their class matches."""
        return self.objects - self.tp


@dataclass(frozen=True, slots=True)
class Cells:
    """Confusion cells above zero, sorted by image, actual, predicted; int64 arrays."""

    image: Ints
    actual: Ints
    predicted: Ints
    count: Ints

    def triples(self, n_images: int) -> list[list[list[int]]]:
        """Per image, its [actual, predicted, count] lists; [] for an image without cells."""
        rows = np.stack([self.actual, self.predicted, self.count], axis=1)
        ends = np.searchsorted(self.image, np.arange(n_images + 1))
        return [rows[ends[i] : ends[i + 1]].tolist() for i in range(n_images)]

    def texts(self, n_images: int) -> list[bytes]:
        """The triples of each image as JSON text, `[]` for an image without cells.

        All are encoded as one text, which is cut where the digits say: a third of the time that
        lists take on their way there.
        """
        rows = np.stack([self.actual, self.predicted, self.count], axis=1)
        text = orjson.dumps(rows, option=orjson.OPT_SERIALIZE_NUMPY)
        # `[a,b,c]` and the comma or bracket behind it.
        lengths = _digits(rows).sum(axis=1) + 5
        ends = np.concatenate([[0], np.cumsum(lengths)])
        cuts = ends[np.searchsorted(self.image, np.arange(n_images + 1))].tolist()
        return [
            b"[%b]" % text[start + 1 : end] if end > start else b"[]"
            for start, end in pairwise(cuts)
        ]

    def counts(self, *, n_images: int, n_classes: int) -> Counts:
        """Counts of each image, arrays of shape (n_images,)."""
        sums = [
            _summed(self.image[where], self.count[where], n_images)
            for where in (
                (self.actual == self.predicted) & (self.actual < n_classes),
                self.predicted < n_classes,
                self.actual < n_classes,
            )
        ]
        return Counts(*sums)


def confidence_bins(scores: npt.ArrayLike) -> Ints:
    """The highest percent k in 0..100 with score >= k/100, int64; -1 for a score below 0.

    Compared in float64: int(score * 100) and float32 put 0.29, 0.57 and 0.58 a bin too low.
    NaN is refused. Source: evaluation definition `iou-class-first/1`, "kept".
    """
    values = np.asarray(scores, dtype=np.float64)
    if np.isnan(values).any():
        raise MisshapenArrays("a score is not a number")
    return np.searchsorted(CONFIDENCES, values, "right") - 1


def make_events(
    image: npt.ArrayLike,
    bin: npt.ArrayLike,
    actual: npt.ArrayLike,
    predicted: npt.ArrayLike,
    delta: npt.ArrayLike,
) -> Events:
    """Events in their one canonical order and form: sorted, equal cells summed, zeros dropped.

    Scalars are repeated to the common length. Bins below 0 are never kept and vanish.
    """
    columns = np.broadcast_arrays(image, bin, actual, predicted, delta)
    ints = [np.asarray(column, dtype=np.int64).ravel() for column in columns]
    return _canonical(Events(*ints))


def join_events(parts: Sequence[Events]) -> Events:
    """All parts' events as one, summed where they meet; no parts give no events.

    Exact and free of order, so chunks may finish in any order.
    """
    return _canonical(_concatenated(parts))


def total_events(events: Events) -> Events:
    """The events of all images as those of one image, position 0: a split's histogram."""
    return make_events(0, events.bin, events.actual, events.predicted, events.delta)


def pack_events(events: Events, n_images: int) -> list[bytes]:
    """One blob an image, in image order; an image without events has its version byte only.

    Version 3 has 4-byte records (bin, actual, predicted u8, delta i8), version 1, taken when any
    class leaves u8, 6-byte ones with classes of u16, and version 2, taken when a delta of the
    image leaves i8, 13-byte ones with a delta of i64, little-endian.
    """
    highest = max(events.actual.max(), events.predicted.max()) if len(events) else 0
    if highest > MAX_CLASS:
        raise MisshapenArrays(f"class indices end at {MAX_CLASS}")
    if len(events) and not 0 <= events.image[0] <= events.image[-1] < n_images:
        raise MisshapenArrays(f"an event's image is outside 0..{n_images - 1}")
    ends = np.searchsorted(events.image, np.arange(n_images + 1))
    fits = (events.delta >= -128) & (events.delta <= 127)
    too_big = np.concatenate([[0], np.cumsum(~fits)])
    is_wide = too_big[ends[1:]] > too_big[ends[:-1]]
    usual = SMALL if highest <= MAX_SMALL_CLASS else NARROW
    # Deltas that leave i8 are cut off in the narrow records, which only the other images use.
    records = {version: _records(events, version).tobytes() for version in (usual, WIDE)}
    blobs = []
    for start, end, wide in zip(ends[:-1].tolist(), ends[1:].tolist(), is_wide, strict=True):
        version = WIDE if wide else usual
        size = RECORDS[version].itemsize
        blobs.append(bytes([version]) + records[version][start * size : end * size])
    return blobs


def unpack_events(blobs: Sequence[bytes | memoryview]) -> Events:
    """The events of a page of blobs; `image` is the blob's position in the page."""
    sizes = np.array([len(blob) for blob in blobs], dtype=np.int64)
    everything = np.frombuffer(b"".join(blobs), dtype=np.uint8)
    if not sizes.all():
        raise UnreadableEvents(f"blob {sizes.argmin()} is empty")
    starts = np.cumsum(sizes) - sizes
    versions = everything[starts]
    parts = [
        _unpacked(everything, version, np.flatnonzero(versions == version), starts, sizes)
        for version in np.unique(versions).tolist()
    ]
    return parts[0] if len(parts) == 1 else _canonical(_concatenated(parts))


def image_counts(events: Events, confidence: int, *, n_images: int, n_classes: int) -> Counts:
    """Counts of each image at one percent, arrays of shape (n_images,)."""
    kept = events.bin >= confidence
    return _counts(events.image, events, kept, n_classes=n_classes, length=n_images)


def image_counts_by_confidence(events: Events, *, n_images: int, n_classes: int) -> Counts:
    """Counts of each image at every percent, arrays of shape (101, n_images)."""
    key = events.bin * n_images + events.image
    return _by_confidence(key, events, n_classes=n_classes, width=n_images)


def total_counts(events: Events, *, n_classes: int) -> Counts:
    """Counts of all images together at every percent, arrays of shape (101,)."""
    totals = _by_confidence(events.bin, events, n_classes=n_classes, width=1)
    return Counts(totals.tp[:, 0], totals.kept[:, 0], totals.objects[:, 0])


def class_counts(events: Events, *, n_classes: int) -> Counts:
    """Counts of each class at every percent, arrays of shape (101, n_classes)."""
    hit = (events.actual == events.predicted) & (events.actual < n_classes)
    columns = [
        (hit, events.actual),
        (events.predicted < n_classes, events.predicted),
        (events.actual < n_classes, events.actual),
    ]
    sums = [
        _summed((events.bin * n_classes + label)[where], events.delta[where], N_BINS * n_classes)
        for where, label in columns
    ]
    return Counts(*(_from_above(s.reshape(N_BINS, n_classes)) for s in sums))


def image_cells(events: Events, confidence: int) -> Cells:
    """The confusion cells of each image at one percent.

    Made for pages: events in their canonical order are summed where they stand, unsorted.
    """
    kept = np.flatnonzero(events.bin >= confidence)
    if not len(kept):
        return Cells(*(np.zeros(0, dtype=np.int64) for _ in range(4)))
    side = int(max(events.actual.max(), events.predicted.max())) + 1
    key = (events.image[kept] * side + events.actual[kept]) * side + events.predicted[kept]
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        key, kept = key[order], kept[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    count = np.add.reduceat(events.delta[kept], first)
    nonzero = count != 0
    chosen = kept[first[nonzero]]
    return Cells(
        events.image[chosen], events.actual[chosen], events.predicted[chosen], count[nonzero]
    )


def _concatenated(parts: Sequence[Events]) -> Events:
    if not parts:
        return Events(*(np.zeros(0, dtype=np.int64) for _ in range(5)))
    names = ("image", "bin", "actual", "predicted", "delta")
    return Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _canonical(events: Events) -> Events:
    """Sorted by image, actual, predicted, bin; no two alike; none with delta 0 or bin < 0.

    The bin last: then the events of a cell stand together at whatever confidence it is read.
    """
    if not len(events):
        return events
    side = int(max(events.actual.max(), events.predicted.max())) + 1
    cell = (events.image * side + events.actual) * side + events.predicted
    key = cell * N_BINS + events.bin
    order = np.argsort(key, kind="stable")
    order = order[events.bin[order] >= 0]
    ordered = key[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    if not len(first):
        return _concatenated([])
    delta = np.add.reduceat(events.delta[order], first)
    nonzero = delta != 0
    chosen = order[first][nonzero]
    return Events(
        events.image[chosen],
        events.bin[chosen],
        events.actual[chosen],
        events.predicted[chosen],
        delta[nonzero],
    )


def _records(events: Events, version: int) -> npt.NDArray[np.void]:
    records = np.empty(len(events), dtype=RECORDS[version])
    for name in ("bin", "actual", "predicted", "delta"):
        records[name] = getattr(events, name).astype(RECORDS[version][name])
    return records


def _unpacked(
    everything: npt.NDArray[np.uint8], version: int, positions: Ints, starts: Ints, sizes: Ints
) -> Events:
    """The events of those blobs of one version; `everything` is all blobs in a row."""
    if version not in RECORDS:
        raise UnreadableEvents(f"blob {positions[0]} has no known version")
    kind, bodies = RECORDS[version], sizes[positions] - 1
    if (cut_off := bodies % kind.itemsize != 0).any():
        raise UnreadableEvents(f"blob {positions[cut_off][0]} is cut off")
    if len(positions) < len(starts):
        mine = np.zeros(len(starts), dtype=np.bool_)
        mine[positions] = True
        wanted = np.repeat(mine, sizes)
    else:
        wanted = np.ones(len(everything), dtype=np.bool_)
    wanted[starts] = False
    records = everything[wanted].view(kind)
    columns = [records[name].astype(np.int64) for name in ("bin", "actual", "predicted", "delta")]
    return Events(np.repeat(positions, bodies // kind.itemsize), *columns)


def _digits(numbers: Ints) -> Ints:
    """How many digits each has; of numbers from 0 on."""
    digits, power = np.ones_like(numbers), 10
    while (longer := numbers >= power).any():
        digits += longer
        power *= 10
    return digits


def _summed(key: Ints, weights: Ints, length: int) -> Ints:
    """int64 sums of the weights of each key; float64 holds them exactly below 2**53."""
    return np.bincount(key, weights=weights, minlength=length).astype(np.int64)


def _from_above(by_bin: Ints) -> Ints:
    """Sums over all bins >= k, along the first axis."""
    return by_bin[::-1].cumsum(axis=0)[::-1]


def _counts(
    key: Ints, events: Events, chosen: npt.NDArray[np.bool_], *, n_classes: int, length: int
) -> Counts:
    """Sums of the chosen events by key: the diagonal, the real columns, the real rows."""
    is_kept = chosen & (events.predicted < n_classes)
    is_object = chosen & (events.actual < n_classes)
    is_hit = is_kept & (events.actual == events.predicted)
    return Counts(*(_summed(key[w], events.delta[w], length) for w in (is_hit, is_kept, is_object)))


def _by_confidence(key: Ints, events: Events, *, n_classes: int, width: int) -> Counts:
    everything = np.ones(len(events), dtype=np.bool_)
    flat = _counts(key, events, everything, n_classes=n_classes, length=N_BINS * width)
    return Counts(
        *(_from_above(c.reshape(N_BINS, width)) for c in (flat.tp, flat.kept, flat.objects))
    )
