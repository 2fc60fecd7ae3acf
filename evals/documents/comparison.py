"""Documents that compare: models of one version side by side, and two evaluations by image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from evals.documents.document import Document
from evals.engine.kinds.table import KINDS

#: What each kind without average precision is known by, and whether less of it is better.
PRIMARY = {kind.primary.name: kind.primary for kind in KINDS.values() if not kind.has_precision}
FRONTIER_METRICS = tuple(
    dict.fromkeys(("mAP", "mAP5095", "mAP75", "mIoU", "precision", "recall", "f1", *PRIMARY))
)


class ComparedModel(Document):
    """A model by its latest evaluation of the version."""

    model_id: str
    eval_id: str
    metrics: dict[str, float]
    median_latency_ms: float | None
    on_frontier: bool
    exclusion_reason: str | None
    other_ground_truth: Annotated[
        bool,
        Meta(
            description="Ground truth of the project was added, changed, removed or moved to "
            "another split between its evaluation and the newest of these. It is compared all the "
            "same."
        ),
    ]


class Comparison(Document):
    """The models of one version, best first by the metric: of errors, the lowest first."""

    frontier_metric: str
    available_metrics: list[str]
    models: list[ComparedModel]


class Tally(Document):
    """Counts of one image in one evaluation."""

    true_positives: int
    false_positives: int
    false_negatives: int


class ChangedImage(Document):
    """An image that two evaluations judge differently: errors that went, errors that came."""

    image_id: str
    image_name: str
    split: str
    fixed: int
    broken: int
    changed: int
    base: Tally
    other: Tally


class ScoreChange(Document):
    """How much a score differs, other minus base, over the images both have."""

    difference: float
    low: Annotated[float, Meta(description="95 % interval, images drawn with replacement.")]
    high: float
    p_value: Annotated[
        float, Meta(description="How often chance alone differs as much: randomisation by image.")
    ]


class Significance(Document):
    """Whether the scores differ by more than chance would."""

    precision: ScoreChange
    recall: ScoreChange
    f1: ScoreChange


class Difference(Document):
    """Two evaluations image by image: totals, and a page of the images that differ."""

    base: str
    other: str
    split: str
    confidence_threshold: float
    totals: dict[str, int]
    significance: Annotated[
        Significance | None,
        Meta(description="Null where the two have no image in common, or more than 100,000."),
    ]
    differing_terms: Annotated[
        list[str],
        Meta(
            description="Keys of the two headers that differ, so that what is fixed or broken may "
            "be of what was measured: project, taskType, control, groundTruth, matching, "
            "iouThreshold, iouInclusive, tolerance, normalization, keypointSigmas, labelMap, "
            "query, askedClasses, newestGroundTruthAt, groundTruths and groundTruthDigest (of the "
            "snapshot: ground truth was added, changed, removed or moved to another split in "
            "between, or the sizes or texts that its tasks tell were changed), classes; and "
            "labelConfig, where it was edited in between so that the same results mean something "
            "else (choices an answer may have, aliases, how times are written). imageIds: images "
            "are paired by their ids, and one went to another task of both in between."
        ),
    ]
    total_images: int
    offset: int
    limit: int
    images: list[ChangedImage]


def default_frontier_metric(task_type: str | None) -> str:
    """The metric models are compared by unless asked otherwise: what the newest evaluation's kind
    is known by, of which those of other kinds are left out anyway; None where nothing is finished.
    """
    kind = KINDS.get(task_type or "")
    return kind.compared_by if kind is not None else "mAP5095"


def better_by(metric: str, value: float) -> float:
    """The value turned so that more is better."""
    is_higher_better = metric not in PRIMARY or PRIMARY[metric].is_higher_better
    return value if is_higher_better else -value


@dataclass(frozen=True, slots=True)
class Contender:
    """A model's latest evaluation; `exclusion` says why it takes no part."""

    model_id: str
    eval_id: str
    metrics: Mapping[str, float | None]
    latency_ms: float | None = None
    exclusion: str | None = None
    has_other_ground_truth: bool = False


def comparison(metric: str, contenders: Sequence[Contender]) -> Comparison:
    """Models on the frontier of accuracy and latency: nobody is better in one and as good in both.

    Of two models without a latency the more accurate one is better. One with and one without are
    not compared: nobody knows which is faster.
    """
    able = [c for c in contenders if c.exclusion is None and c.metrics.get(metric) is not None]
    available = [
        name for name in FRONTIER_METRICS if any(c.metrics.get(name) is not None for c in able)
    ]
    return Comparison(
        frontier_metric=metric,
        available_metrics=available,
        models=[_compared(c, metric, able) for c in contenders],
    )


def _compared(contender: Contender, metric: str, able: Sequence[Contender]) -> ComparedModel:
    exclusion = contender.exclusion
    if exclusion is None and contender not in able:
        exclusion = f"has no {metric}"
    return ComparedModel(
        model_id=contender.model_id,
        eval_id=contender.eval_id,
        metrics={k: v for k, v in contender.metrics.items() if v is not None},
        median_latency_ms=contender.latency_ms,
        on_frontier=exclusion is None
        and not any(_dominates(other, contender, metric) for other in able),
        exclusion_reason=exclusion,
        other_ground_truth=contender.has_other_ground_truth,
    )


def _dominates(other: Contender, contender: Contender, metric: str) -> bool:
    better, worse = (better_by(metric, one.metrics[metric] or 0.0) for one in (other, contender))
    quick, slow = other.latency_ms, contender.latency_ms
    if quick is None or slow is None:
        return quick == slow and better > worse
    return better >= worse and quick <= slow and (better > worse or quick < slow)
