"""An evaluation's verdicts on the regions of one task, for the store's pages: they do not know this
room, which registers `verdicts_of` with `predictions.desk.verdicts`.
"""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from evals.db.columns import known_to_columns
from evals.db.definition import job_of, kind_of
from evals.db.evaluations import confidence_of
from evals.db.images import seen_of_task
from evals.documents.refusals import Refusal
from evals.engine.matching import ObjectVerdict
from evals.models import ModelEval
from evals.panels.query import ConfidenceQuery
from evals.reports.image_objects import stored_images

#: Evaluations that the page of a task offers.
MOST_EVALUATIONS = 10


def verdicts_of(
    eval_id: str,
    *,
    workspaces: Sequence[int] | None,
    task_id: int,
    confidence: str,
) -> dict[str, Any] | None:
    """Verdicts of the task's objects and detections by their place in the stored result.

    `tp`, `fp`, `fn` or `wrong_class`; what was not counted has none. None where the workspaces
    (None for all) have no finished evaluation of that id, or it did not see the task. `truths` and
    `found` are None where the rows have changed since; `url` is where its images are, the worst
    first; `known` is for filters by its columns. `confidence` is per cent as text, empty for the
    evaluation's own. At most two statements.
    """
    found = seen_of_task(eval_id, task_id, workspaces=workspaces)
    if found is None:
        return None
    evaluation, rows = found
    percent = _percent(evaluation, confidence)
    seen = stored_images(evaluation, rows)
    images = reverse("admin:evals_modeleval_images", args=[evaluation.eval_id])
    document: dict[str, Any] = {
        "evaluation": evaluation.eval_id,
        "url": f"{images}?sort=-errors&split=all&confidence={percent}",
        "confidence": percent,
        "known": known_to_columns(evaluation),
        "annotation": rows[0].annotation_id,
        "prediction": rows[0].prediction_id,
        "truths": None,
        "found": None,
    }
    if any(image is None for image in seen):
        return document
    stored = [image.stored for image in seen if image is not None]
    truths, predicted = dict[int, str](), dict[int, str]()
    for one in kind_of(evaluation).verdicts(stored, job_of(evaluation), percent):
        truths |= _by_region(one.regions[0], one.truths)
        predicted |= _by_region(one.regions[1], one.found)
    return {**document, "truths": truths, "found": predicted}


def newest_evaluations(project_id: int) -> list[tuple[str, str]]:
    """The newest finished evaluations of a project, (id, title), the newest first; one statement.

    Empty for a project without.
    """
    done = ModelEval.objects.filter(project_id=project_id, status=ModelEval.Status.DONE)
    newest = done.order_by("-pk").values_list("eval_id", "model_version")[:MOST_EVALUATIONS]
    return [(eval_id, version or eval_id) for eval_id, version in newest]


def _by_region(regions: Sequence[int], verdicts: Sequence[ObjectVerdict | None]) -> dict[int, str]:
    """Verdicts by the place of the region in the stored result."""
    return {
        region: verdict.verdict.value
        for region, verdict in zip(regions, verdicts, strict=bool(regions))
        if verdict is not None
    }


def _percent(evaluation: ModelEval, asked: str) -> int:
    """The confidence asked for, or the evaluation's own where that is none."""
    try:
        query = ConfidenceQuery.asked({"confidence": asked} if asked else {})
        return confidence_of(evaluation, query["confidence"])
    except Refusal:
        return evaluation.confidence
