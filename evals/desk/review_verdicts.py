"""An evaluation's verdicts on the regions of one task, for the store's pages: they do not know this
room, which registers `verdicts_of` with `predictions.desk.verdicts`.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from evals.db.definition import job_of
from evals.db.evaluations import confidence_of
from evals.db.images import image_keys
from evals.documents.refusals import Refusal
from evals.engine.object_verdicts import examine
from evals.models import ModelEval
from evals.panels.query import ConfidenceQuery
from evals.reports.image_objects import stored_images


def verdicts_of(
    eval_id: str,
    *,
    workspaces: Sequence[int] | None,
    image_id: str,
    task_id: int,
    confidence: str,
) -> dict[str, Any] | None:
    """Verdicts of the task's objects and detections in stored order, `tp`, `fp`, `fn` or None.

    None where the workspaces (None for all) have no finished evaluation of that id, or it did not
    see the task. `truths` and `found` are None where the rows have changed since. `confidence` is
    per cent as text, empty for the evaluation's own. At most three statements.
    """
    mine = Q() if workspaces is None else Q(workspace_id__in=list(workspaces))
    evaluation = (
        ModelEval.objects.filter(mine, eval_id=eval_id, status=ModelEval.Status.DONE)
        .select_related("project")
        .first()
    )
    keys = None if evaluation is None else image_keys(evaluation, image_id)
    if evaluation is None or keys is None or keys[1].task_id != task_id:
        return None
    percent = _percent(evaluation, confidence)
    row = keys[1]
    image = stored_images(evaluation, [row])[0]
    document: dict[str, Any] = {
        "evaluation": evaluation.eval_id,
        "confidence": percent,
        "annotation": row.annotation_id,
        "prediction": row.prediction_id,
        "truths": None,
        "found": None,
    }
    if image is None:
        return document
    examined = examine([image.stored], job_of(evaluation), percent)[0]
    return {
        **document,
        "truths": [None if one is None else one.verdict.value for one in examined.truths],
        "found": [None if one is None else one.verdict.value for one in examined.found],
    }


def _percent(evaluation: ModelEval, asked: str) -> int:
    """The confidence asked for, or the evaluation's own where that is none."""
    try:
        query = ConfidenceQuery.asked({"confidence": asked} if asked else {})
        return confidence_of(evaluation, query["confidence"])
    except Refusal:
        return evaluation.confidence
