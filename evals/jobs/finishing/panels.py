"""From counted chunks to finished panels: everything a reader asks for is worked out once, here."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from evals.db import chunks, writes
from evals.db import vectors as stored_vectors
from evals.db.definition import kind_of
from evals.db.images import ground_truth_digest
from evals.documents.evaluation import Headline, PrimaryMetric
from evals.jobs import state
from evals.jobs.finishing import shares, totals, vectors
from evals.jobs.finishing.shared_classes import unknown_classes, unshared_classes
from evals.jobs.finishing.shared_images import unshared_images
from evals.models import ModelEval, Split
from evals.panels.counted import Counted, SplitTotal
from evals.panels.table import PANELS
from predictions_api.jobs.leases import Holder


def finish(evaluation: ModelEval, mine: Holder) -> None:
    """Works out what is left of the panels of a wholly counted evaluation, and shows it as done, at
    once.
    """
    embedded = vectors.analyse(evaluation)
    done = chunks.done_shares(evaluation.pk)
    of_splits = [_total(evaluation, split.value, done) for split in Split]
    counted = Counted(evaluation, of_splits, embedded)
    built = shares.built(done)
    left = (panel for panel in PANELS if panel.path not in built)
    panels = [new for panel in left for new in panel.build(counted)]
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
        warnings = [
            *evaluation.warnings,
            *unshared_classes(evaluation, counted),
            *unknown_classes(evaluation, counted),
            *unshared_images(evaluation),
        ]
        state.finish(evaluation.pk, mine, summary=summary, engines=_engines(), warnings=warnings)


def _total(evaluation: ModelEval, split: int, done: Mapping[int, bytes]) -> SplitTotal:
    """One split of all chunks, with what is not measured yet of it."""
    total = totals.counted_total(evaluation, split)
    known = shares.known(evaluation, split, done)
    return replace(total, measured=totals.measured(evaluation, split, total.events, known))


def _engines() -> dict[str, str]:
    names = ("numpy", settings.EVALUATION_ENGINE)
    return {name: version(name) for name in names}


def _summary(evaluation: ModelEval, head: SplitTotal) -> dict[str, Any]:
    """The headline as clients read it, every metric models are compared by, and a digest of the
    ground truth they are measured against.
    """
    measured, kind = head.measured, kind_of(evaluation)
    table = measured.table.overall if measured.table else None
    # Of all predictions, as everything that models are compared by.
    iou = measured.primary if measured.iou is not None else None
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
    return {
        "headline": msgspec.to_builtins(headline),
        "metrics": metrics,
        "confidence": at,
        "groundTruthDigest": ground_truth_digest(evaluation),
    }
