"""Precision over recall by COCO's rules: the curves whose mean average precision is."""

from collections.abc import Iterator, Sequence

import numpy as np

from evals.db.panels import Kind, required_panel
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument
from evals.engine.precision.tables import CURVES, PrecisionTable
from evals.models import ModelEval
from evals.panels.counted import Counted
from evals.panels.panel import Panel, stored
from evals.panels.query import Asked
from predictions.regions.geometry import Floats

MISSING = "There is no precision over recall: the evaluation is imported, or of another kind."
#: Classes up to which each has its curves: 2 kB of JSON each.
MOST_CURVES = 2000


class RecallCurve(OpenDocument):
    """Precision at the recalls 0.00 to 1.00 by IoU; null where there is nothing to find."""

    precision: dict[str, list[float] | None]


class SplitRecallCurves(RecallCurve, kw_only=True):
    """The mean over the classes that have objects, and each class; of more than 2,000 the mean."""

    per_class: dict[str, RecallCurve]


class RecallCurves(OpenDocument):
    """The curves of each split that has images, at the IoUs 0.50, 0.75 and the mean of all ten."""

    recall: list[float]
    splits: dict[str, SplitRecallCurves]


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The stored panel."""
    return required_panel(evaluation, Kind.RECALL_CURVES, MISSING)


def build(counted: Counted) -> Iterator[NewPanel]:
    """The curves of each split with average precision."""
    classes = counted.evaluation.classes
    splits = {
        total.name: _split(total.measured.table, classes)
        for total in counted.with_images
        if total.measured.table is not None
    }
    if splits:
        recall = [round(at / 100, 2) for at in range(101)]
        yield stored(Kind.RECALL_CURVES, RecallCurves(recall=recall, splits=splits))


def _split(table: PrecisionTable, classes: Sequence[str]) -> SplitRecallCurves:
    curves = table.curves
    known = curves[:, :, ~np.isnan(curves[0, 0])]
    shown = classes if len(classes) <= MOST_CURVES else ()
    return SplitRecallCurves(
        precision=_by_iou(known.mean(axis=2) if known.shape[2] else None),
        per_class={
            name: RecallCurve(precision=_by_iou(curves[:, :, at])) for at, name in enumerate(shown)
        },
    )


def _by_iou(curves: Floats | None) -> dict[str, list[float] | None]:
    """The document of (3, 101) precisions."""
    if curves is None or np.isnan(curves[0, 0]):
        return dict.fromkeys(CURVES)
    return dict(zip(CURVES, np.round(curves, 4).tolist(), strict=True))


PANEL = Panel(
    path="recall-curves",
    operation_id="get_recall_curves",
    summary="Precision over recall, by COCO's rules",
    document=RecallCurves,
    read=read,
    build=build,
)
