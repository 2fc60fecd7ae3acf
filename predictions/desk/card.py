"""The newest projects, for the desk's first page."""

from django.http import HttpRequest
from django.urls import reverse

from desk.dashboard import Card, Cell
from desk.workspace_admin import WRITERS, is_superuser, time_ago, visible, workspaces_of
from predictions.models import Project

ROWS = 8


def projects(request: HttpRequest) -> Card:
    """Of the caller's workspaces, each with its predictions and tasks."""
    rows = visible(request, Project.objects.select_related("workspace").order_by("-pk"))
    shown = list(rows.only("title", "created_at", "workspace__slug")[:ROWS])
    # Its name says nothing where it is the only one.
    several = len({project.workspace_id for project in shown}) > 1
    predictions = reverse("admin:predictions_prediction_changelist")
    return Card(
        title="Projects",
        url=reverse("admin:predictions_project_changelist"),
        headings=("Project", *(["Workspace"] if several else []), "Open", "", "Created"),
        rows=[
            (
                Cell(project, reverse("admin:predictions_project_hub", args=[project.pk])),
                *([Cell(project.workspace.slug)] if several else []),
                Cell("predictions", f"{predictions}?project={project.pk}"),
                Cell("tasks", reverse("admin:predictions_project_tasks", args=[project.pk])),
                Cell(time_ago(project.created_at)),
            )
            for project in shown
        ],
        empty="No project yet: load files of ground truth and predictions, which make one.",
        steps=_steps(request),
    )


def _steps(request: HttpRequest) -> list[Cell]:
    """For whoever may write somewhere."""
    if not is_superuser(request) and not workspaces_of(request, WRITERS):
        return []
    return [
        Cell("Load files", reverse("admin:predictions_project_load_files")),
        Cell("New project", reverse("admin:predictions_project_add")),
    ]
