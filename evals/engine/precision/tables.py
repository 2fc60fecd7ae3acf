"""Average precision and recall as they are read: of a split, of its classes, by object size."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evals.engine.precision.measures import SIZES, Measure
from predictions.regions.geometry import Floats

#: Places of IoU 0.50 and 0.75 in COCO's ten thresholds.
AT_50, AT_75 = 0, 5
#: Whose curves of precision over recall are kept: of these IoUs, and the mean of all ten.
CURVES = ("0.50", "0.75", "0.50:0.95")


@dataclass(frozen=True, slots=True)
class Precision:
    """Average precision in [0, 1], each None where there is nothing to find."""

    map50: float | None
    map50_95: float | None
    map75: float | None


@dataclass(frozen=True, slots=True)
class ClassPrecision(Precision):
    """A class, or the mean of all that have objects, with the same by object size."""

    #: By size name; None for a size without objects.
    by_size: dict[str, Precision | None]


@dataclass(frozen=True, slots=True)
class PrecisionTable:
    """Average precision of a split; `per_class` is in label order."""

    overall: ClassPrecision
    per_class: list[ClassPrecision]
    #: Average recall by the number of detections of an image and class that count; None where
    #: there is nothing to find.
    recalls: dict[int, float | None]
    #: Precision at 101 recalls by CURVES: (3, 101, classes), NaN for a class without objects.
    curves: Floats = field(compare=False)
    #: mAP50-95 without each tenth of the images in turn; None where that is not known.
    left_out: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Accumulated:
    """What COCO's evaluators end with; -1 stands for nothing to find."""

    #: Interpolated precision at the most detections: (10 IoUs, 101 recalls, classes, all + sizes).
    precision: Floats
    #: (10 IoUs, classes, numbers of detections), objects of all sizes.
    recall: Floats
    #: As `PrecisionTable.left_out`.
    left_out: Sequence[float] | None = None


def table_of(accumulated: Accumulated, measure: Measure) -> PrecisionTable:
    """The table of what an evaluator ended with."""
    precision = accumulated.precision
    n_classes = precision.shape[2]
    return PrecisionTable(
        overall=_class_precision(precision, measure),
        per_class=[_class_precision(precision[:, :, [c]], measure) for c in range(n_classes)],
        recalls=recalls_of(accumulated.recall, measure),
        curves=_curves(precision[..., 0]),
        left_out=accumulated.left_out,
    )


def _curves(precision: Floats) -> Floats:
    """CURVES of a (10, 101, classes) array."""
    known = np.where(precision > -1, precision, np.nan)
    return np.stack([known[AT_50], known[AT_75], known.mean(axis=0)])


def recalls_of(recall: Floats, measure: Measure) -> dict[int, float | None]:
    """Average recall at each number of detections, from (10, classes, numbers)."""
    return {n: _mean(recall[..., at]) for at, n in enumerate(measure.max_detections)}


def joined(blocks: Sequence[PrecisionTable], recall: Floats, measure: Measure) -> PrecisionTable:
    """One table of blocks of classes; `recall` is theirs together."""
    per_class = [one for block in blocks for one in block.per_class]
    by_size: dict[str, Precision | None] = {}
    for size in SIZES:
        known = [one.by_size[size] for one in per_class if one.by_size[size] is not None]
        by_size[size] = _mean_of(known) if known else None
    overall = _mean_of(per_class)
    return PrecisionTable(
        ClassPrecision(overall.map50, overall.map50_95, overall.map75, by_size),
        per_class,
        recalls_of(recall, measure),
        np.concatenate([block.curves for block in blocks], axis=2),
    )


def _mean_of(precisions: Sequence[Precision | None]) -> Precision:
    """The mean of each number over those that have it; None where none has."""
    means = []
    for name in ("map50", "map50_95", "map75"):
        values = [getattr(one, name) for one in precisions if one is not None]
        known = [value for value in values if value is not None]
        means.append(float(np.mean(known)) if known else None)
    return Precision(*means)


def _class_precision(precision: Floats, measure: Measure) -> ClassPrecision:
    """The means over a (10, 101, classes, all + sizes) array."""
    overall = _means(precision[..., 0])
    by_size: dict[str, Precision | None] = dict.fromkeys(SIZES)
    for place, size in enumerate(measure.sizes, start=1):
        means = _means(precision[..., place])
        by_size[size] = None if means.map50 is None else means
    return ClassPrecision(overall.map50, overall.map50_95, overall.map75, by_size)


def _means(precision: Floats) -> Precision:
    return Precision(
        map50=_mean(precision[AT_50]), map50_95=_mean(precision), map75=_mean(precision[AT_75])
    )


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    known = values[values > -1]
    return float(known.mean()) if len(known) else None
