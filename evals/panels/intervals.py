"""Intervals of precision, recall and F1 at one confidence, over the images of a split or slice."""

from evals.db import writes
from evals.db.evaluations import confidence_of, count_images
from evals.db.panels import kept_answer, matrix
from evals.documents.document import encode
from evals.documents.refusals import ReportNotFound
from evals.documents.slices import Bounds, Intervals, Slice
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
from evals.panels.panel import Panel
from evals.panels.query import Asked, IntervalsQuery
from evals.panels.slices import slice_of, sliced_counts


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The intervals. ReportNotFound where there are no images, UnknownSlice for an unknown key."""
    split, level = asked["split"], asked["level"]
    confidence = confidence_of(evaluation, asked["confidence"])
    wanted = slice_of(evaluation, asked["slice"])
    question = (
        f"intervals?split={split.name}&confidence={confidence}&level={level}"
        + ("" if wanted is None else f"&slice={wanted.place}.{wanted.code}")
    )  # fmt: skip
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
        found = total_of(matrix(evaluation, split=split, confidence=confidence).counts())
        return _document(wilson(found, level), n_images, level, is_drawn=False)
    counts = sliced_counts(evaluation, split=split, confidence=confidence, wanted=wanted)
    n_images = len(counts.tp)
    if not n_images:
        raise ReportNotFound("There are no images to measure.")
    if n_images > MOST_IMAGES:
        return _document(wilson(total_of(counts), level), n_images, level, is_drawn=False)
    return _document(bootstrap(counts, level), n_images, level, is_drawn=True)


def _document(found: ScoreIntervals, n_images: int, level: float, *, is_drawn: bool) -> Intervals:
    return Intervals(
        method="bootstrap-percentile" if is_drawn else "wilson",
        replicates=REPLICATES if is_drawn else None,
        seed=SEED if is_drawn else None,
        level=level,
        images=n_images,
        precision=_bounds(found.precision),
        recall=_bounds(found.recall),
        f1=None if found.f1 is None else _bounds(found.f1),
    )


def _bounds(interval: Interval) -> Bounds:
    return Bounds(low=interval.low, high=interval.high)


PANEL = Panel(
    path="intervals",
    operation_id="get_intervals",
    summary="Intervals of precision, recall and F1 over the images",
    document=Intervals,
    query=IntervalsQuery,
    read=read,
)
