"""Where the pages of predictions are, and the way to them."""

from django.urls import reverse

from desk.page import Crumb
from predictions.models import Task


def address(pk: int, name: str = "review") -> str:
    """A page of a prediction, that of its name."""
    return reverse(f"admin:predictions_prediction_{name}", args=[pk])


def way_to(task: Task, rest: list[Crumb], *, list_query: str = "") -> list[Crumb]:
    """Breadcrumbs from the task's project to a page about the task."""
    project = task.project
    predictions = reverse("admin:predictions_prediction_changelist")
    return [
        Crumb(str(project), reverse("admin:predictions_project_hub", args=[project.pk])),
        Crumb("Predictions", predictions + (list_query or f"?project={project.pk}")),
        Crumb(f"Task {task.pk}", reverse("admin:predictions_task_review", args=[task.pk])),
        *rest,
    ]
