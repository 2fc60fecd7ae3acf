"""Runs at work, for the desk's first page."""

from django.http import HttpRequest
from django.urls import reverse

from desk.dashboard import Card, Cell
from desk.workspace_admin import time_ago, visible
from predictions_api.wording import number
from prompts.models import ModelRun

ROWS = 8
AT_WORK = (ModelRun.Status.PENDING, ModelRun.Status.IN_PROGRESS)
COLUMNS = (
    "status", "total_tasks", "total_predictions", "total_failed", "created_at", "project__title",
    "model_version__title",
)  # fmt: skip


def runs(request: HttpRequest) -> Card:
    """Of the caller's workspaces, those that are not over, the newest first."""
    rows = ModelRun.objects.filter(status__in=AT_WORK).order_by("-pk")
    rows = visible(request, rows, "project__workspace_id")
    rows = rows.select_related("project", "model_version").only(*COLUMNS)
    return Card(
        title="Runs in progress",
        url=reverse("admin:prompts_modelrun_changelist"),
        headings=("Run", "Project", "Done", "Begun"),
        rows=[
            (
                Cell(
                    f"{run.model_version.title} ({run.pk})",
                    reverse("admin:prompts_modelrun_page", args=[run.pk]),
                ),
                Cell(run.project),
                Cell(done_of(run)),
                Cell(time_ago(run.created_at)),
            )
            for run in rows[:ROWS]
        ],
        empty="Nothing runs at the moment.",
    )


def done_of(run: ModelRun) -> str:
    """How many of its tasks have an outcome, and how many of them failed."""
    done = run.total_predictions + run.total_failed
    failed = f", {number(run.total_failed)} failed" if run.total_failed else ""
    return f"{number(done)} of {number(run.total_tasks)}{failed}"
