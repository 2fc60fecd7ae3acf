"""From counted chunks to finished panels: everything a reader asks for is worked out once, here."""

from importlib.metadata import version
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from evals.db import chunks, writes
from evals.db import vectors as stored_vectors
from evals.db.definition import job_of, kind_of
from evals.documents.evaluation import Headline, PrimaryMetric
from evals.engine.events import (
    Events,
    class_counts,
    join_events,
    make_events,
    total_counts,
    unpack_events,
)
from evals.engine.kinds.kind import Gathered
from evals.engine.kinds.segmentation import mean_iou
from evals.engine.metrics import Sweep, sweep
from evals.jobs import state, vectors
from evals.jobs.shared_classes import unshared_classes
from evals.models import EvalPart, ModelEval, Split
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
                embedded.analysis.cluster_ids,
                embedded.analysis.points,
            )
        writes.write_panels(evaluation.pk, panels)
        if findings is not None:
            stored_vectors.write_back(evaluation, vectors.of_predictions(evaluation, findings))
        chunks.delete(evaluation.pk)
        summary = _summary(evaluation, counted.head)
        warnings = [*evaluation.warnings, *unshared_classes(evaluation, counted)]
        state.finish(evaluation.pk, mine, summary=summary, engines=_engines(), warnings=warnings)


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
    n_images = evaluation.image_counts[Split(split).label]
    gathered = Gathered(
        states=[bytes(part.state) for part in parts if part.state is not None],
        events=merged,
        n_images=n_images,
    )
    return SplitTotal(
        split=split,
        n_images=n_images,
        events=merged,
        swept=_swept(merged, len(evaluation.classes)),
        measured=kind_of(evaluation).total(gathered, job_of(evaluation)),
    )


def _swept(events: Events, n_classes: int) -> Sweep:
    return sweep(
        total_counts(events, n_classes=n_classes), class_counts(events, n_classes=n_classes)
    )


def _summary(evaluation: ModelEval, head: SplitTotal) -> dict[str, Any]:
    """The headline as clients read it, and every metric models are compared by."""
    measured, kind = head.measured, kind_of(evaluation)
    table = measured.table.overall if measured.table else None
    iou = None if measured.iou is None else mean_iou(measured.iou)
    best = head.swept.micro.optimal
    headline = Headline(
        mean_ap=table.map50 if table else None,
        mean_iou=iou,
        precision=best.precision,
        recall=best.recall,
        split=msgspec.UNSET if head.split == Split.TEST else head.name,
        primary=PrimaryMetric(
            name=kind.primary.name,
            value=measured.primary,
            higher_is_better=kind.primary.is_higher_better,
        ),
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
