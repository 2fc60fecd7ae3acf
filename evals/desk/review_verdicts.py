"""An evaluation's verdicts on the regions of one task, for the store's pages: they do not know this
room, which registers `verdicts_of` with `predictions.desk.verdicts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject
from django.urls import reverse

from evals.db.columns import known_to_columns
from evals.db.definition import job_of, kind_of
from evals.db.evaluations import confidence_of
from evals.db.images import image_keys, rows_of_task
from evals.db.snapshot import PlannedRow
from evals.documents.refusals import Refusal
from evals.engine.matching import ObjectVerdict
from evals.engine.reading import reading_of
from evals.models import ModelEval
from evals.panels.query import ConfidenceQuery
from evals.reports.image_objects import stored_images

#: Evaluations that the page of a task offers.
MOST_EVALUATIONS = 10


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
    `found` are None where the rows have changed since; `url` is where its images are, the worst
    first; `evaluations` are the `newest_evaluations` of its project, `known` is for filters by its
    columns. `confidence` is per cent as text, empty for the evaluation's own. At most three
    statements.
    """
    mine = Q() if workspaces is None else Q(workspace_id__in=list(workspaces))
    evaluation = (
        ModelEval.objects.filter(mine, eval_id=eval_id, status=ModelEval.Status.DONE)
        .select_related("project")
        .annotate(newest=ArraySubquery(_newest(OuterRef("project_id"))))
        .first()
    )
    rows = [] if evaluation is None else _rows(evaluation, image_id, task_id)
    if evaluation is None or not rows:
        return None
    percent = _percent(evaluation, confidence)
    seen = stored_images(evaluation, rows)
    images = reverse("admin:evals_modeleval_images", args=[evaluation.eval_id])
    document: dict[str, Any] = {
        "evaluation": evaluation.eval_id,
        "url": f"{images}?sort=-errors&split=all&confidence={percent}",
        "confidence": percent,
        "evaluations": _titled(evaluation.newest),
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
    return _titled(_newest(project_id))


def _newest(project_id: Any) -> "QuerySet[ModelEval, dict[str, Any]]":
    """Its newest finished evaluations, each an id and the version that it measured."""
    done = ModelEval.objects.filter(project_id=project_id, status=ModelEval.Status.DONE)
    named = JSONObject(id="eval_id", version="model_version")
    return done.order_by("-pk").values_list(named, flat=True)[:MOST_EVALUATIONS]


def _titled(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(one["id"], one["version"] or one["id"]) for one in rows]


def _rows(evaluation: ModelEval, image_id: str, task_id: int) -> list[PlannedRow]:
    """The images of the task that the evaluation has seen."""
    if not reading_of(evaluation.reading).has_one_image:
        return rows_of_task(evaluation, task_id)
    keys = image_keys(evaluation, image_id)
    return [keys[1]] if keys is not None and keys[1].task_id == task_id else []


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
