"""What the desk's pages show beside the API's own answers: the same numbers, cut for a page.

Every number is that of the API at the same split and confidence; the tests compare them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from evals.db import queries
from evals.db.blocks import blocks
from evals.documents import panels
from evals.engine.events import Counts, Ints, image_counts
from evals.engine.metrics import image_scores, scores_of
from evals.models import EvalPanel, ModelEval, Split
from evals.refusals import ReportNotFound
from predictions_api.postgres.sql import fetch_one

Kind = EvalPanel.Kind

CURVES = ("precision", "recall", "f1")
NO_SWEEP = "The imported file has no confidenceSweep."
NO_MAP = (
    "There is no map of the images: the evaluated tasks carry no embeddings. Send them as "
    "meta.embedding, a list of numbers, then run the evaluation again."
)


def numbers(found: ModelEval, *, split: int | None, confidence: int) -> panels.Document:
    """Headline and classes of a split, or of all together, at one percent. Two statements.

    Counts are those of the confusion matrix; `averagePrecision` has what map-results says of the
    split, null for all splits together, of which it says nothing.
    """
    matrix = queries.matrix(found, split=split, confidence=confidence)
    stored = queries.panel(found, Kind.MAP_RESULTS)
    name = "all" if split is None else Split(split).label
    of_split = _in(orjson.loads(stored or b"{}"), "splits", name)
    per_class = _in(of_split, "perClass")
    total, by_class = _counts(matrix)
    return {
        "split": name,
        "confidenceThreshold": confidence / 100,
        "images": queries.count_images(found, split),
        **_scored(total)[0],
        "averagePrecision": _metrics(of_split),
        "classes": [
            {"className": label, **scored, "averagePrecision": _metrics(_in(per_class, label))}
            for label, scored in zip(found.classes, _scored(by_class), strict=True)
        ],
    }


def _in(document: Any, *path: str) -> panels.Document:
    """The object at a path; empty for anything else, since imported panels stay as they came."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _metrics(document: panels.Document) -> panels.Document:
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


def _scored(counts: Counts) -> list[panels.Document]:
    scores = scores_of(counts)
    columns = {
        "objects": counts.objects,
        "detections": counts.kept,
        "truePositives": counts.tp,
        "falsePositives": counts.fp,
        "falseNegatives": counts.fn,
        **{name: getattr(scores, name) for name in CURVES},
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def curves(found: ModelEval, classes: Sequence[str]) -> panels.Document:
    """The sweep as columns: of each split the overall curve, the macro one, and named classes'.

    Classes the evaluation does not know are left out. ReportNotFound without a sweep.
    """
    splits = _in(orjson.loads(queries.report(found, Kind.SWEEP, NO_SWEEP)), "splits")
    return {"splits": {name: _split_curves(_in(splits, name), classes) for name in splits}}


def _split_curves(split: panels.Document, classes: Sequence[str]) -> panels.Document:
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


def _curve(stored: panels.Document) -> panels.Document:
    points = _in(stored, "perThreshold")
    return {
        "confidence": list(points),
        **{name: [_in(points, key).get(name) for key in points] for name in CURVES},
        "optimalThreshold": stored.get("optimalThreshold"),
        "optimalMetrics": stored.get("optimalMetrics"),
    }


# The primary key, in its order. Big-endian, as Postgres sends numbers.
POINTS_SQL = """
SELECT string_agg(int4send(position), ''), string_agg(float4send(x::real), ''),
       string_agg(float4send(y::real), ''), string_agg(int4send(coalesce(cluster, -1)), ''),
       string_agg(int2send(split::smallint), '')
FROM (
    SELECT position, x, y, cluster, split FROM evals_evalimage
    WHERE evaluation_id = %s AND x IS NOT NULL ORDER BY position
) placed
"""


def points(found: ModelEval) -> bytes:
    """The map of the images in columns: little-endian int32 positions, float32 x, float32 y, int32
    clusters (-1 for noise) and int16 splits, one after the other, 18 bytes an image. One statement.

    ReportNotFound without a map.
    """
    row = fetch_one(POINTS_SQL, [found.pk])
    if row is None or row[0] is None:
        raise ReportNotFound(NO_MAP)
    types = (">i4", ">f4", ">f4", ">i4", ">i2")
    columns = (np.frombuffer(c, dtype=kind) for c, kind in zip(row, types, strict=True))
    return b"".join(c.astype(c.dtype.newbyteorder("<")).tobytes() for c in columns)


CANONICAL_SQL = """
SELECT string_agg(int4send(tp), ''), string_agg(int4send(fp), ''), string_agg(int4send(fn), '')
FROM (SELECT tp, fp, fn FROM evals_evalimage WHERE evaluation_id = %s ORDER BY position) counted
"""


def image_f1(found: ModelEval, confidence: int) -> bytes:
    """F1 of every image in thousandths, by position: little-endian uint16.

    Exact, as images' scores are rounded to three decimals. At the canonical confidence one
    statement without events; at any other it passes over the images once.
    """
    if confidence == found.confidence:
        row = fetch_one(CANONICAL_SQL, [found.pk])
        assert row is not None
        tp, fp, fn = (np.frombuffer(c or b"", dtype=">i4").astype(np.int64) for c in row)
        return _thousandths(Counts(tp=tp, kept=tp + fp, objects=tp + fn))
    return b"".join(
        _thousandths(
            image_counts(
                block.events,
                confidence,
                n_images=len(block.ids),
                n_classes=len(found.classes),
            )
        )
        for block in blocks(found)
    )


def _thousandths(counts: Counts) -> bytes:
    return np.round(1000 * image_scores(counts).f1).astype("<u2").tobytes()


def others(found: ModelEval, *, most: int) -> list[tuple[str, str]]:
    """Ids and names of finished evaluations of the same project to compare with, newest first."""
    if found.project_id is None:
        return []
    rows = (
        ModelEval.objects.filter(
            workspace_id=found.workspace_id,
            project_id=found.project_id,
            status=ModelEval.Status.DONE,
        )
        .exclude(pk=found.pk)
        .order_by("-id")
        .values_list("eval_id", "model_id", "model_version", "created_at")[:most]
    )
    return [
        (eval_id, f"{model_id or version or eval_id}, {created:%Y-%m-%d %H:%M}")
        for eval_id, model_id, version, created in rows
    ]


def is_placed(found: ModelEval) -> bool:
    """Whether there is a map of the images. One statement."""
    return found.images.filter(x__isnull=False).exists()
