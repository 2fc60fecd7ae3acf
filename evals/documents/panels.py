"""The camelCase shapes that evaluation clients read: this, `wire_images` and `wire_models` spell
them, and nothing else in this room does.

Pure: numbers and names in, JSON-ready dictionaries out. A panel's body carries no identity of its
own; `panel` puts the common header in front of it. Source: the peer's model-evaluations API.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from evals.engine.average_precision import ClassPrecision, Precision, PrecisionTable
from evals.engine.clusters import ClusterStatistics, VectorAnalysis
from evals.engine.events import Ints
from evals.engine.metrics import SWEEP_KEYS, ClassRow, Curve, Score, Sweep
from evals.engine.recommendations import Recommendation

Document = dict[str, Any]

SPLITS = ("train", "valid", "test")
BACKGROUND = "background"

#: What clients call the task types in panels.
PANEL_TASK_TYPES = {
    "object-detection": "object-detection-like",
    "instance-segmentation": "object-detection-like",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What every answer about an evaluation begins with."""

    eval_id: str
    project: str | None
    version_id: str
    model_id: str | None

    def document(self) -> Document:
        """The common header."""
        return {
            "evalId": self.eval_id,
            "project": self.project,
            "versionId": self.version_id,
            "modelId": self.model_id,
        }


def moment(value: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and Z."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def panel(identity: Identity, body: bytes) -> bytes:
    """The header and a panel's JSON text as one document."""
    header = orjson.dumps(identity.document())
    return header if body == b"{}" else b"".join([header[:-1], b",", memoryview(body)[1:]])


def list_item(identity: Identity, status: str, created_at: datetime) -> Document:
    """One evaluation of the list. Ours have no address of their own beyond the model's id."""
    return {
        "evalId": identity.eval_id,
        "status": status,
        "project": identity.project,
        "versionId": identity.version_id,
        "modelId": identity.model_id,
        "modelUrl": None,
        "createdAt": moment(created_at),
    }


def panel_task_type(task_type: str) -> str:
    """The task type as panels spell it."""
    return PANEL_TASK_TYPES.get(task_type, task_type)


def map_results(task_type: str, splits: Mapping[str, Document]) -> Document:
    """Metrics of each split that has images."""
    return {"taskType": panel_task_type(task_type), "splits": dict(splits)}


def precision_split(
    table: PrecisionTable, classes: Sequence[str], *, has_sizes: bool = True
) -> Document:
    """A split of boxes or masks; without sizes, the size class of its objects is unknown."""
    document = {
        **_class_precision(table.overall),
        "perClass": {
            name: _class_precision(ap) for name, ap in zip(classes, table.per_class, strict=True)
        },
    }
    if not has_sizes:
        for one in (document, *document["perClass"].values()):
            one["byObjectSize"] = None
    return document


def _precision(ap: Precision) -> Document:
    return {"map50": ap.map50, "map50_95": ap.map50_95, "map75": ap.map75}


def _class_precision(ap: ClassPrecision) -> Document:
    sizes = {size: None if p is None else _precision(p) for size, p in ap.by_size.items()}
    return {**_precision(ap), "byObjectSize": sizes}


def score(value: Score) -> Document:
    """Precision, recall and F1."""
    return {"precision": value.precision, "recall": value.recall, "f1": value.f1}


def classification_split(
    accuracy: float, overall: Score, per_class: Sequence[Score], classes: Sequence[str]
) -> Document:
    """A split of labelled images, at the canonical confidence; average precision is not defined."""
    nothing = {"map50": None, "map50_95": None, "map75": None}
    return {
        **nothing,
        "accuracy": accuracy,
        **score(overall),
        "perClass": {
            name: {**nothing, **score(one)} for name, one in zip(classes, per_class, strict=True)
        },
    }


def semantic_split(
    mean_iou: float | None,
    overall: Score,
    per_class: Sequence[tuple[float | None, Score, float]],
    classes: Sequence[str],
) -> Document:
    """A split of pixels; `per_class` has IoU, scores and optimal threshold."""
    return {
        "mIoU": mean_iou,
        **score(overall),
        "perClass": {
            name: {"iou": iou, **score(one), "optimalThreshold": threshold, "classID": label}
            for label, (name, (iou, one, threshold)) in enumerate(
                zip(classes, per_class, strict=True)
            )
        },
    }


def confidence_sweep(splits: Mapping[str, Document]) -> Document:
    """The sweep of each split that has images."""
    return {"splits": dict(splits)}


def sweep_split(swept: Sweep, classes: Sequence[str]) -> Document:
    """The micro curve, each class's, and beside them the macro curve."""
    return {
        **_curve(swept.micro),
        "perClass": {n: _curve(c) for n, c in zip(classes, swept.per_class, strict=True)},
        "macro": _curve(swept.macro),
    }


def _curve(curve: Curve) -> Document:
    scores = curve.scores
    rows = zip(
        SWEEP_KEYS,
        scores.precision.tolist(),
        scores.recall.tolist(),
        scores.f1.tolist(),
        strict=True,
    )
    return {
        "perThreshold": {k: {"precision": p, "recall": r, "f1": f} for k, p, r, f in rows},
        "optimalThreshold": curve.optimal_threshold,
        "optimalMetrics": score(curve.optimal),
    }


def performance_by_class(task_type: str, split: str, rows: Sequence[Document]) -> Document:
    """The table of one split."""
    return {"taskType": panel_task_type(task_type), "split": split, "classes": list(rows)}


def class_row(row: ClassRow, classes: Sequence[str]) -> Document:
    """A class of boxes, masks or labels."""
    return {
        "className": classes[row.label],
        "map50": row.map50,
        "map50_95": row.map50_95,
        "map75": row.map75,
        **score(row.score),
        "optimalThreshold": row.optimal_threshold,
    }


def semantic_row(
    label: int, iou: float | None, best: Score, threshold: float, classes: Sequence[str]
) -> Document:
    """A class of pixels."""
    return {
        "className": classes[label],
        "classID": label,
        "iou": iou,
        **score(best),
        "optimalThreshold": threshold,
    }


def performance_from_panels(
    split: str, map_document: Document, sweep_document: Document, classes: Sequence[str]
) -> Document:
    """The table of one split made of an import's map-results and sweep, in their own words."""
    metrics = (map_document.get("splits") or {}).get(split) or {}
    sweeps = (sweep_document.get("splits") or {}).get(split) or {}
    rows = []
    for label, name in enumerate(classes):
        mine = (metrics.get("perClass") or {}).get(name) or {}
        curve = (sweeps.get("perClass") or {}).get(name) or {}
        best = curve.get("optimalMetrics") or {}
        row: Document = {"className": name}
        if "iou" in mine:
            row |= {"classID": mine.get("classID", label), "iou": mine["iou"]}
        else:
            row |= {key: mine.get(key) for key in ("map50", "map50_95", "map75")}
        row |= {key: best.get(key, 0) for key in ("precision", "recall", "f1")}
        row["optimalThreshold"] = curve.get("optimalThreshold", 0.5)
        rows.append(row)
    return performance_by_class(map_document.get("taskType", "object-detection"), split, rows)


def confusion_matrix(split: str, confidence: int, classes: Sequence[str], matrix: Ints) -> Document:
    """Rows actual, columns predicted, background last in both."""
    return {
        "split": split,
        "confidenceThreshold": confidence / 100,
        "classes": [*classes, BACKGROUND],
        "matrix": matrix.tolist(),
    }


def clustering(analysis: VectorAnalysis, *, seconds: float, parameters: Document) -> Document:
    """How the map and the clusters were made; names inside `parameters` are the library's."""
    preprocessing: Document = {
        "method": analysis.method,
        "originalDimensions": analysis.original_dimensions,
        "targetDimensions": analysis.target_dimensions,
    }
    if analysis.method == "umap":
        preprocessing |= {"nNeighbors": 30, "minDistance": 0.05}
    return {
        "clustering": {
            "method": analysis.clustering,
            "nClusters": analysis.n_clusters,
            "metrics": {
                "noiseRatio": analysis.noise_ratio,
                "silhouetteScore": analysis.silhouette,
            },
            "parameters": parameters,
            "processingTimeSeconds": seconds,
        },
        "preprocessing": preprocessing,
    }


def clusters(statistics: Iterable[ClusterStatistics], names: Sequence[str]) -> list[Document]:
    """Each cluster at one confidence; `names` are those of the clustered images."""
    return [
        {
            "id": one.cluster_id,
            "numImages": one.n_images,
            "splitDistribution": {s: one.splits[s] for s in SPLITS if one.splits.get(s)},
            "metrics": {
                "f1Mean": one.f1_mean,
                "f1Std": one.f1_std,
                "f1Min": one.f1_min,
                "f1Max": one.f1_max,
                "precisionMean": one.precision_mean,
                "recallMean": one.recall_mean,
            },
            "sampleImages": [names[at] for at in one.samples],
        }
        for one in statistics
    ]


def recommendation(advice: Recommendation, image_ids: Sequence[str]) -> Document:
    """One piece of advice with images that show it."""
    item: Document = {"type": advice.kind.value, "severity": advice.severity.value}
    if advice.class_name is not None:
        item["className"] = advice.class_name
    if advice.other_class_name is not None:
        item["otherClassName"] = advice.other_class_name
    return {
        **item,
        "metrics": advice.metrics,
        "message": advice.message,
        "imageIds": list(image_ids),
    }


def recommendations(
    items: Sequence[Document], *, confidence: int, split: str, best: Score, at: datetime
) -> Document:
    """The whole panel; the threshold is an integer percent, in this panel only."""
    return {
        "generated": True,
        "generatedAt": moment(at),
        "recommendations": {
            "summary": {
                "confidenceThreshold": confidence,
                "split": split,
                "generatedAt": moment(at),
                "count": len(items),
                "f1": best.f1,
                "precision": best.precision,
                "recall": best.recall,
            },
            "items": list(items),
        },
    }


def headline(
    *, task_type: str, map50: float | None, mean_iou: float | None, best: Score
) -> Document:
    """The summary of a finished evaluation."""
    is_boxes = task_type in PANEL_TASK_TYPES
    return {
        "mAP": map50 if is_boxes else None,
        "mIoU": mean_iou if task_type == "semantic-segmentation" else None,
        "precision": best.precision,
        "recall": best.recall,
    }
