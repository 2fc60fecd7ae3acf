"""Images by the values of a key of their tasks: which there are, and how each fares."""

from collections.abc import Iterator

import msgspec
import numpy as np

from evals.db import writes
from evals.db.blocks import blocks
from evals.db.evaluations import confidence_of
from evals.db.panels import Kind, kept_answer, panel
from evals.documents.document import encode
from evals.documents.refusals import UnknownSlice
from evals.documents.slices import (
    NONE,
    Slice,
    SliceKey,
    SliceRow,
    Slices,
    codes_at,
    readings,
)
from evals.engine.events import Counts, Ints, image_counts
from evals.engine.metrics import scores_of
from evals.engine.resampling.scores import (
    MOST_IMAGES,
    Interval,
    bootstrap,
    bootstrap_together,
    images_by_counts,
    total_of,
)
from evals.models import ModelEval
from evals.panels.panel import Panel
from evals.panels.query import Asked, BySliceQuery
from predictions.regions.geometry import Bools

LEVEL = 0.95
#: Different counts of images, of all slices together, above which none has an interval where
#: images are drawn together: about a second.
MOST_COUNTS = 10_000


def keys_of(evaluation: ModelEval) -> list[SliceKey]:
    """The keys of its slices by place, those with too many values included. One statement."""
    stored = panel(evaluation, Kind.SLICES) if evaluation.slices else None
    return [] if stored is None else msgspec.json.decode(stored, type=list[SliceKey])


def slice_of(evaluation: ModelEval, text: str | None) -> Slice | None:
    """The slice that `key:value` names; None for None. UnknownSlice for an unknown key.

    A value that no image has is a slice without images. One statement, none for None.
    """
    if text is None:
        return None
    meant = list(readings(text, evaluation.slices))
    if not meant:
        raise unknown_slice(evaluation, "slice must be one of the keys, a colon and a value.")
    keys = keys_of(evaluation) if any(value != NONE for _, value in meant) else []
    for place, value in meant:
        if value == NONE:
            return Slice(place, 0)
        if value in (values := keys[place].values or []):
            return Slice(place, values.index(value) + 1)
    return Slice(meant[0][0], -1)


def unknown_slice(evaluation: ModelEval, problem: str) -> UnknownSlice:
    """The refusal, which names the keys there are."""
    known = [name for name in evaluation.slices if name is not None]
    there_are = f"The keys are {', '.join(known)}." if known else "This evaluation has no slices."
    return UnknownSlice(f"{problem} {there_are}")


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The slices of a key. UnknownSlice for another key."""
    by, split = asked["by"], asked["split"]
    confidence = confidence_of(evaluation, asked["confidence"])
    if by not in evaluation.slices or by is None:
        raise unknown_slice(evaluation, "by must be one of the keys.")
    question = f"slices?by={by}&split={split.name}&confidence={confidence}"
    if (kept := kept_answer(evaluation, question)) is not None:
        return kept
    place = evaluation.slices.index(by)
    codes, counts = _counted(evaluation, split.number, confidence, place)
    document = Slices(
        by=by,
        split=split.name,
        confidence_threshold=confidence / 100,
        slices=_rows(codes, counts, [NONE, *(keys_of(evaluation)[place].values or [])]),
    )
    body = encode(document)
    writes.keep_answer(evaluation.pk, question, body)
    return body


def sliced_counts(
    evaluation: ModelEval, *, split: int | None, confidence: int, wanted: Slice | None
) -> Counts:
    """The counts of each image of a split and slice at one percent, in order, (n_images,).

    A statement for each 5,000 images.
    """
    return _joined(
        [
            counts if wanted is None else _chosen(counts, wanted.has(slices))
            for slices, counts in _blocks(evaluation, split, confidence)
        ]
    )


def _counted(
    evaluation: ModelEval, split: int | None, confidence: int, place: int
) -> tuple[Ints, Counts]:
    """The code of each image for the key at a place, and its counts."""
    parts = [
        (codes_at(slices, place), counts)
        for slices, counts in _blocks(evaluation, split, confidence)
    ]
    codes = [np.zeros(0, dtype=np.int64), *(codes for codes, _ in parts)]
    return np.concatenate(codes), _joined([counts for _, counts in parts])


def _blocks(
    evaluation: ModelEval, split: int | None, confidence: int
) -> Iterator[tuple[list[bytes], Counts]]:
    n_classes = len(evaluation.classes)
    for block in blocks(evaluation, split=split):
        n_images = len(block.ids)
        counts = image_counts(block.events, confidence, n_images=n_images, n_classes=n_classes)
        yield block.slices, counts


def _joined(parts: list[Counts]) -> Counts:
    nothing = np.zeros(0, dtype=np.int64)
    return Counts(
        *(
            np.concatenate([nothing, *(getattr(part, name) for part in parts)])
            for name in ("tp", "kept", "objects")
        )
    )


def _chosen(counts: Counts, which: Ints | Bools) -> Counts:
    return Counts(counts.tp[which], counts.kept[which], counts.objects[which])


def _rows(codes: Ints, counts: Counts, values: list[str]) -> list[SliceRow]:
    """Those with images, most first, then by value."""
    order = np.argsort(codes, kind="stable")
    found, firsts = np.unique(codes[order], return_index=True)
    parts = zip(found.tolist(), np.split(order, firsts[1:]), strict=False)
    named = [(values[code], _chosen(counts, which)) for code, which in parts]
    intervals = _intervals([mine for _, mine in named])
    rows = [_row(*one, interval) for one, interval in zip(named, intervals, strict=True)]
    return sorted(rows, key=lambda row: (-row.images, row.value))


def _intervals(slices: list[Counts]) -> list[Interval | None]:
    """F1's of each slice, which has images. Of more than MOST_IMAGES together those with equal
    counts are drawn at once, and there are none where that would take long, too.
    """
    if sum(len(one.tp) for one in slices) <= MOST_IMAGES:
        return [bootstrap(one, LEVEL).f1 for one in slices]
    together = [images_by_counts(one) for one in slices]
    if sum(len(one.n_images) for one in together) > MOST_COUNTS:
        return [None] * len(slices)
    return [bootstrap_together(one, LEVEL) for one in together]


def _row(value: str, counts: Counts, interval: Interval | None) -> SliceRow:
    total = total_of(counts)
    score = scores_of(total)
    return SliceRow(
        value=value,
        images=len(counts.tp),
        true_positives=int(total.tp),
        false_positives=int(total.fp),
        false_negatives=int(total.fn),
        precision=float(score.precision),
        recall=float(score.recall),
        f1=float(score.f1),
        f1_low=None if interval is None else interval.low,
        f1_high=None if interval is None else interval.high,
    )


PANEL = Panel(
    path="slices",
    operation_id="get_slices",
    summary="Precision, recall and F1 by the values of a key of the tasks",
    document=Slices,
    query=BySliceQuery,
    read=read,
)
