"""The documents of evaluations: one evaluation, and one in the list."""

from msgspec import UNSET, UnsetType, convert

from evals.db.definition import parameters_of
from evals.db.evaluations import lineage
from evals.documents.document import moment
from evals.documents.evaluation import (
    Evaluation,
    Headline,
    Identity,
    IgnoredRegions,
    ListedEvaluation,
    Note,
    Snapshot,
)
from evals.models import ModelEval


def identity_of(evaluation: ModelEval) -> Identity:
    """What every document about the evaluation begins with."""
    return Identity(
        eval_id=evaluation.eval_id,
        project=evaluation.project.slug if evaluation.project else None,
        version_id=evaluation.version_id,
        model_id=evaluation.model_id,
    )


def listed(evaluation: ModelEval) -> ListedEvaluation:
    """The evaluation in the list."""
    return ListedEvaluation(
        eval_id=evaluation.eval_id,
        status=evaluation.status,
        project=evaluation.project.slug if evaluation.project else None,
        version_id=evaluation.version_id,
        model_id=evaluation.model_id,
        model_url=None,
        created_at=moment(evaluation.created_at) or "",
    )


def document_of(evaluation: ModelEval) -> Evaluation:
    """The evaluation's own document, in any state. One statement."""
    status = ModelEval.Status(evaluation.status)
    is_done = status == ModelEval.Status.DONE
    headline = evaluation.summary["headline"] if is_done and evaluation.summary else None
    latency = evaluation.median_latency_ms
    is_computed = evaluation.origin == ModelEval.Origin.COMPUTED
    supersedes, superseded_by = lineage(evaluation)
    return Evaluation(
        eval_id=evaluation.eval_id,
        project=evaluation.project.slug if evaluation.project else None,
        version_id=evaluation.version_id,
        model_id=evaluation.model_id,
        status=evaluation.status,
        created_at=moment(evaluation.created_at) or "",
        summary=UNSET if headline is None else convert(headline, Headline),
        progress=evaluation.progress if status == ModelEval.Status.RUNNING else UNSET,
        failure_reason=evaluation.failure_reason or UNSET,
        model_version=evaluation.model_version if is_computed else None,
        task_type=evaluation.task_type,
        source=evaluation.origin,
        matching=evaluation.matching,
        iou_threshold=evaluation.iou_threshold,
        iou_inclusive=evaluation.inclusive,
        confidence_threshold=evaluation.confidence / 100,
        confidences=evaluation.confidences,
        finished_at=moment(evaluation.finished_at),
        images=evaluation.image_counts,
        classes=evaluation.classes,
        engines=evaluation.engines,
        snapshot=_snapshot(evaluation) if is_computed else UNSET,
        median_latency_ms=UNSET if latency is None else latency,
        control=evaluation.control,
        **parameters_of(evaluation),
        ground_truth=evaluation.ground_truth if is_computed else UNSET,
        keypoint_sigmas=evaluation.options.get("keypointSigmas", UNSET),
        label_map=evaluation.options.get("labelMap", UNSET),
        asked_classes=evaluation.options.get("classes", UNSET),
        slices=evaluation.options.get("slices") or UNSET,
        query=evaluation.options.get("query", UNSET),
        accepted=evaluation.is_accepted,
        supersedes=supersedes,
        superseded_by=superseded_by,
        ignored=convert(evaluation.ignored, list[IgnoredRegions]) if is_computed else UNSET,
        warnings=_warnings(evaluation),
    )


def _warnings(evaluation: ModelEval) -> list[Note] | UnsetType:
    """Those of an import only where there are any."""
    is_computed = evaluation.origin == ModelEval.Origin.COMPUTED
    warnings = convert(evaluation.warnings, list[Note])
    return warnings if warnings or is_computed else UNSET


def _snapshot(evaluation: ModelEval) -> Snapshot:
    digest = (evaluation.summary or {}).get("groundTruthDigest")
    return Snapshot(
        taken_at=moment(evaluation.planned_at),
        predictions=evaluation.n_predictions,
        newest_prediction_at=moment(evaluation.newest_prediction_at),
        ground_truths=evaluation.n_ground_truths,
        newest_ground_truth_at=moment(evaluation.newest_ground_truth_at),
        ground_truth_digest=digest or UNSET,
    )
