"""From counted chunks to finished panels: everything a reader asks for is worked out once, here."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
from django.conf import settings
from django.db import transaction

from evals.db import chunks, writes
from evals.db import vectors as stored_vectors
from evals.documents.evaluation import Headline
from evals.documents.names import PANEL_TASK_TYPES
from evals.engine.average_precision import merge_states, new_state, read_state
from evals.engine.errors import UnreadableState
from evals.engine.events import (
    N_BINS,
    Events,
    Ints,
    class_counts,
    join_events,
    make_events,
    total_counts,
    unpack_events,
)
from evals.engine.kinds.segmentation import mean_iou
from evals.engine.metrics import Sweep, matrix_of, sweep
from evals.engine.precision.tables import PrecisionTable
from evals.jobs import state, vectors
from evals.models import EvalPart, ModelEval, Split, TaskType
from evals.panels.counted import Counted, SplitTotal
from evals.panels.table import PANELS
from predictions_api.jobs.leases import Holder


def finish(evaluation: ModelEval, mine: Holder) -> None:
    """Works out all panels of a wholly counted evaluation and shows it as done, at once."""
    embedded = vectors.analyse(evaluation)
    counted = Counted(evaluation, [_total(evaluation, split.value) for split in Split], embedded)
    panels = [new for panel in PANELS for new in panel.build(counted)]
    findings = vectors.findings(evaluation, embedded) if evaluation.writes_back else None
    with transaction.atomic():
        state.keep(evaluation.pk, mine)
        if embedded is not None:
            stored_vectors.place_images(
                evaluation,
                embedded.positions,
                embedded.analysis.cluster_ids.tolist(),
                embedded.analysis.points,
            )
        writes.write_panels(evaluation.pk, panels)
        if findings is not None:
            stored_vectors.write_back(evaluation, findings)
        chunks.delete(evaluation.pk)
        summary = _summary(evaluation, counted.head)
        state.finish(evaluation.pk, mine, summary=summary, engines=_engines())


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


def _summary(evaluation: ModelEval, head: SplitTotal) -> dict[str, Any]:
    """The headline as clients read it, and every metric models are compared by."""
    table = head.table.overall if head.table else None
    iou = None
    if evaluation.task_type == TaskType.SEMANTIC:
        n_classes = len(evaluation.classes)
        iou = mean_iou(matrix_of(head.events, evaluation.confidence, n_classes=n_classes))
    best = head.swept.micro.optimal
    headline = Headline(
        mean_ap=table.map50 if table and evaluation.task_type in PANEL_TASK_TYPES else None,
        mean_iou=iou,
        precision=best.precision,
        recall=best.recall,
        split=msgspec.UNSET if head.split == Split.TEST else head.name,
    )
    metrics = {
        "mAP": table.map50 if table else None,
        "mAP5095": table.map50_95 if table else None,
        "mAP75": table.map75 if table else None,
        "mIoU": iou,
        "precision": best.precision,
        "recall": best.recall,
        "f1": best.f1,
    }
    # Precision and recall of the headline are at this confidence.
    at = head.swept.micro.optimal_threshold
    return {"headline": msgspec.to_builtins(headline), "metrics": metrics, "confidence": at}
