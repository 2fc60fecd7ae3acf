"""Signed events: an image's confusion counts at all 101 confidences in a few bytes.

An event (bin, actual, predicted, delta) adds `delta` to the cell [actual, predicted] at every
confidence k <= bin, in percent. So the counts at k are the sum of the events with bin >= k; what
holds at every confidence (the objects missed when nothing is kept) has bin 100. Class indices run
0..n_classes-1; `n_classes` itself is the background. Everything counted by the evaluation (boxes,
masks, classes, pixels, imported reports) is such events, so one reader serves all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evals.errors import MisshapenArrays, UnreadableEvents

Ints = npt.NDArray[np.int64]

#: Confidences are the integer percents 0..100.
N_BINS = 101

#: k/100 for k in 0..100; np.arange(0, 1.01, .01) differs from it in ten places.
CONFIDENCES: npt.NDArray[np.float64] = np.arange(N_BINS) / 100

#: First byte of a blob: how wide its records are.
NARROW, WIDE = 1, 2

#: 6 bytes, for counts of objects in an image; 13 bytes, for pixels and for whole splits.
RECORDS = {
    NARROW: np.dtype([("bin", "u1"), ("actual", "<u2"), ("predicted", "<u2"), ("delta", "i1")]),
    WIDE: np.dtype([("bin", "u1"), ("actual", "<u2"), ("predicted", "<u2"), ("delta", "<i8")]),
}
MAX_CLASS = 2**16 - 1


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


def assignment_events(
    image: npt.ArrayLike,
    bin: npt.ArrayLike,
    actual: npt.ArrayLike,
    predicted: npt.ArrayLike,
    count: npt.ArrayLike,
    *,
    background: int,
    counts_background: bool = False,
) -> Events:
    """Events of `count` things of class `actual`, called `predicted` up to confidence `bin`.

    Above its bin a thing counts as called background. True background called background is counted
    only with `counts_background`, for pixels; of objects and labels nobody can count it.
    """
    given = (image, bin, actual, predicted, count)
    images, bins, truth, called, counts = np.broadcast_arrays(*(np.asarray(c) for c in given))
    claimed = called != background
    real = (truth != background) | counts_background
    taken = claimed & real
    return join_events(
        [
            make_events(images[real], N_BINS - 1, truth[real], background, counts[real]),
            make_events(images[taken], bins[taken], truth[taken], background, -counts[taken]),
            make_events(
                images[claimed], bins[claimed], truth[claimed], called[claimed], counts[claimed]
            ),
        ]
    )


def report_events(reports: Mapping[int, Cells]) -> Events:
    """The events of imported reports, which exist at some confidences only.

    At the highest listed percent its cells, at each lower one the difference; so reading at any
    listed percent returns that report exactly. What lies between is not known and must not be read.
    """
    parts: list[Events] = []
    above: Cells | None = None
    for confidence in sorted(reports, reverse=True):
        if not 0 <= confidence < N_BINS:
            raise MisshapenArrays(f"a report's confidence is {confidence} percent")
        cells = reports[confidence]
        parts.append(_report_part(confidence, cells, sign=1))
        if above is not None:
            parts.append(_report_part(confidence, above, sign=-1))
        above = cells
    return join_events(parts)


def pack_events(events: Events, n_images: int) -> list[bytes]:
    """One blob an image, in image order; an image without events has its version byte only.

    Version 1 has 6-byte records (bin u8, actual u16, predicted u16, delta i8, little-endian),
    version 2, taken when a delta leaves i8, 13-byte ones with an i64 delta.
    """
    if len(events) and max(events.actual.max(), events.predicted.max()) > MAX_CLASS:
        raise MisshapenArrays(f"class indices end at {MAX_CLASS}")
    if len(events) and not 0 <= events.image[0] <= events.image[-1] < n_images:
        raise MisshapenArrays(f"an event's image is outside 0..{n_images - 1}")
    ends = np.searchsorted(events.image, np.arange(n_images + 1))
    fits = (events.delta >= -128) & (events.delta <= 127)
    too_big = np.concatenate([[0], np.cumsum(~fits)])
    is_wide = too_big[ends[1:]] > too_big[ends[:-1]]
    # Deltas that leave i8 are cut off in the narrow records, which only the other images use.
    records = {version: _records(events, version).tobytes() for version in RECORDS}
    blobs = []
    for start, end, wide in zip(ends[:-1].tolist(), ends[1:].tolist(), is_wide, strict=True):
        version = WIDE if wide else NARROW
        size = RECORDS[version].itemsize
        blobs.append(bytes([version]) + records[version][start * size : end * size])
    return blobs


def unpack_events(blobs: Sequence[bytes | memoryview]) -> Events:
    """The events of a page of blobs; `image` is the blob's position in the page."""
    # Database drivers hand out memory views of their own formats.
    plain = [bytes(blob) for blob in blobs]
    by_version: dict[int, list[int]] = {version: [] for version in RECORDS}
    for position, blob in enumerate(plain):
        if not blob or blob[0] not in RECORDS:
            raise UnreadableEvents(f"blob {position} has no known version")
        if (len(blob) - 1) % RECORDS[blob[0]].itemsize:
            raise UnreadableEvents(f"blob {position} is cut off")
        by_version[blob[0]].append(position)
    parts = [_unpacked(plain, version, at) for version, at in by_version.items() if at]
    if len(parts) == 1:
        return parts[0]
    return _canonical(_concatenated(parts))


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
    """The confusion cells of each image at one percent."""
    kept = events.bin >= confidence
    cells = make_events(
        events.image[kept], 0, events.actual[kept], events.predicted[kept], events.delta[kept]
    )
    return Cells(cells.image, cells.actual, cells.predicted, cells.delta)


def confusion_matrix(events: Events, confidence: int, *, n_classes: int) -> Ints:
    """int64 (n_classes + 1, n_classes + 1) at one percent: rows actual, columns predicted.

    The background is last in both. Orientation as in the confusion-matrix panel that clients read.
    """
    side = n_classes + 1
    kept = events.bin >= confidence
    key = events.actual[kept] * side + events.predicted[kept]
    return _summed(key, events.delta[kept], side * side).reshape(side, side)


def _concatenated(parts: Sequence[Events]) -> Events:
    if not parts:
        return Events(*(np.zeros(0, dtype=np.int64) for _ in range(5)))
    names = ("image", "bin", "actual", "predicted", "delta")
    return Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _canonical(events: Events) -> Events:
    """Sorted by image, bin, actual, predicted; one event a cell; none with delta 0 or bin < 0."""
    if not len(events):
        return events
    side = int(max(events.actual.max(), events.predicted.max())) + 1
    cell = (events.bin * side + events.actual) * side + events.predicted
    key = events.image * (N_BINS * side * side) + cell
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


def _report_part(confidence: int, cells: Cells, *, sign: int) -> Events:
    return make_events(cells.image, confidence, cells.actual, cells.predicted, sign * cells.count)


def _records(events: Events, version: int) -> npt.NDArray[np.void]:
    records = np.empty(len(events), dtype=RECORDS[version])
    for name in ("bin", "actual", "predicted", "delta"):
        records[name] = getattr(events, name).astype(RECORDS[version][name])
    return records


def _unpacked(blobs: Sequence[bytes], version: int, positions: list[int]) -> Events:
    bodies = [blobs[position][1:] for position in positions]
    records = np.frombuffer(b"".join(bodies), dtype=RECORDS[version])
    sizes = [len(body) // RECORDS[version].itemsize for body in bodies]
    columns = [records[name].astype(np.int64) for name in ("bin", "actual", "predicted", "delta")]
    return Events(np.repeat(np.array(positions, dtype=np.int64), sizes), *columns)


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
