"""The camelCase shape of models side by side, and who of them is on the frontier. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evals.documents.panels import PANEL_TASK_TYPES, Document

FRONTIER_METRICS = ("mAP", "mAP5095", "mAP75", "mIoU", "precision", "recall", "f1")


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
