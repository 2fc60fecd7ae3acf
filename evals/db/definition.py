"""Builds the engine's `Job` from a `ModelEval` row."""

from django.conf import settings

from evals.engine.kinds.kind import Job, Kind
from evals.engine.kinds.table import KINDS
from evals.engine.matching import Definition
from evals.engine.reading import reading_of
from evals.models import ModelEval


def job_of(evaluation: ModelEval) -> Job:
    """What the evaluation's images are counted by."""
    return Job(
        task_type=evaluation.task_type,
        classes=evaluation.classes,
        confidence=evaluation.confidence,
        definition=Definition(
            iou_threshold=evaluation.iou_threshold,
            inclusive=evaluation.inclusive,
            rule=evaluation.matching,
        ),
        is_multi_label=evaluation.is_multi_label,
        uses_masks=evaluation.uses_masks,
        engine=settings.EVALUATION_ENGINE,
        reading=reading_of(evaluation.reading),
        options=evaluation.options,
    )


def kind_of(evaluation: ModelEval) -> Kind:
    """The kind of evaluation it is."""
    return KINDS[evaluation.task_type]
