"""From counted chunks to finished panels: everything a reader asks for is worked out once, here."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import orjson
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from evals.db import writes
from evals.db.blocks import blocks
from evals.db.writes import Kind, NewPanel, matrix_panels
from evals.documents import panels as wire
from evals.engine.average_precision import (
    ClassPrecision,
    PrecisionTable,
    merge_states,
    new_state,
    read_state,
)
from evals.engine.errors import UnreadableState
from evals.engine.events import (
    N_BINS,
    Events,
    Ints,
    class_counts,
    confusion_matrix,
    join_events,
    make_events,
    total_counts,
    unpack_events,
)
from evals.engine.kinds.segmentation import intersection_over_union, mean_iou
from evals.engine.metrics import Curve, Score, Sweep, class_rows, scores_of, sweep
from evals.engine.recommendations import Recommendation, recommendations
from evals.jobs import leases, vectors
from evals.jobs.notes import unsized_splits
from evals.models import EvalChunk, EvalPart, ModelEval, Split, TaskType

#: Images named with each recommendation.
SHOWN_IMAGES = 20
#: Which split speaks for the evaluation: test, or the next best where it has no images.
HEADLINE_SPLITS = (Split.TEST, Split.VALID, Split.TRAIN)


@dataclass(frozen=True, slots=True)
class SplitTotal:
    """A split, its chunks added up."""

    split: int
    n_images: int
    events: Events
    swept: Sweep
    table: PrecisionTable | None
    #: Images entirely right at each percent, (101,).
    exact: Ints

    @property
    def name(self) -> str:
        return Split(self.split).label


def finish(evaluation: ModelEval, owner: uuid.UUID) -> None:
    """Works out all panels of a wholly counted evaluation and shows it as done, at once."""
    totals = [_total(evaluation, split.value) for split in Split]
    with_images = [total for total in totals if total.n_images]
    head = _headline_split(with_images)
    panels = [
        *split_panels(evaluation, totals),
        _recommendation_panel(evaluation, head, totals),
    ]
    analysis = vectors.analyse(evaluation)
    if analysis is not None:
        panels += analysis.panels
    found = vectors.findings(evaluation, analysis) if evaluation.writes_back else None
    with transaction.atomic():
        leases.extend(evaluation.pk, owner)
        if analysis is not None:
            vectors.place_images(evaluation, analysis)
        writes.write_panels(evaluation.pk, panels)
        if found is not None:
            vectors.write_back(evaluation, found)
        EvalChunk.objects.filter(evaluation=evaluation).delete()
        EvalPart.objects.filter(evaluation=evaluation).delete()
        ModelEval.objects.filter(pk=evaluation.pk).update(
            status=ModelEval.Status.DONE,
            progress=1.0,
            finished_at=Now(),
            summary=_summary(evaluation, head),
            engines=_engines(),
            lease_owner=None,
            lease_until=None,
        )


def _engines() -> dict[str, str]:
    names = ("numpy", settings.EVALUATION_ENGINE)
    return {name: version(name) for name in names}


def _total(evaluation: ModelEval, split: int) -> SplitTotal:
    """One split of all chunks; the order they were counted in does not matter."""
    parts = list(EvalPart.objects.filter(evaluation=evaluation, split=split).order_by("chunk"))
    events = unpack_events([part.histogram for part in parts])
    merged = join_events(
        [make_events(0, events.bin, events.actual, events.predicted, events.delta)]
    )
    exact: Ints = np.zeros(N_BINS, dtype=np.int64)
    for part in parts:
        exact = exact + np.frombuffer(part.exact, dtype=np.int64)
    return SplitTotal(
        split=split,
        n_images=evaluation.image_counts[Split(split).label],
        events=merged,
        swept=_swept(merged, len(evaluation.classes)),
        table=_precision(
            evaluation, [bytes(p.precision) for p in parts if p.precision is not None]
        ),
        exact=exact,
    )


def _swept(events: Events, n_classes: int) -> Sweep:
    return sweep(
        total_counts(events, n_classes=n_classes), class_counts(events, n_classes=n_classes)
    )


def _precision(evaluation: ModelEval, states: Sequence[bytes]) -> PrecisionTable | None:
    if evaluation.task_type not in (TaskType.DETECTION, TaskType.INSTANCES):
        return None
    try:
        merged = merge_states([read_state(state) for state in states])
    except UnreadableState:
        if states:
            raise
        merged = new_state(len(evaluation.classes), engine=settings.EVALUATION_ENGINE)
    return merged.table()


def _headline_split(with_images: Sequence[SplitTotal]) -> SplitTotal:
    by_split = {total.split: total for total in with_images}
    return next(by_split[split] for split in HEADLINE_SPLITS if split in by_split)


def split_panels(evaluation: ModelEval, totals: Sequence[SplitTotal]) -> Iterator[NewPanel]:
    """Metrics, sweep, performance tables and matrices of an evaluation's splits."""
    classes = evaluation.classes
    with_images = [total for total in totals if total.n_images]
    metrics = {total.name: _metrics(evaluation, total) for total in with_images}
    sweeps = {total.name: wire.sweep_split(total.swept, classes) for total in with_images}
    yield _json(Kind.MAP_RESULTS, wire.map_results(evaluation.task_type, metrics))
    yield _json(Kind.SWEEP, wire.confidence_sweep(sweeps))
    for total in totals:
        table = wire.performance_by_class(
            evaluation.task_type, total.name, _performance(evaluation, total)
        )
        yield _json(Kind.PERFORMANCE, table, split=total.split)
        yield from matrix_panels(total.split, total.events, range(N_BINS))


def _json(
    kind: Kind, body: Mapping[str, Any], *, split: int = -1, confidence: int = -1
) -> NewPanel:
    return NewPanel(kind, orjson.dumps(body), split=split, confidence=confidence)


def _metrics(evaluation: ModelEval, total: SplitTotal) -> wire.Document:
    n_classes, at = len(evaluation.classes), evaluation.confidence
    if total.table is not None:
        has_sizes = total.name not in unsized_splits(evaluation)
        return wire.precision_split(total.table, evaluation.classes, has_sizes=has_sizes)
    overall = scores_of(total_counts(total.events, n_classes=n_classes)).at(at)
    by_class = scores_of(class_counts(total.events, n_classes=n_classes))
    per_class = [
        Score(
            float(by_class.precision[at, c]),
            float(by_class.recall[at, c]),
            float(by_class.f1[at, c]),
        )
        for c in range(n_classes)
    ]
    if evaluation.task_type == TaskType.CLASSIFICATION:
        accuracy = int(total.exact[at]) / total.n_images
        return wire.classification_split(accuracy, overall, per_class, evaluation.classes)
    matrix = confusion_matrix(total.events, at, n_classes=n_classes)
    thresholds = [curve.optimal_threshold for curve in total.swept.per_class]
    writes = list(zip(intersection_over_union(matrix), per_class, thresholds, strict=True))
    return wire.semantic_split(mean_iou(matrix), overall, writes, evaluation.classes)


def _performance(evaluation: ModelEval, total: SplitTotal) -> list[wire.Document]:
    classes, curves = evaluation.classes, total.swept.per_class
    if evaluation.task_type == TaskType.SEMANTIC:
        matrix = confusion_matrix(total.events, evaluation.confidence, n_classes=len(classes))
        ious = intersection_over_union(matrix)
        return [
            wire.semantic_row(label, iou, *_best(curve), classes)
            for label, (iou, curve) in enumerate(zip(ious, curves, strict=True))
        ]
    nothing = ClassPrecision(None, None, None, {})
    per_class = total.table.per_class if total.table else [nothing] * len(classes)
    return [wire.class_row(row, classes) for row in class_rows(curves, per_class)]


def _best(curve: Curve) -> tuple[Score, float]:
    return curve.optimal, curve.optimal_threshold


def _summary(evaluation: ModelEval, head: SplitTotal) -> dict[str, Any]:
    """The headline as clients read it, and every metric models are compared by."""
    table = head.table.overall if head.table else None
    iou = None
    if evaluation.task_type == TaskType.SEMANTIC:
        n_classes = len(evaluation.classes)
        iou = mean_iou(confusion_matrix(head.events, evaluation.confidence, n_classes=n_classes))
    best = head.swept.micro.optimal
    headline = wire.headline(
        task_type=evaluation.task_type,
        map50=table.map50 if table else None,
        mean_iou=iou,
        best=best,
    )
    if head.split != Split.TEST:
        headline["split"] = head.name
    metrics = {
        "mAP": table.map50 if table else None,
        "mAP5095": table.map50_95 if table else None,
        "mAP75": table.map75 if table else None,
        "mIoU": iou,
        **wire.score(best),
    }
    # Precision and recall of the headline are at this confidence.
    at = head.swept.micro.optimal_threshold
    return {"headline": headline, "metrics": metrics, "confidence": at}


def _recommendation_panel(
    evaluation: ModelEval, head: SplitTotal, totals: Sequence[SplitTotal]
) -> NewPanel:
    """Advice at the threshold that is best on the headline's split."""
    from datetime import UTC, datetime

    n_classes = len(evaluation.classes)
    confidence = round(100 * head.swept.micro.optimal_threshold)
    matrix = confusion_matrix(head.events, confidence, n_classes=n_classes)
    everything = join_events([total.events for total in totals])
    # Objects are missed at 100 percent or matched there: either way all are in its rows.
    instances = class_counts(everything, n_classes=n_classes).objects[0].tolist()
    found = recommendations(
        matrix,
        evaluation.classes,
        instances=instances,
        images=evaluation.image_counts,
        is_augmented=evaluation.images.filter(augmentations__gt=0).exists(),
    )
    shown = _images_showing(evaluation, head.split, confidence, found)
    items = [wire.recommendation(r, ids) for r, ids in zip(found, shown, strict=True)]
    body = wire.recommendations(
        items,
        confidence=confidence,
        split=head.name,
        best=head.swept.micro.optimal,
        at=datetime.now(UTC),
    )
    return _json(Kind.RECOMMENDATIONS, body)


def _images_showing(
    evaluation: ModelEval, split: int, confidence: int, found: Sequence[Recommendation]
) -> list[list[str]]:
    """Ids of the images with most of each advice's cells, worst first."""
    best: list[list[tuple[int, int, str]]] = [[] for _ in found]
    side = len(evaluation.classes) + 1
    wanted = [[actual * side + called for actual, called in advice.cells] for advice in found]
    if not any(wanted):
        return [[] for _ in found]
    for block in blocks(evaluation, split=split):
        cells = block.cells(confidence)
        key = cells.actual * side + cells.predicted
        for n, pairs in enumerate(wanted):
            if not pairs:
                continue
            hit = np.isin(key, pairs)
            per_image = np.bincount(
                cells.image[hit], weights=cells.count[hit], minlength=len(block.ids)
            )
            places = np.flatnonzero(per_image)
            best[n] += [
                (-int(per_image[p]), block.first + p, block.ids[p]) for p in places.tolist()
            ]
            best[n] = sorted(best[n])[:SHOWN_IMAGES]
    return [[image_id for _, _, image_id in images] for images in best]
