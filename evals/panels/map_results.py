"""Metrics of each split: average precision, or what stands for it where that is not defined."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from evals.db.panels import Kind, required_panel
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument
from evals.documents.names import panel_task_type
from evals.documents.scores import Number
from evals.engine.events import class_counts, total_counts
from evals.engine.kinds.kind import Metric
from evals.engine.kinds.segmentation import mean_iou
from evals.engine.metrics import Score, scores_of
from evals.engine.precision.tables import ClassPrecision, Precision, PrecisionTable
from evals.models import ModelEval
from evals.panels.counted import Counted, SplitTotal
from evals.panels.panel import Panel, stored
from evals.panels.query import Asked

MISSING = "The imported file has no mapResults."


class Precisions(OpenDocument):
    """Average precision at an IoU of 0.50, over 0.50 to 0.95, and at 0.75."""

    map50: Number = UNSET
    map50_95: Number = field(name="map50_95", default=UNSET)
    map75: Number = UNSET


class ClassMetrics(Precisions, kw_only=True):
    """Metrics of a class: average precision of boxes and masks, IoU of pixels."""

    by_object_size: dict[str, Any] | UnsetType | None = UNSET
    precision: Number = UNSET
    recall: Number = UNSET
    f1: Number = UNSET
    iou: Number = UNSET
    optimal_threshold: Number = UNSET
    class_id: int | UnsetType | None = field(name="classID", default=UNSET)


class SplitMetrics(Precisions, kw_only=True):
    """Metrics of a split and of its classes, null or missing where the task type has none."""

    by_object_size: dict[str, Any] | UnsetType | None = UNSET
    accuracy: Number = UNSET
    mean_iou: Number = field(name="mIoU", default=UNSET)
    precision: Number = UNSET
    recall: Number = UNSET
    f1: Number = UNSET
    per_class: dict[str, ClassMetrics] | UnsetType = UNSET
    metrics: Annotated[
        dict[str, float | dict[str, float | None] | None] | UnsetType,
        Meta(description="What its kind measures, of all predictions whatever their score."),
    ] = UNSET


class MapResults(OpenDocument):
    """Metrics of each split that has images."""

    task_type: str | UnsetType = UNSET
    splits: dict[str, SplitMetrics] | UnsetType = UNSET


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The stored panel."""
    return required_panel(evaluation, Kind.MAP_RESULTS, MISSING)


def build(counted: Counted) -> Iterator[NewPanel]:
    """The metrics of each split that has images."""
    evaluation = counted.evaluation
    splits = {total.name: _split(evaluation, total) for total in counted.with_images}
    document = MapResults(task_type=panel_task_type(evaluation.task_type), splits=splits)
    yield stored(Kind.MAP_RESULTS, document)


def _split(evaluation: ModelEval, total: SplitTotal) -> SplitMetrics:
    measured = total.measured
    split = _by_kind(evaluation, total)
    split.metrics = {name: _metric(value) for name, value in measured.metrics.items()}
    return split


def _metric(value: Metric) -> float | dict[str, float | None] | None:
    return dict(value) if isinstance(value, Mapping) else value


def _by_kind(evaluation: ModelEval, total: SplitTotal) -> SplitMetrics:
    classes, measured = evaluation.classes, total.measured
    if measured.table is not None:
        # Where nobody knows how large images are, nobody knows how large objects are.
        unsized = {split for one in evaluation.warnings for split in one.get("splits", ())}
        return _detection(measured.table, classes, has_sizes=total.name not in unsized)
    at = evaluation.confidence
    overall = scores_of(total_counts(total.events, n_classes=len(classes))).at(at)
    by_class = scores_of(class_counts(total.events, n_classes=len(classes)))
    columns = (by_class.precision[at], by_class.recall[at], by_class.f1[at])
    per_class = [Score(*numbers) for numbers in zip(*(c.tolist() for c in columns), strict=True)]
    if measured.iou is not None:
        return _semantic(measured.iou, total, overall, per_class, classes)
    return _counted(measured.metrics.get("accuracy", UNSET), overall, per_class, classes)


def _detection(table: PrecisionTable, classes: Sequence[str], *, has_sizes: bool) -> SplitMetrics:
    """Boxes or masks."""
    overall = table.overall
    return SplitMetrics(
        map50=overall.map50,
        map50_95=overall.map50_95,
        map75=overall.map75,
        by_object_size=_by_size(overall) if has_sizes and overall.by_size else None,
        per_class={
            name: ClassMetrics(
                map50=one.map50,
                map50_95=one.map50_95,
                map75=one.map75,
                by_object_size=_by_size(one) if has_sizes and one.by_size else None,
            )
            for name, one in zip(classes, table.per_class, strict=True)
        },
    )


def _by_size(precision: ClassPrecision) -> dict[str, Precisions | None]:
    """Null for a size of which there is nothing to find."""
    return {size: None if one is None else _sized(one) for size, one in precision.by_size.items()}


def _sized(one: Precision) -> Precisions:
    return Precisions(map50=one.map50, map50_95=one.map50_95, map75=one.map75)


def _counted(
    accuracy: Any, overall: Score, per_class: Sequence[Score], classes: Sequence[str]
) -> SplitMetrics:
    """Counts at the canonical confidence; average precision is not defined."""
    undefined: dict[str, Any] = {"map50": None, "map50_95": None, "map75": None}
    return SplitMetrics(
        **undefined,
        accuracy=accuracy,
        precision=overall.precision,
        recall=overall.recall,
        f1=overall.f1,
        per_class={
            name: ClassMetrics(**undefined, precision=one.precision, recall=one.recall, f1=one.f1)
            for name, one in zip(classes, per_class, strict=True)
        },
    )


def _semantic(
    of_classes: Sequence[float | None],
    total: SplitTotal,
    overall: Score,
    per_class: Sequence[Score],
    classes: Sequence[str],
) -> SplitMetrics:
    """Pixels at the canonical confidence."""
    rows = zip(classes, of_classes, per_class, total.swept.per_class, strict=True)
    return SplitMetrics(
        mean_iou=mean_iou(of_classes),
        precision=overall.precision,
        recall=overall.recall,
        f1=overall.f1,
        per_class={
            name: ClassMetrics(
                iou=iou,
                precision=one.precision,
                recall=one.recall,
                f1=one.f1,
                optimal_threshold=curve.optimal_threshold,
                class_id=label,
            )
            for label, (name, iou, one, curve) in enumerate(rows)
        },
    )


PANEL = Panel(
    path="map-results",
    operation_id="get_map_results",
    summary="Metrics of each split",
    document=MapResults,
    read=read,
    build=build,
    imported_as=("mapResults", Kind.MAP_RESULTS),
)
