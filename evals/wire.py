"""The camelCase shapes that evaluation clients read: nothing else in this room spells them.

Pure: numbers and names in, JSON-ready dictionaries out. A panel's body carries no identity of its
own; `panel` puts the common header in front of it. Source: the peer's model-evaluations API.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from evals.average_precision import ClassPrecision, Precision, PrecisionTable
from evals.clusters import ClusterStatistics, VectorAnalysis
from evals.events import Counts, Ints
from evals.metrics import SWEEP_KEYS, ClassRow, Curve, Score, Sweep, image_scores
from evals.recommendations import Recommendation

Document = dict[str, Any]

SPLITS = ("train", "valid", "test")
BACKGROUND = "background"

#: What clients call the task types in panels.
PANEL_TASK_TYPES = {
    "object-detection": "object-detection-like",
    "instance-segmentation": "object-detection-like",
}

FRONTIER_METRICS = ("mAP", "mAP5095", "mAP75", "mIoU", "precision", "recall", "f1")


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
    return header if body == b"{}" else header[:-1] + b"," + bytes(body)[1:]


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


def precision_split(table: PrecisionTable, classes: Sequence[str]) -> Document:
    """A split of boxes or masks."""
    return {
        **_class_precision(table.overall),
        "perClass": {
            name: _class_precision(ap) for name, ap in zip(classes, table.per_class, strict=True)
        },
    }


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


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image without its counts."""

    image_id: str
    name: str
    split: int
    augmentations: int
    cluster: int | None
    x: float | None
    y: float | None
    is_flagged: bool = False


def image_records(
    rows: Sequence[ImageRow], counts: Counts, triples: Sequence[list[list[int]]]
) -> list[Document]:
    """The images of a page; `counts` has arrays of shape (len(rows),)."""
    scores = image_scores(counts)
    columns = zip(
        rows,
        triples,
        counts.tp.tolist(),
        counts.fp.tolist(),
        counts.fn.tolist(),
        scores.precision.tolist(),
        scores.recall.tolist(),
        scores.f1.tolist(),
        strict=True,
    )
    return [
        _image(row, cells, tp, fp, fn, precision, recall, f1)
        for row, cells, tp, fp, fn, precision, recall, f1 in columns
    ]


def _image(
    row: ImageRow,
    cells: list[list[int]],
    tp: int,
    fp: int,
    fn: int,
    precision: float,
    recall: float,
    f1: float,
) -> Document:
    cluster = None
    if row.cluster is not None:
        point = None if row.x is None else [row.x, row.y]
        cluster = {"id": row.cluster, "embedding2D": point}
    record = {
        "imageId": row.image_id,
        "imageName": row.name,
        "split": SPLITS[row.split],
        "augmentations": row.augmentations,
        "cluster": cluster,
        "stats": {
            "truePositives": tp,
            "falsePositives": fp,
            "falseNegatives": fn,
            "precision": precision,
            "recall": recall,
            "f1": f1,
        },
        "confusion": cells,
    }
    if row.is_flagged:
        record["flagged"] = True
    return record


def image_page(
    *, split: str, confidence: int, total: int, offset: int, limit: int, images: Sequence[Document]
) -> Document:
    """A page of images; `totalImages` counts what split and filters leave."""
    return {
        "split": split,
        "confidenceThreshold": confidence / 100,
        "totalImages": total,
        "offset": offset,
        "limit": limit,
        "images": list(images),
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


def default_frontier_metric(task_types: Iterable[str]) -> str:
    """The metric models are compared by unless asked otherwise."""
    kinds = set(task_types)
    if kinds & PANEL_TASK_TYPES.keys() or not kinds:
        return "mAP5095"
    return "mIoU" if "semantic-segmentation" in kinds else "f1"


@dataclass(frozen=True, slots=True)
class Contender:
    """A model's latest evaluation; `exclusion` says why it takes no part."""

    model_id: str
    eval_id: str
    metrics: Mapping[str, float | None]
    latency_ms: float | None = None
    exclusion: str | None = None


def comparison(metric: str, contenders: Sequence[Contender]) -> Document:
    """Models on the frontier of accuracy and latency: nobody is better in one and as good in both.

    A latency that nobody measured decides nothing.
    """
    able = [c for c in contenders if c.exclusion is None and c.metrics.get(metric) is not None]
    available = [
        name for name in FRONTIER_METRICS if any(c.metrics.get(name) is not None for c in able)
    ]
    return {
        "frontierMetric": metric,
        "availableMetrics": available,
        "models": [_contender(c, metric, able) for c in contenders],
    }


def _contender(contender: Contender, metric: str, able: Sequence[Contender]) -> Document:
    exclusion = contender.exclusion
    if exclusion is None and contender not in able:
        exclusion = f"has no {metric}"
    return {
        "modelId": contender.model_id,
        "evalId": contender.eval_id,
        "metrics": {k: v for k, v in contender.metrics.items() if v is not None},
        "medianLatencyMs": contender.latency_ms,
        "onFrontier": exclusion is None
        and not any(_dominates(other, contender, metric) for other in able),
        "exclusionReason": exclusion,
    }


def _dominates(other: Contender, contender: Contender, metric: str) -> bool:
    better, worse = other.metrics[metric] or 0.0, contender.metrics[metric] or 0.0
    if other.latency_ms is None or contender.latency_ms is None:
        return better > worse
    quick, slow = other.latency_ms, contender.latency_ms
    return better >= worse and quick <= slow and (better > worse or quick < slow)
