"""What the desk's pages show beside the API's own answers: the same numbers, cut for a page.

Every number is that of the API at the same split and confidence; the tests compare them.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
from msgspec import Raw, Struct

from evals.db import columns
from evals.db.blocks import blocks
from evals.db.evaluations import count_images
from evals.db.panels import Kind, matrix, panel, required_panel
from evals.engine.events import Counts, image_counts
from evals.engine.kinds.table import KINDS
from evals.engine.metrics import image_scores, scores_of
from evals.models import ModelEval, Split
from evals.panels import confidence_sweep
from predictions_api.http.storable import is_number

Document = dict[str, Any]


class Panel(Struct):
    """A stored panel, whose splits are parsed one by one."""

    splits: dict[str, Raw] = {}


class ClassCurve(Struct, rename="camel"):
    """The curve of a class, parsed when it is shown: of a thousand classes few are."""

    per_threshold: Raw = Raw(b"{}")
    optimal_threshold: Any = None
    optimal_metrics: Any = None


class SplitCurves(ClassCurve, rename="camel"):
    """The curves of a split."""

    per_class: dict[str, ClassCurve] = {}
    macro: ClassCurve | None = None


Parsed = TypeVar("Parsed", bound=Struct)

#: Metrics that are called by no words of a sentence.
NAMES = {
    "f1": "F1",
    "r2": "R²",
    "bleu": "BLEU",
    "chrf": "chrF",
    "mIoU": "mIoU",
    "mAP50_95": "mAP50-95",
}
CURVES = ("precision", "recall", "f1")


def numbers(evaluation: ModelEval, *, split: int | None, confidence: int) -> Document:
    """Headline and classes of a split, or of all together, at one percent. Two statements.

    Counts are those of the confusion matrix; `averagePrecision`, `bySize` (mAP50-95 of small,
    medium and large objects), `primary` and `measures` have what map-results says of the split;
    nothing of all splits together, of which it says nothing.
    """
    found = matrix(evaluation, split=split, confidence=confidence)
    stored = panel(evaluation, Kind.MAP_RESULTS)
    name = "all" if split is None else Split(split).label
    of_split = _in(msgspec.json.decode(_parsed(Panel, stored or b"{}").splits.get(name, b"{}")))
    per_class = _in(of_split, "perClass")
    by_class = found.counts()
    total = Counts(*(np.array([c.sum()]) for c in (by_class.tp, by_class.kept, by_class.objects)))
    return {
        "split": name,
        "confidenceThreshold": confidence / 100,
        "images": count_images(evaluation, split),
        **_scored(total)[0],
        "averagePrecision": _metrics(of_split),
        "bySize": {
            size: _in(of_size).get("map50_95")
            for size, of_size in _in(of_split, "byObjectSize").items()
        },
        "primary": _primary(evaluation, name, of_split),
        "measures": list(_measures(_in(of_split, "metrics"))),
        "classes": [
            {"className": label, **scored, "averagePrecision": _metrics(_in(per_class, label))}
            for label, scored in zip(evaluation.classes, _scored(by_class), strict=True)
        ],
    }


def _in(document: Any, *path: str) -> Document:
    """The object at a path; empty for anything else, since imported panels stay as they came."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _metrics(document: Document) -> Document:
    """The metrics of map-results that have no confidence."""
    names = ("map50", "map50_95", "map75", "mIoU", "iou", "accuracy")
    return {name: document[name] for name in names if document.get(name) is not None}


def _primary(evaluation: ModelEval, split: str, of_split: Document) -> Document | None:
    """The metric that the kind is known by, of all predictions whatever their score; None of a kind
    that this service does not compute.
    """
    named = primary_of(evaluation)
    kind = KINDS.get(evaluation.task_type)
    if named is None or kind is None:
        return None
    name = kind.primary.name
    value = of_split.get("map50_95") if kind.has_precision else _in(of_split, "metrics").get(name)
    if _in(evaluation.summary or {}, "headline").get("split", Split.TEST.label) == split:
        value = _in(evaluation.summary or {}, "headline", "primary").get("value", value)
    return {**named, "value": value if is_number(value) else None}


def primary_of(evaluation: ModelEval) -> Document | None:
    """What its kind is known by, and which way is better; None of a kind that this service does not
    compute.
    """
    kind = KINDS.get(evaluation.task_type)
    if kind is None:
        return None
    name, is_higher_better = kind.primary.name, kind.primary.is_higher_better
    # Beside it stand those of a confidence, which are called the same.
    label = f"{worded(name)} of all predictions" if name in CURVES else worded(name)
    return {"name": name, "label": label, "higherIsBetter": is_higher_better}


def _measures(metrics: Document, above: str = "") -> Iterator[Document]:
    """What the kind measures beside the counts, in its order; numbers in groups one by one."""
    for name, value in metrics.items():
        label = f"{above}, {worded(name)}" if above else worded(name)
        if isinstance(value, dict):
            yield from _measures(value, label)
        else:
            yield {"label": label, "value": value}


def worded(name: str) -> str:
    """A metric's name as people read it.

    >>> worded("characterErrorRate"), worded("f1"), worded("hierarchicalF1"), worded("mIoU")
    ('Character error rate', 'F1', 'Hierarchical F1', 'mIoU')
    """
    if name in NAMES:
        return NAMES[name]
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]\d+|\d+", name)
    words = [word if word[-1].isdigit() else word.lower() for word in words]
    return " ".join([words[0].capitalize(), *words[1:]]) if words else name


def _scored(counts: Counts) -> list[Document]:
    scores = scores_of(counts)
    named = {
        "objects": counts.objects,
        "detections": counts.kept,
        "truePositives": counts.tp,
        "falsePositives": counts.fp,
        "falseNegatives": counts.fn,
        **{name: getattr(scores, name) for name in CURVES},
    }
    rows = zip(*(column.tolist() for column in named.values()), strict=True)
    return [dict(zip(named, row, strict=True)) for row in rows]


def curves(evaluation: ModelEval, classes: Sequence[str]) -> Document:
    """The sweep as columns: of each split the overall curve, the macro one, and named classes'.

    Classes the evaluation does not know are left out. ReportNotFound without a sweep.
    """
    stored = required_panel(evaluation, Kind.SWEEP, confidence_sweep.MISSING)
    splits = _parsed(Panel, stored).splits
    return {
        "splits": {
            name: _split_curves(_parsed(SplitCurves, split), classes)
            for name, split in splits.items()
        }
    }


def _parsed(kind: type[Parsed], text: bytes | Raw) -> Parsed:
    """The document; an empty one where an imported panel is something else."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError:
        return kind()


def _split_curves(split: SplitCurves, classes: Sequence[str]) -> Document:
    per_class = split.per_class
    return {
        "overall": _curve(split),
        "macro": None if split.macro is None else _curve(split.macro),
        "perClass": {name: _curve(per_class[name]) for name in classes if name in per_class},
        "optima": {
            name: {"threshold": one.optimal_threshold, **_in(one.optimal_metrics)}
            for name, one in per_class.items()
        },
    }


def _curve(stored: ClassCurve) -> Document:
    points = _in(msgspec.json.decode(stored.per_threshold))
    return {
        "confidence": list(points),
        **{name: [_in(points, key).get(name) for key in points] for name in CURVES},
        "optimalThreshold": stored.optimal_threshold,
        "optimalMetrics": stored.optimal_metrics,
    }


def points(evaluation: ModelEval) -> bytes:
    """The map of the images, as `evals.db.columns.points`; no bytes without a map."""
    return columns.points(evaluation) or b""


def image_f1(evaluation: ModelEval, confidence: int) -> bytes:
    """F1 of every image in thousandths, by position: little-endian uint16.

    Exact, as images' scores are rounded to three decimals. At the canonical confidence one
    statement without events; at any other it passes over the images once.
    """
    if confidence == evaluation.confidence:
        return _thousandths(columns.canonical_counts(evaluation))
    return b"".join(
        _thousandths(
            image_counts(
                block.events,
                confidence,
                n_images=len(block.ids),
                n_classes=len(evaluation.classes),
            )
        )
        for block in blocks(evaluation)
    )


def _thousandths(counts: Counts) -> bytes:
    return np.round(1000 * image_scores(counts).f1).astype("<u2").tobytes()
