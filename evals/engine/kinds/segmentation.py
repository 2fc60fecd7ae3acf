"""Semantic segmentation as events: pixels instead of boxes, the same counts at every confidence.

A label map is an int (height, width) array of 0..n_classes-1, and `n_classes` for the background.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evals.engine.boxes import StoredImage
from evals.engine.class_events import assignment_events
from evals.engine.errors import MisshapenArrays, UnusableRegion
from evals.engine.events import N_BINS, Events, Ints, confidence_bins, join_events
from evals.engine.kinds.kind import (
    Chunk,
    Gathered,
    ImageVerdicts,
    Job,
    Kind,
    Primary,
    ShapeVerdicts,
    Tally,
    Total,
)
from evals.engine.kinds.shapes import reads_shapes, verdicts_by_image
from evals.engine.matching import MOST_OVERLAPPING
from evals.engine.metrics import Matrix, matrix_of
from evals.engine.notes import Notes
from evals.engine.reading import MASKED_SHAPES
from evals.engine.region_rows import image_size
from evals.engine.regions import read_shapes
from evals.engine.sides import Side
from predictions.regions.brush import MAX_MASK_PIXELS
from predictions.regions.errors import MaskTooLarge, TooMuchToDraw
from predictions.regions.geometry import LONGEST_SIDE_PX, Floats, Rle, run_lengths, shape_rle

#: Counting into a table is forty times quicker than sorting, up to 128 MB of it.
LARGEST_TABLE = 2**24
#: Pixels that are painted and counted at a time: memory does not grow with the image.
STRIPE_PX = 2**20
#: Pixels of one side of an image, counted anew for each region on them: eight seconds.
MOST_PAINTED_PX = 2**33


def pixel_events(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    scores: npt.ArrayLike = 1.0,
    *,
    n_classes: int,
    image: int = 0,
) -> Events:
    """Events of one image's pixels; deltas are pixel counts, and background pixels are counted too.

    `truth` and `predicted` are label maps of one shape, `scores` float64 of that shape or one
    number: a pixel scored below the confidence counts as predicted background.
    """
    actual, called = (np.asarray(m, dtype=np.int64) for m in (truth, predicted))
    if actual.shape != called.shape:
        raise MisshapenArrays(f"label maps of {actual.shape} and {called.shape}")
    for label_map in (actual, called):
        if label_map.size and not 0 <= label_map.min() <= label_map.max() <= n_classes:
            raise MisshapenArrays(f"a pixel's label is outside 0..{n_classes}")
    # One more bin at the bottom holds pixels below every confidence, whose events vanish.
    bins = np.broadcast_to(confidence_bins(scores) + 1, actual.shape)
    shape = (N_BINS + 1, n_classes + 1, n_classes + 1)
    cells, counts = _histogram((bins, actual, called), shape)
    bin_of, actual_of, called_of = np.unravel_index(cells, shape)
    return assignment_events(
        image,
        bin_of - 1,
        actual_of,
        called_of,
        counts,
        background=n_classes,
        counts_background=True,
    )


@dataclass(frozen=True, slots=True)
class Layer:
    """A region as it is painted, column by column."""

    label: int
    score: float
    #: int64 (n,), where its runs end, outside and inside in turns.
    ends: Ints

    @property
    def painted(self) -> tuple[int, int]:
        """The first pixel it paints and the one after the last; (0, 0) for none."""
        last = len(self.ends) - 1 - len(self.ends) % 2
        return (int(self.ends[0]), int(self.ends[last])) if last > 0 else (0, 0)

    def inside(self, first: int, end: int) -> npt.NDArray[np.bool_]:
        """Which pixels of a range are the region's, bool (end - first,)."""
        some = slice(*np.searchsorted(self.ends, [first, end], "right").tolist())
        turns = np.concatenate([[first], self.ends[some], [end]])
        return np.repeat((np.arange(len(turns) - 1) + some.start) % 2 == 1, np.diff(turns))


def layers(
    rles: Sequence[Rle],
    labels: Sequence[int],
    scores: Sequence[float] | None = None,
    *,
    width_px: int,
    height_px: int,
) -> list[Layer]:
    """The regions of one side of an image, in the order in which they are painted.

    A pixel takes its highest-scored region; among equals, as without scores, the later one, which
    is how they lie on the labeller's screen. MisshapenArrays for a mask of another size.
    """
    for rle in rles:
        if rle["size"] != [height_px, width_px]:
            raise MisshapenArrays(f"a mask of {rle['size']} on an image of {height_px, width_px}")
    score = np.ones(len(rles)) if scores is None else np.asarray(scores, dtype=np.float64)
    return [
        Layer(labels[at], float(score[at]), run_lengths(rles[at]["counts"]).cumsum())
        for at in np.argsort(score, kind="stable").tolist()
    ]


def paint(
    regions: Sequence[Layer], columns: range, *, n_classes: int, height_px: int
) -> tuple[Ints, Floats]:
    """The label map of some columns and, of the same shape, the score of each pixel.

    Both are (height, columns); 1.0 on background, and no regions give nothing else.
    """
    start, stop = columns.start * height_px, columns.stop * height_px
    label_map = np.full(stop - start, n_classes, dtype=np.int64)
    score_map = np.ones(stop - start)
    for layer in regions:
        first, end = np.clip(layer.painted, start, stop).tolist()
        if first < end:
            inside = layer.inside(first, end)
            label_map[first - start : end - start][inside] = layer.label
            score_map[first - start : end - start][inside] = layer.score
    shape = len(columns), height_px
    return label_map.reshape(shape).T, score_map.reshape(shape).T


def stripes(width_px: int, height_px: int) -> Iterator[range]:
    """The columns of an image, STRIPE_PX pixels at a time."""
    at_once = max(1, STRIPE_PX // height_px)
    for first in range(0, width_px, at_once):
        yield range(first, min(first + at_once, width_px))


def intersection_over_union(matrix: Matrix) -> list[float | None]:
    """IoU of each real class from a confusion matrix of pixels; None where neither side has it."""
    counts = matrix.counts()
    union = counts.objects + counts.kept - counts.tp
    return [
        int(hit) / int(either) if either else None
        for hit, either in zip(counts.tp, union, strict=True)
    ]


def mean_iou(of_classes: Sequence[float | None]) -> float | None:
    """The foreground's macro mean IoU over the classes that have one; None when none has.

    Pixels are summed over the split first: it is not a mean of images. The background is left out.
    """
    known = [value for value in of_classes if value is not None]
    return sum(known) / len(known) if known else None


def _histogram(columns: tuple[Ints, ...], shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """The flat places of the cells in use, rising, and how many pixels each has."""
    key = np.ravel_multi_index(columns, shape).ravel()
    if math.prod(shape) > LARGEST_TABLE:
        return np.unique(key, return_counts=True)
    table = np.bincount(key)
    cells = np.flatnonzero(table)
    return cells, table[cells]


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    images = chunk.images
    truth, predicted = read_shapes(
        images, job.classes, reading=job.reading, all_shapes=True, notes=notes
    )
    every_span = zip(truth.spans(len(images)), predicted.spans(len(images)), strict=True)
    parts = []
    for number, (image, spans) in enumerate(zip(images, every_span, strict=True)):
        size = _size(image, (truth, predicted), spans)
        if size is None:
            continue
        if size[0] * size[1] > MAX_MASK_PIXELS or max(size) > LONGEST_SIDE_PX:
            error = MaskTooLarge(f"{size[0]} x {size[1]}")
            raise UnusableRegion(number, is_truth=False, region="all", reason=str(error))
        parts.append(_image_pixels(number, size, (truth, predicted), spans, len(job.classes)))
    return Tally(join_events(parts))


def _size(
    image: StoredImage, sides: tuple[Side, Side], spans: Sequence[range]
) -> tuple[int, int] | None:
    """The size that the image's shapes are on, else what any region of it tells."""
    for side, span in zip(sides, spans, strict=True):
        if span:
            shape = side.shapes[span.start]
            return shape.width_px, shape.height_px
    told = image_size(image)
    return None if told is None else (int(told[0]), int(told[1]))


def _image_pixels(
    number: int,
    size: tuple[int, int],
    sides: tuple[Side, Side],
    spans: Sequence[range],
    n_classes: int,
) -> Events:
    width, height = size
    painted = [
        layers(
            [shape_rle(side.shapes[at]) for at in span],
            side.label[span.start : span.stop].tolist(),
            side.score[span.start : span.stop].tolist() if side is sides[1] else None,
            width_px=width,
            height_px=height,
        )
        for side, span in zip(sides, spans, strict=True)
    ]
    for regions in painted:
        n_painted = sum(end - first for first, end in (layer.painted for layer in regions))
        if n_painted > MOST_PAINTED_PX:
            error = TooMuchToDraw(f"{n_painted:,} pixels")
            raise UnusableRegion(number, is_truth=False, region="all", reason=str(error))
    events = join_events([])
    for columns in stripes(width, height):
        (actual, _), (called, scores) = (
            paint(regions, columns, n_classes=n_classes, height_px=height) for regions in painted
        )
        new = pixel_events(actual, called, scores, n_classes=n_classes, image=number)
        events = join_events([events, new])
        if len(events) > MOST_OVERLAPPING:
            error = TooMuchToDraw(f"{len(events):,} kinds of pixels")
            raise UnusableRegion(number, is_truth=False, region="all", reason=str(error))
    return events


def _total(gathered: Gathered, job: Job) -> Total:
    def iou(confidence: int) -> list[float | None]:
        matrix = matrix_of(gathered.events, confidence, n_classes=len(job.classes))
        return intersection_over_union(matrix)

    of_all = mean_iou(iou(0))
    return Total(metrics={"mIoU": of_all}, primary=of_all, iou=iou(job.confidence))


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    return verdicts_by_image(_shape_verdicts(images, job, confidence, math.inf), len(images))


def _shape_verdicts(
    images: Sequence[StoredImage], job: Job, confidence: int, most_steps: float
) -> ShapeVerdicts:
    truth, predicted = read_shapes(
        images, job.classes, reading=job.reading, all_shapes=True, most_steps=most_steps
    )
    unmatched = [None] * len(truth.image), [None] * len(predicted.image)
    boxes = truth.boxes_px(), predicted.boxes_px()
    return ShapeVerdicts(truth, unmatched[0], predicted, unmatched[1], boxes)


SEMANTIC = Kind(
    task_type="semantic-segmentation",
    reads=reads_shapes,
    asks_for="BrushLabels",
    shapes=MASKED_SHAPES,
    prefers_boxes=False,
    has_items=False,
    count=_count,
    totals=(_total,),
    verdicts=_verdicts,
    shape_verdicts=_shape_verdicts,
    counted=("pixel", "pixels"),
    primary=Primary("mIoU"),
    drawing="shapes",
)
