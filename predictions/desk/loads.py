"""Files of ground truth and predictions at the desk: what `POST /api/load` does, for a person who
is logged in, into a new project or one that is there.
"""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.authentication import WorkspaceSessionAuthentication
from accounts.models import Workspace
from desk.page import Crumb, render_page
from desk.workspace_admin import WRITERS, forbid, is_superuser, workspaces_of
from predictions.api.loads import LoadViewSet
from predictions.api.schema.loads import FilesSerializer
from predictions.formats.table import FORMATS
from predictions.imports.datasets import targets
from predictions.models import Project

#: Workspaces, and projects, that the page offers: the newest. Each has a link of its own, too.
MOST_OFFERED = 200
PROJECTS = "admin:predictions_project_changelist"
SEND = "admin:predictions_project_send_files"
SIDES = (
    (
        "ground_truth",
        "Ground truth",
        "What is really there: a file of COCO, YOLO (as ZIP), CSV, JSON Lines, CoNLL and others.",
    ),
    (
        "predictions",
        "Predictions",
        "What a model says is there, with its scores: a file of the same format, or another.",
    ),
)
NO_PROJECT = "There is no such project in this workspace."
NO_TITLE = "A new project needs a title."


class PageSerializer(FilesSerializer):
    """What the page sends: the form of a load, with a project's id or the title of one."""

    project = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    title = serializers.CharField(required=False, min_length=3, max_length=50)
    evaluate = serializers.BooleanField(required=False, default=False)


class PageLoads(LoadViewSet):
    """Loads of the page: by the session of the desk, never by a key."""

    authentication_classes = [WorkspaceSessionAuthentication]
    form_class = PageSerializer

    def target(self, values: dict[str, Any]) -> Project | str:
        """The chosen project; else that of the title. ValidationError without either."""
        workspace_id = self.access().workspace_id
        if values.get("project") is not None:
            mine = Project.objects.filter(pk=values["project"], workspace_id=workspace_id)
            if (found := mine.first()) is None:
                raise ValidationError({"project": [NO_PROJECT]})
            return found
        if not values.get("title"):
            raise ValidationError({"title": [NO_TITLE]})
        return targets.by_title(values["title"], workspace_id=workspace_id)


_load = PageLoads.as_view({"post": "create"})


def send(desk: Any, request: HttpRequest, workspace: str) -> HttpResponse:
    """The load itself. Http404 for a workspace of others; its view refuses readers, and requests
    without the token of the page.
    """
    mine = Workspace.objects.filter(slug=workspace)
    if not is_superuser(request):
        mine = mine.filter(memberships__user=request.user.pk)
    if not mine.exists():
        raise Http404
    answer: HttpResponse = _load(request, workspace=workspace)
    return answer


def page(desk: Any, request: HttpRequest, into: Project | None = None) -> TemplateResponse:
    """The form. PermissionDenied for who may write nowhere, or not into the project."""
    forbid(desk.has_add_permission(request))
    if into is not None:
        forbid(desk.has_change_permission(request, into))
    workspaces = Workspace.objects.order_by("slug")
    projects = Project.objects.order_by("-pk").select_related("workspace")
    if not is_superuser(request):
        writable = workspaces_of(request, WRITERS)
        workspaces = workspaces.filter(pk__in=writable)
        projects = projects.filter(workspace__in=writable)
    places = [(one.slug, reverse(SEND, args=[one.slug])) for one in workspaces[:MOST_OFFERED]]
    rows = projects.only("title", "slug", "workspace__slug")
    offered = list(rows.exclude(pk=into.pk if into else 0)[:MOST_OFFERED])
    if into is not None:
        offered.insert(0, into)
    crumbs = [Crumb("Projects", reverse(PROJECTS))]
    if into is not None:
        url = reverse("admin:predictions_project_hub", args=[into.pk])
        crumbs.append(Crumb(str(into), url))
    return render_page(
        desk,
        request,
        "desk/load.html",
        title="Load files",
        crumbs=[*crumbs, Crumb("Load files")],
        sides=SIDES,
        places=places,
        projects=[(one, reverse(SEND, args=[one.workspace.slug])) for one in offered],
        chosen=into.pk if into else None,
        formats=list(FORMATS.values()),
    )
