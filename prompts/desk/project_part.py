"""What prompts add to a project's page: the latest runs, those at work, and the way to another."""

from django.http import HttpRequest
from django.urls import reverse

from desk.dashboard import Card, Cell
from desk.workspace_admin import time_ago
from predictions.desk.hub.parts import Hub, Job, Part, Step
from predictions_api.wording import left
from prompts.desk.card import done_of
from prompts.models import ModelRun
from prompts.runs import progress
from prompts.runs import state as runs

#: Runs of the project that are looked at, the newest; of them some are listed.
MOST = 100
LISTED = 8
COLUMNS = (
    "status", "total_tasks", "total_predictions", "total_failed", "created_at", "triggered_at",
    "project_id", "model_version__title", "model_version__parent_model__title",
)  # fmt: skip


def part(request: HttpRequest, hub: Hub) -> Part:
    """The part of the page. One statement."""
    rows = ModelRun.objects.filter(project_id=hub.project.pk).order_by("-pk")
    found = list(rows.select_related("model_version__parent_model").only(*COLUMNS)[:MOST])
    new = reverse("admin:prompts_modelrun_new") + f"?project={hub.project.pk}"
    return Part(
        steps=[Step("Run a prompt", new)] if hub.may_write and hub.overview.tasks else [],
        jobs=[
            Job(
                f"Run {run.pk} of {run.model_version.full_title}",
                _page(run),
                progress.fraction(run),
                left(run.triggered_at, progress.fraction(run)),
            )
            for run in found
            if run.status in runs.OPEN
        ],
        cards=[_card(hub, found[:LISTED])],
    )


def _card(hub: Hub, rows: list[ModelRun]) -> Card:
    listed = reverse("admin:prompts_modelrun_changelist")
    return Card(
        title="Latest runs",
        url=f"{listed}?project={hub.project.pk}",
        headings=("Run", "Status", "Done", "Begun"),
        rows=[
            (
                Cell(f"{run.model_version.full_title} ({run.pk})", _page(run)),
                Cell(run.status),
                Cell(done_of(run)),
                Cell(time_ago(run.created_at)),
            )
            for run in rows
        ],
        empty="No run yet: a prompt's version predicts the tasks by a language model.",
    )


def _page(run: ModelRun) -> str:
    return reverse("admin:prompts_modelrun_page", args=[run.pk])
