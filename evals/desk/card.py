"""The latest evaluations, for the desk's first page."""

from django.http import HttpRequest
from django.urls import reverse

from desk.dashboard import Card, Cell
from desk.workspace_admin import time_ago, visible
from evals.jobs import state
from evals.models import ModelEval
from predictions_api.wording import percent_done

ROWS = 8
COLUMNS = (
    "eval_id", "model_id", "model_version", "version_id", "status", "progress", "created_at",
    "failure_reason", "project__title",
)  # fmt: skip


def evaluations(request: HttpRequest) -> Card:
    """Of the caller's workspaces, the newest first."""
    rows = visible(request, ModelEval.objects.select_related("project").order_by("-pk"))
    return Card(
        title="Latest evaluations",
        url=reverse("admin:evals_modeleval_changelist"),
        headings=("Model", "Project", "Status", "Asked for"),
        rows=[
            (
                Cell(
                    name_of(evaluation),
                    overview_of(evaluation),
                ),
                Cell(evaluation.project or "-"),
                Cell(status_of(evaluation)),
                Cell(time_ago(evaluation.created_at)),
            )
            for evaluation in rows.only(*COLUMNS)[:ROWS]
        ],
        empty="No evaluation yet: start one on the page of a project.",
    )


def overview_of(evaluation: ModelEval) -> str:
    """The address of its overview."""
    return reverse("admin:evals_modeleval_overview", args=[evaluation.eval_id])


def name_of(evaluation: ModelEval) -> str:
    """Whose predictions were evaluated, as far as somebody has said."""
    names = (evaluation.model_version, evaluation.model_id, evaluation.version_id)
    return next((name for name in names if name), evaluation.eval_id)


def status_of(evaluation: ModelEval) -> str:
    """Its status, with how far it is."""
    if evaluation.status == ModelEval.Status.RUNNING:
        return f"running, {percent_done(evaluation.progress)} %"
    return "cancelled" if is_cancelled(evaluation) else evaluation.status


def is_cancelled(evaluation: ModelEval) -> bool:
    """Whether somebody stopped it. Clients read `failed` with that reason; people read the word."""
    is_over = evaluation.status == ModelEval.Status.FAILED
    return is_over and evaluation.failure_reason == state.CANCELLED
