"""Projects by title or id, and model versions by their name."""

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Left
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from desk.search import MOST_FOUND, Found, number_in
from desk.workspace_admin import visible
from predictions.models import Prediction, Project, ProjectCounter


def projects(request: HttpRequest, text: str) -> Iterator[Found]:
    """Whose title holds the text, or whose id it is; the newest first."""
    rows = visible(request, Project.objects.all()).filter(
        Q(title__icontains=text) | Q(pk=number_in(text) or 0)
    )
    for project in rows.only("title").order_by("-pk")[:MOST_FOUND]:
        url = reverse("admin:predictions_project_hub", args=[project.pk])
        yield Found(str(project), f"project {project.pk}", url, "folder_open")


def versions(request: HttpRequest, text: str) -> Iterator[Found]:
    """Model versions of exactly this name, one for each project that has its predictions."""
    # By the index on (project, the version's first 200 characters): one look a project, beside its
    # counter, which any project with tasks has: on a cluster the project itself is elsewhere.
    named = Prediction.objects.annotate(start=Left("model_version", 200)).filter(
        slot=OuterRef("slot"),
        project=OuterRef("project_id"),
        start=text,
        model_version=text,
    )
    counters = visible(request, ProjectCounter.objects.all(), path="project__workspace_id")
    rows = counters.filter(Exists(named)).select_related("project").only("project__title")
    predictions = reverse("admin:predictions_prediction_changelist")
    for project in (row.project for row in rows.order_by("-project_id")[:MOST_FOUND]):
        query = urlencode({"project": str(project.pk), "model_version": text})
        url = f"{predictions}?{query}"
        yield Found(text, f"model version in {project}", url, "history")
