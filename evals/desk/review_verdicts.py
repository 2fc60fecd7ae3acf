"""An evaluation's verdicts on the regions of one task, for the store's pages: they do not know this
room, which registers `verdicts_of` with `predictions.desk.verdicts`.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from evals.api import query
from evals.db.definition import job_of
from evals.db.queries import image_keys, refuse_unknown_confidence
from evals.db.snapshot import PlannedRow
from evals.engine.object_verdicts import examine
from evals.models import ModelEval
from evals.refusals import Refusal
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
    found = (
        ModelEval.objects.filter(mine, eval_id=eval_id, status=ModelEval.Status.DONE)
        .select_related("project")
        .first()
    )
    keys = None if found is None else image_keys(found, image_id)
    if found is None or keys is None or keys[1][0] != task_id:
        return None
    percent = _percent(found, confidence)
    row = PlannedRow(*keys[1])
    image = stored_images(found, [row])[0]
    document: dict[str, Any] = {
        "evaluation": found.eval_id,
        "confidence": percent,
        "annotation": row.annotation_id,
        "prediction": row.prediction_id,
        "truths": None,
        "found": None,
    }
    if image is None:
        return document
    examined = examine([image.stored], job_of(found), percent)[0]
    return {
        **document,
        "truths": [None if one is None else one.verdict.value for one in examined.truths],
        "found": [None if one is None else one.verdict.value for one in examined.found],
    }


def _percent(found: ModelEval, asked: str) -> int:
    """The confidence asked for, or the evaluation's own where that is none."""
    try:
        percent = query.confidence({"confidence": asked} if asked else {}, found.confidence)
        refuse_unknown_confidence(found, percent)
    except Refusal:
        return found.confidence
    return percent
