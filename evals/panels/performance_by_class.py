"""The table of a split's classes, each at its own best threshold."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET, UnsetType, field

from evals.db.panels import Kind, required_panel
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument
from evals.documents.names import panel_task_type
from evals.documents.scores import Number
from evals.engine.events import class_counts
from evals.engine.metrics import class_rows
from evals.engine.precision.tables import ClassPrecision
from evals.models import ModelEval, Split
from evals.panels.counted import Counted, Imported, SplitTotal
from evals.panels.panel import Panel, stored
from evals.panels.query import Asked, OneSplitQuery

MISSING = "The imported file has neither mapResults nor confidenceSweep."
#: Of a class that an import's sweep does not know.
NO_THRESHOLD = 0.5


class ClassPerformance(OpenDocument, kw_only=True):
    """A class; one of pixels has its IoU and number, others have average precision."""

    class_name: str
    class_id: int | UnsetType | None = field(name="classID", default=UNSET)
    iou: Number = UNSET
    map50: Number = UNSET
    map50_95: Number = field(name="map50_95", default=UNSET)
    map75: Number = UNSET
    precision: float | None
    recall: float | None
    f1: float | None
    optimal_threshold: float | None


class PerformanceByClass(OpenDocument):
    """The classes of one split, in the order of the evaluation's classes."""

    task_type: str
    split: str
    classes: list[ClassPerformance]


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The stored table of the split."""
    return required_panel(evaluation, Kind.PERFORMANCE, MISSING, split=asked["split"].number)


def build(counted: Counted) -> Iterator[NewPanel]:
    """A table for each split."""
    evaluation = counted.evaluation
    for total in counted.totals:
        iou = total.measured.iou
        rows = _detection(evaluation, total) if iou is None else _semantic(evaluation, total, iou)
        yield _table(evaluation.task_type, Split(total.split), rows)


def derive(imported: Imported) -> Iterator[NewPanel]:
    """A table for each split, made of the file's map-results and sweep; none where it has neither.

    Their numbers stay what they are. Precision, recall and F1 of a class that the sweep of the
    split lacks are 0 where it has no objects there; all is null where it has some, or where there
    is no sweep of the split, and average precision where map-results lack the class.
    """
    metrics = imported.keys.get("mapResults") or {}
    sweep = imported.keys.get("confidenceSweep") or {}
    if metrics or sweep:
        for split in Split:
            has_objects = _has_objects(imported, split)
            rows = [
                _imported(
                    _class(metrics, split, name),
                    _curve(sweep, split, name, has_objects=has_objects[n]),
                    name,
                    n,
                )
                for n, name in enumerate(imported.classes)
            ]
            yield _table(metrics.get("taskType", "object-detection"), split, rows)


def _table(task_type: str, split: Split, rows: list[ClassPerformance]) -> NewPanel:
    document = PerformanceByClass(
        task_type=panel_task_type(task_type), split=split.label, classes=rows
    )
    return stored(Kind.PERFORMANCE, document, split=split.value)


def _detection(evaluation: ModelEval, total: SplitTotal) -> list[ClassPerformance]:
    """Boxes, masks or labels; without an average-precision table its metrics are null."""
    classes = evaluation.classes
    undefined = ClassPrecision(None, None, None, {})
    table = total.measured.table
    per_class = table.per_class if table else [undefined] * len(classes)
    return [
        ClassPerformance(
            class_name=classes[row.label],
            map50=row.map50,
            map50_95=row.map50_95,
            map75=row.map75,
            precision=row.score.precision,
            recall=row.score.recall,
            f1=row.score.f1,
            optimal_threshold=row.optimal_threshold,
        )
        for row in class_rows(total.swept.per_class, per_class)
    ]


def _semantic(
    evaluation: ModelEval, total: SplitTotal, of_classes: Sequence[float | None]
) -> list[ClassPerformance]:
    """Pixels, IoU at the canonical confidence."""
    rows = zip(evaluation.classes, of_classes, total.swept.per_class, strict=True)
    return [
        ClassPerformance(
            class_name=name,
            class_id=label,
            iou=iou,
            precision=curve.optimal.precision,
            recall=curve.optimal.recall,
            f1=curve.optimal.f1,
            optimal_threshold=curve.optimal_threshold,
        )
        for label, (name, iou, curve) in enumerate(rows)
    ]


def _class(panel: Any, split: Split, name: str) -> dict[str, Any]:
    """A class of a split of an imported panel; {} where the panel lacks it."""
    of_class: dict[str, Any] = (_of_split(panel, split).get("perClass") or {}).get(name) or {}
    return of_class


def _of_split(panel: Any, split: Split) -> dict[str, Any]:
    """A split of an imported panel; {} where the panel lacks it."""
    of_split: dict[str, Any] = (panel.get("splits") or {}).get(split.label) or {}
    return of_split


def _has_objects(imported: Imported, split: Split) -> list[bool]:
    """Whether a report of the file has objects of each class in the split."""
    counts = class_counts(imported.totals[split.value], n_classes=len(imported.classes))
    objects: Any = counts.objects[list(imported.confidences)]
    has_some: list[bool] = objects.any(axis=0).tolist()
    return has_some


def _curve(sweep: Any, split: Split, name: str, *, has_objects: bool) -> dict[str, Any] | None:
    """A class of the imported sweep; None where the sweep does not tell of the split's classes, or
    of this one, which has objects.
    """
    if not _of_split(sweep, split).get("perClass"):
        return None
    curve = _class(sweep, split, name)
    return None if has_objects and not curve else curve


def _imported(
    metrics: dict[str, Any], curve: dict[str, Any] | None, name: str, label: int
) -> ClassPerformance:
    # Not in the file is not the same as 0.
    unknown = None if curve is None else 0
    best = (curve or {}).get("optimalMetrics") or {}
    is_semantic = "iou" in metrics
    return ClassPerformance(
        class_name=name,
        class_id=metrics.get("classID", label) if is_semantic else UNSET,
        iou=metrics["iou"] if is_semantic else UNSET,
        map50=UNSET if is_semantic else metrics.get("map50"),
        map50_95=UNSET if is_semantic else metrics.get("map50_95"),
        map75=UNSET if is_semantic else metrics.get("map75"),
        precision=best.get("precision", unknown),
        recall=best.get("recall", unknown),
        f1=best.get("f1", unknown),
        optimal_threshold=None if curve is None else curve.get("optimalThreshold", NO_THRESHOLD),
    )


PANEL = Panel(
    path="performance-by-class",
    operation_id="get_performance_by_class",
    summary="Each class at its own best threshold",
    document=PerformanceByClass,
    query=OneSplitQuery,
    read=read,
    build=build,
    derive=derive,
)
