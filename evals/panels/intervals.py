"""Intervals of precision, recall and F1 at one confidence, over the images of a split or slice, and
of mAP50-95 over those of a split.
"""

from collections.abc import Iterator

from msgspec import Struct, json

from evals.db import writes
from evals.db.evaluations import confidence_of, count_images
from evals.db.panels import Kind, kept_answer, matrix, panel
from evals.db.writes import NewPanel
from evals.documents.document import encode
from evals.documents.refusals import ReportNotFound
from evals.documents.slices import Bounds, Intervals, Slice
from evals.engine.resampling.precision import jackknife
from evals.engine.resampling.scores import (
    MOST_IMAGES,
    REPLICATES,
    SEED,
    Interval,
    ScoreIntervals,
    bootstrap,
    total_of,
    wilson,
)
from evals.models import ModelEval
from evals.panels.counted import Counted
from evals.panels.panel import Panel
from evals.panels.query import Asked, IntervalsQuery
from evals.panels.slices import slice_of, sliced_counts

#: Percent, unless the request has another; what the desk's pages show.
LEVEL = 95


class PrecisionParts(Struct):
    """mAP50-95 of a split, and of it without each tenth of its images in turn, as it is stored."""

    map50_95: float
    left_out: list[float]


def question_of(
    split: str, confidence: int, level: int = LEVEL, wanted: Slice | None = None
) -> str:
    """What the answer is kept under; both numbers in percent."""
    # The name is new with mAP50-95: answers of before have none.
    return f"intervals/map?split={split}&confidence={confidence}&level={level}" + (
        "" if wanted is None else f"&slice={wanted.place}.{wanted.code}"
    )


def build(counted: Counted) -> Iterator[NewPanel]:
    """What mAP50-95's interval is worked out from, of each split where that is known."""
    for total in counted.with_images:
        table = total.measured.table
        if table is None or table.left_out is None or table.overall.map50_95 is None:
            continue
        parts = PrecisionParts(table.overall.map50_95, list(table.left_out))
        yield NewPanel(Kind.PRECISION_PARTS, json.encode(parts), split=total.split)


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The intervals. ReportNotFound where there are no images, UnknownSlice for an unknown key."""
    split, level = asked["split"], asked["level"]
    confidence = confidence_of(evaluation, asked["confidence"])
    wanted = slice_of(evaluation, asked["slice"])
    question = question_of(split.name, confidence, level, wanted)
    if (kept := kept_answer(evaluation, question)) is not None:
        return kept
    body = encode(_intervals(evaluation, split.number, confidence, wanted, level / 100))
    writes.keep_answer(evaluation.pk, question, body)
    return body


def _intervals(
    evaluation: ModelEval, split: int | None, confidence: int, wanted: Slice | None, level: float
) -> Intervals:
    if wanted is None and (n_images := count_images(evaluation, split)) > MOST_IMAGES:
        # Of everything the sums are there already.
        counts = total_of(matrix(evaluation, split=split, confidence=confidence).counts())
        return _document(wilson(counts, level), n_images, level)
    counts = sliced_counts(evaluation, split=split, confidence=confidence, wanted=wanted)
    n_images = len(counts.tp)
    if not n_images:
        raise ReportNotFound("There are no images to measure.")
    if n_images > MOST_IMAGES:
        return _document(wilson(total_of(counts), level), n_images, level)
    of_map = None if split is None or wanted is not None else _of_map(evaluation, split, level)
    return _document(bootstrap(counts, level), n_images, level, is_drawn=True, of_map=of_map)


def _of_map(evaluation: ModelEval, split: int, level: float) -> Interval | None:
    stored = panel(evaluation, Kind.PRECISION_PARTS, split=split)
    if stored is None:
        return None
    parts = json.decode(stored, type=PrecisionParts)
    return jackknife(parts.map50_95, parts.left_out, level)


def _document(
    found: ScoreIntervals,
    n_images: int,
    level: float,
    *,
    is_drawn: bool = False,
    of_map: Interval | None = None,
) -> Intervals:
    return Intervals(
        method="bootstrap-percentile" if is_drawn else "wilson",
        replicates=REPLICATES if is_drawn else None,
        seed=SEED if is_drawn else None,
        level=level,
        images=n_images,
        precision=_bounds(found.precision),
        recall=_bounds(found.recall),
        f1=None if found.f1 is None else _bounds(found.f1),
        map50_95=None if of_map is None else _bounds(of_map),
    )


def _bounds(interval: Interval) -> Bounds:
    return Bounds(low=interval.low, high=interval.high)


PANEL = Panel(
    path="intervals",
    operation_id="get_intervals",
    summary="Intervals of precision, recall, F1 and mAP50-95 over the images",
    document=Intervals,
    query=IntervalsQuery,
    read=read,
    build=build,
)
