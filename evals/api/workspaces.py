"""The routes of workspaces: which one a key is for, and the projects of one."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.request import Request

from accounts.models import Workspace
from desk import error_pages
from evals.api.route import EvaluationRoutes, answer
from evals.api.schema import WORKSPACE, document, operation
from evals.db.label_config import task_type_of
from evals.documents.evaluation import ListedProject, Login, WorkspaceAnswer, WorkspaceFacts
from predictions.models import Project


class LoginViewSet(EvaluationRoutes):
    """What the evaluation client asks first."""

    write_scope = None
    # The client sends a POST to learn its workspace; nothing is written.
    readers_may_write = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Its address is the root of the service, which people read."""
        if request.method in {"GET", "HEAD"}:
            return error_pages.home(request)
        return super().dispatch(request, *args, **kwargs)

    @operation("evaluation_login", "Which workspace a key is for", {200: document(Login)})
    def create(self, request: Request) -> HttpResponse:
        slug = Workspace.objects.values_list("slug", flat=True).get(pk=self.workspace_id)
        return answer(Login(workspace=slug, welcome="Predictions API", docs="/docs/"))


class WorkspaceViewSet(EvaluationRoutes):
    """The workspace of a key."""

    read_scope = None
    lookup_url_kwarg = "workspace"
    lookup_value_converter = "workspace"

    @operation(
        "get_workspace",
        "A workspace and its projects",
        {200: document(WorkspaceAnswer)},
        parameters=[WORKSPACE],
    )
    def retrieve(self, request: Request, workspace: str) -> HttpResponse:
        mine = self.workspace()
        projects = Project.objects.filter(workspace=mine).order_by("id")
        facts = WorkspaceFacts(
            name=mine.title or mine.slug,
            url=mine.slug,
            members=mine.members.count(),
            projects=[_listed(mine, project) for project in projects],
        )
        return answer(WorkspaceAnswer(workspace=facts))


def _listed(workspace: Workspace, project: Project) -> ListedProject:
    return ListedProject(
        id=f"{workspace.slug}/{project.slug}",
        name=project.title,
        type=task_type_of(project) or "",
        created=project.created_at.timestamp(),
        updated=project.updated_at.timestamp(),
    )
