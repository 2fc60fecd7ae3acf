"""What the desk's pages show beside the API's own answers: the same numbers, cut for a page.

Every number is that of the API at the same split and confidence; the tests compare them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from evals.db import columns
from evals.db.blocks import blocks
from evals.db.evaluations import count_images
from evals.db.panels import Kind, matrix, panel, required_panel
from evals.documents.refusals import ReportNotFound
from evals.engine.events import Counts, Ints, image_counts
from evals.engine.metrics import image_scores, scores_of
from evals.models import ModelEval, Split
from evals.panels import confidence_sweep

Document = dict[str, Any]

CURVES = ("precision", "recall", "f1")
NO_MAP = (
    "There is no map of the images: the evaluated tasks carry no embeddings. Send them as "
    "meta.embedding, a list of numbers, then run the evaluation again."
)


def numbers(evaluation: ModelEval, *, split: int | None, confidence: int) -> Document:
    """Headline and classes of a split, or of all together, at one percent. Two statements.

    Counts are those of the confusion matrix; `averagePrecision` has what map-results says of the
    split, null for all splits together, of which it says nothing.
    """
    cells = matrix(evaluation, split=split, confidence=confidence)
    stored = panel(evaluation, Kind.MAP_RESULTS)
    name = "all" if split is None else Split(split).label
    of_split = _in(orjson.loads(stored or b"{}"), "splits", name)
    per_class = _in(of_split, "perClass")
    total, by_class = _counts(cells)
    return {
        "split": name,
        "confidenceThreshold": confidence / 100,
        "images": count_images(evaluation, split),
        **_scored(total)[0],
        "averagePrecision": _metrics(of_split),
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


def _counts(matrix: Ints) -> tuple[Counts, Counts]:
    """Of everything, shape (1,), and of each class, shape (n_classes,)."""
    n = len(matrix) - 1
    tp = np.diagonal(matrix)[:n]
    classes = Counts(tp=tp, kept=matrix[:, :n].sum(axis=0), objects=matrix[:n].sum(axis=1))
    sums = (np.array([c.sum()]) for c in (classes.tp, classes.kept, classes.objects))
    return Counts(*sums), classes


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
    splits = _in(orjson.loads(stored), "splits")
    return {"splits": {name: _split_curves(_in(splits, name), classes) for name in splits}}


def _split_curves(split: Document, classes: Sequence[str]) -> Document:
    per_class = _in(split, "perClass")
    return {
        "overall": _curve(split),
        "macro": _curve(_in(split, "macro")) if "macro" in split else None,
        "perClass": {name: _curve(_in(per_class, name)) for name in classes if name in per_class},
        "optima": {
            name: {
                "threshold": _in(per_class, name).get("optimalThreshold"),
                **_in(per_class, name, "optimalMetrics"),
            }
            for name in per_class
        },
    }


def _curve(stored: Document) -> Document:
    points = _in(stored, "perThreshold")
    return {
        "confidence": list(points),
        **{name: [_in(points, key).get(name) for key in points] for name in CURVES},
        "optimalThreshold": stored.get("optimalThreshold"),
        "optimalMetrics": stored.get("optimalMetrics"),
    }


def points(evaluation: ModelEval) -> bytes:
    """The map of the images, as `evals.db.columns.points`. ReportNotFound without a map."""
    placed = columns.points(evaluation)
    if placed is None:
        raise ReportNotFound(NO_MAP)
    return placed


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


def others(evaluation: ModelEval, *, most: int) -> list[tuple[str, str]]:
    """Ids and names of finished evaluations of the same project to compare with, newest first."""
    if evaluation.project_id is None:
        return []
    rows = (
        ModelEval.objects.filter(
            workspace_id=evaluation.workspace_id,
            project_id=evaluation.project_id,
            status=ModelEval.Status.DONE,
        )
        .exclude(pk=evaluation.pk)
        .order_by("-id")
        .values_list("eval_id", "model_id", "model_version", "created_at")[:most]
    )
    return [
        (eval_id, f"{model_id or version or eval_id}, {created:%Y-%m-%d %H:%M}")
        for eval_id, model_id, version, created in rows
    ]
