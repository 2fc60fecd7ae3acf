"""What evaluations add to the store's grid of tasks: their counts as columns, and the evaluation of
only some tasks.
"""

from collections.abc import Mapping, Sequence

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from accounts import audit
from evals.db.columns import AGREEMENT, PREFIX
from evals.desk.starting.once import once
from evals.documents.refusals import Refusal
from evals.jobs import requests
from evals.models import ModelEval
from predictions.desk.grid.acts import VERSION, counted, versions_of
from predictions.desk.grid.offers import Act, Answer, Chosen, Column, Columns, Field
from predictions_api.wording import when

#: Evaluations whose columns are offered: the newest finished ones.
MOST_EVALUATIONS = 8
WORDS = (
    ("errors", "errors"),
    ("falsePositives", "false positives"),
    ("falseNegatives", "missed"),
    ("truePositives", "true positives"),
    ("f1", "F1"),
)


def columns(project_id: int) -> Sequence[Columns]:
    """The counts of a project's newest evaluations. One statement."""
    # An imported one knows no tasks.
    done = ModelEval.objects.filter(
        project_id=project_id,
        status=ModelEval.Status.DONE,
        origin=ModelEval.Origin.COMPUTED,
    )
    newest = done.only("eval_id", "model_version", "created_at").order_by("-pk")
    found = [
        Columns(
            f"Evaluation of {one.model_version[:60] or one.eval_id}, {when(one.created_at)}",
            [Column(f"{PREFIX}{one.eval_id}.{name}", words) for name, words in WORDS],
        )
        for one in newest[:MOST_EVALUATIONS]
    ]
    agreement = Columns(
        "Newest evaluation", [Column(AGREEMENT, "Agreement with ground truth, 0 to 1")]
    )
    return [agreement, *found] if found else []


def _says(chosen: Chosen) -> list[str]:
    return [
        f"One model version is measured on {counted(chosen.held.with_truth, 'task')}: those of"
        f" {counted(chosen.held.tasks, 'task')} that have ground truth. The evaluation says that"
        " it is of some tasks only."
    ]


def _fields(chosen: Chosen) -> Sequence[Field]:
    return [Field(VERSION, "Predictions of", versions_of(chosen))]


def _run(request: HttpRequest, chosen: Chosen, values: Mapping[str, str]) -> Answer:
    if not values[VERSION]:
        raise ValidationError(["Choose whose predictions are measured."])
    asked = {
        "project": str(chosen.project.pk),
        "modelVersion": values[VERSION],
        "confidence": 20,
        "writeBack": False,
        "query": dict(chosen.query),
    }
    workspace_id = chosen.project.workspace_id
    try:
        made, is_new = once(
            request, workspace_id, lambda: requests.create(asked, workspace_id=workspace_id)
        )
    except Refusal as refusal:
        raise ValidationError([str(refusal.detail)]) from None
    if is_new:
        audit.by_request(
            request,
            "evaluation.started",
            target=f"evaluation {made.eval_id}",
            workspace_id=workspace_id,
            tasks=chosen.held.tasks,
        )
    return HttpResponseRedirect(reverse("admin:evals_modeleval_overview", args=[made.eval_id]))


EVALUATE = Act(
    name="evaluate",
    title="Evaluate only these",
    verb="Evaluate",
    says=_says,
    fields=_fields,
    run=_run,
)
