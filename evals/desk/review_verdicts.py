"""What an evaluation says about the regions of one task: for the store's pages, which do not know
this room and call it by its name in the settings (REVIEW_VERDICTS).
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from evals.api import query
from evals.db.definition import job_of
from evals.db.queries import image_keys, refuse_unknown_confidence
from evals.db.snapshot import PlannedRow
from evals.engine.matching import ObjectVerdict
from evals.engine.object_verdicts import examine
from evals.engine.reading import reading_of
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
    """Verdicts of the task's objects and detections by their place in the stored result.

    `tp`, `fp`, `fn` or `wrong_class`; what was not counted has none. None where the workspaces
    (None for all) have no finished evaluation of that id, or it did not see the task. `truths` and
    `found` are None where the rows have changed since. `confidence` is per cent as text, empty for
    the evaluation's own. At most three statements.
    """
    mine = Q() if workspaces is None else Q(workspace_id__in=list(workspaces))
    found = (
        ModelEval.objects.filter(mine, eval_id=eval_id, status=ModelEval.Status.DONE)
        .select_related("project")
        .first()
    )
    rows = [] if found is None else _rows(found, image_id, task_id)
    if found is None or not rows:
        return None
    percent = _percent(found, confidence)
    images = stored_images(found, rows)
    document: dict[str, Any] = {
        "evaluation": found.eval_id,
        "confidence": percent,
        "annotation": rows[0].annotation_id,
        "prediction": rows[0].prediction_id,
        "truths": None,
        "found": None,
    }
    if any(image is None for image in images):
        return document
    stored = [image.stored for image in images if image is not None]
    truths, said = dict[int, str](), dict[int, str]()
    for one in examine(stored, job_of(found), percent):
        truths |= _by_region(one.regions[0], one.truths)
        said |= _by_region(one.regions[1], one.found)
    return {**document, "truths": truths, "found": said}


def _rows(found: ModelEval, image_id: str, task_id: int) -> list[PlannedRow]:
    """The images of the task that the evaluation has seen."""
    if not reading_of(found.reading).has_one_image:
        columns = ("task_id", "annotation_id", "prediction_id", "split", "item")
        rows = found.images.filter(task_id=task_id).order_by("position").values_list(*columns)
        return [PlannedRow(task, a or 0, p, split, item) for task, a, p, split, item in rows]
    keys = image_keys(found, image_id)
    return [PlannedRow(*keys[1])] if keys is not None and keys[1][0] == task_id else []


def _by_region(regions: Sequence[int], verdicts: Sequence[ObjectVerdict | None]) -> dict[int, str]:
    """Verdicts by the place of the region in the stored result."""
    return {
        region: verdict.verdict.value
        for region, verdict in zip(regions, verdicts, strict=bool(regions))
        if verdict is not None
    }


def _percent(found: ModelEval, asked: str) -> int:
    """The confidence asked for, or the evaluation's own where that is none."""
    try:
        percent = query.confidence({"confidence": asked} if asked else {}, found.confidence)
        refuse_unknown_confidence(found, percent)
    except Refusal:
        return found.confidence
    return percent
