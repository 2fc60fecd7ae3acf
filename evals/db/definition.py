"""Builds the engine's `Job` from a `ModelEval` row."""

from collections.abc import Mapping
from typing import Any

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
        iou_type=evaluation.iou_type,
        engine=settings.EVALUATION_ENGINE,
        reading=reading_of(evaluation.reading),
        options=evaluation.options,
    )


#: What is taken for parameters of a kind that the request did not name.
UNASKED: Mapping[str, Any] = {"tolerance": 0.0, "normalization": "none"}


def parameters_of(evaluation: ModelEval) -> dict[str, Any]:
    """The values of those parameters of UNASKED that its kind reads; none of an imported one."""
    if evaluation.origin == ModelEval.Origin.IMPORTED:
        return {}
    read = kind_of(evaluation).parameters
    return {name: evaluation.options.get(name, UNASKED[name]) for name in UNASKED if name in read}


def kind_of(evaluation: ModelEval) -> Kind:
    """The kind of evaluation it is."""
    return KINDS[evaluation.task_type]
