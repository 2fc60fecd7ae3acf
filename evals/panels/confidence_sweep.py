"""Precision, recall and F1 of each split at the confidences 0.00 to 0.99."""

from collections.abc import Iterator, Sequence

from msgspec import UNSET, UnsetType

from evals.db.panels import Kind, required_panel
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument
from evals.documents.scores import Number, Scores, scores
from evals.engine.metrics import SWEEP_KEYS, Curve, Sweep
from evals.models import ModelEval
from evals.panels.counted import Counted
from evals.panels.panel import Panel, stored
from evals.panels.query import Asked

#: Classes up to which each has its curve: 40 MB of JSON a split. Of more, each has its optimum.
MOST_CURVES = 2000
MISSING = "The imported file has no confidenceSweep."


class SweepCurve(OpenDocument):
    """Scores by confidence, and the lowest confidence with the highest F1."""

    per_threshold: dict[str, Scores] | UnsetType = UNSET
    optimal_threshold: Number = UNSET
    optimal_metrics: Scores | UnsetType = UNSET


class SplitSweep(SweepCurve, kw_only=True):
    """The micro curve (of summed counts), each class's, and the macro curve (their mean).

    Of more than 2,000 classes each has its optimum alone.
    """

    per_class: dict[str, SweepCurve] | UnsetType = UNSET
    macro: SweepCurve | UnsetType = UNSET


class ConfidenceSweep(OpenDocument):
    """The sweep of each split that has images."""

    splits: dict[str, SplitSweep] | UnsetType = UNSET


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The stored panel."""
    return required_panel(evaluation, Kind.SWEEP, MISSING)


def build(counted: Counted) -> Iterator[NewPanel]:
    """The curves of each split that has images."""
    classes = counted.evaluation.classes
    splits = {total.name: _split(total.swept, classes) for total in counted.with_images}
    yield stored(Kind.SWEEP, ConfidenceSweep(splits=splits))


def _split(swept: Sweep, classes: Sequence[str]) -> SplitSweep:
    micro, has_curves = swept.micro, len(classes) <= MOST_CURVES
    return SplitSweep(
        per_threshold=_per_threshold(micro),
        optimal_threshold=micro.optimal_threshold,
        optimal_metrics=scores(micro.optimal),
        per_class={
            name: _curve(curve) if has_curves else _optimum(curve)
            for name, curve in zip(classes, swept.per_class, strict=True)
        },
        macro=_curve(swept.macro),
    )


def _curve(curve: Curve) -> SweepCurve:
    return SweepCurve(
        per_threshold=_per_threshold(curve),
        optimal_threshold=curve.optimal_threshold,
        optimal_metrics=scores(curve.optimal),
    )


def _optimum(curve: Curve) -> SweepCurve:
    return SweepCurve(
        optimal_threshold=curve.optimal_threshold, optimal_metrics=scores(curve.optimal)
    )


def _per_threshold(curve: Curve) -> dict[str, Scores]:
    columns = (curve.scores.precision, curve.scores.recall, curve.scores.f1)
    rows = zip(SWEEP_KEYS, *(column.tolist() for column in columns), strict=True)
    return {key: Scores(precision=p, recall=r, f1=f) for key, p, r, f in rows}


PANEL = Panel(
    path="confidence-sweep",
    operation_id="get_confidence_sweep",
    summary="Precision, recall and F1 at the confidences 0.00 to 0.99",
    document=ConfidenceSweep,
    read=read,
    build=build,
    imported_as=("confidenceSweep", Kind.SWEEP),
)
