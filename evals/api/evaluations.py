"""The routes of evaluations: list, make, import, run again, compare. Parse, call, respond.

Order of refusals, here, in `panel_views` and in `image_views`: 401, then 404, then 400, then 409.
"""

from typing import IO, Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework import status
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from accounts.models import Workspace
from evals.api import query as filters
from evals.api import schema as docs
from evals.api.route import EvaluationRoute, answer
from evals.api.serializers import ComputeSerializer
from evals.db import queries
from evals.imports import save
from evals.jobs import requests, state
from evals.models import ModelEval
from evals.refusals import (
    InvalidImport,
    ProjectNotFound,
    Refusal,
    ReportNotFound,
)
from evals.reports import comparison
from evals.reports.difference import difference
from predictions.models import Project


class LoginView(EvaluationRoute):
    """What the evaluation client asks first: which workspace a key is for."""

    read_scope = None
    write_scope = None
    # The client sends a POST to learn this; nothing is written.
    readers_may_write = True

    @docs.LOGIN
    def post(self, request: Request) -> HttpResponse:
        slug = Workspace.objects.values_list("slug", flat=True).get(pk=self.workspace_id)
        return answer({"workspace": slug, "welcome": "Predictions API", "docs": "/docs/"})


class WorkspaceView(EvaluationRoute):
    """A workspace and its projects, as the evaluation client reads them."""

    read_scope = None

    @docs.WORKSPACE
    def get(self, request: Request, workspace: str) -> HttpResponse:
        found = self.workspace()
        projects = Project.objects.filter(workspace=found).order_by("id")
        document = {
            "name": found.title or found.slug,
            "url": found.slug,
            "members": found.members.count(),
            "projects": [_project(found, project) for project in projects],
        }
        return answer({"workspace": document})


def _project(workspace: Workspace, project: Project) -> dict[str, Any]:
    from evals.db.label_config import task_type_of

    return {
        "id": f"{workspace.slug}/{project.slug}",
        "name": project.title,
        "type": task_type_of(project) or "",
        "created": project.created_at.timestamp(),
        "updated": project.updated_at.timestamp(),
    }


class EvaluationListView(EvaluationRoute):
    """The evaluations of a workspace."""

    @docs.LIST
    def get(self, request: Request, workspace: str) -> HttpResponse:
        found = self.workspace()
        wanted = filters.evaluations(request.query_params)
        evals = queries.newest(
            workspace_id=found.pk,
            project=wanted.project,
            version=wanted.version,
            model=wanted.model,
            status=wanted.status,
            limit=wanted.limit,
        )
        return answer({"evals": evals})

    @docs.COMPUTE
    def post(self, request: Request, workspace: str) -> HttpResponse:
        found = self.workspace()
        serializer = ComputeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = requests.create(serializer.validated_data, workspace_id=found.pk)
        return answer(queries.header(made), status.HTTP_202_ACCEPTED)


class ImportView(EvaluationRoute):
    """Evaluations computed elsewhere."""

    parser_classes = [MultiPartParser]

    @docs.IMPORT
    def post(self, request: Request, workspace: str) -> HttpResponse:
        found = self.workspace()
        strict = request.query_params.get("strict", "true").lower()
        if strict not in {"true", "false", "1", "0"}:
            raise Refusal("strict must be true or false.")
        with self.file() as file:
            made = save.import_file(file, workspace_id=found.pk, strict=strict in {"true", "1"})
        return answer(queries.header(made), status.HTTP_201_CREATED)

    def file(self) -> IO[bytes]:
        """The uploaded file, or the body itself as one."""
        kind = self.request.content_type.partition(";")[0]
        if kind in {"application/json", "application/octet-stream"}:
            return save.spooled(self.request._request)
        if kind != "multipart/form-data":
            raise UnsupportedMediaType(kind)
        upload = self.request.FILES.get("file")
        if upload is None:
            raise InvalidImport("file: send the evaluation as a file of this name, or as the body.")
        return save.spooled(upload)


class SourceView(EvaluationRoute):
    """An imported file, as it came."""

    @docs.SOURCE
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        found = self.evaluation()
        if found.origin != ModelEval.Origin.IMPORTED:
            raise ReportNotFound("The evaluation was computed here: there is no file.")
        return StreamingHttpResponse(save.source(found), content_type="application/json")


class EvaluationView(EvaluationRoute):
    """One evaluation."""

    @docs.GET
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return answer(queries.header(self.shown()))

    @docs.DELETE
    def delete(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        state.delete(self.evaluation())
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)


class RerunView(EvaluationRoute):
    """Computing an evaluation anew."""

    @docs.RERUN
    def post(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        found = self.evaluation()
        requests.repeat(found)
        return answer(queries.header(found), status.HTTP_202_ACCEPTED)


class CancelView(EvaluationRoute):
    """Ending a running evaluation."""

    @docs.CANCEL
    def post(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        found = self.evaluation()
        state.cancel(found)
        found.refresh_from_db()
        return answer(queries.header(found))


class DiffView(EvaluationRoute):
    """Two evaluations, image by image."""

    @docs.DIFF
    def get(self, request: Request, workspace: str, eval_id: str, other_id: str) -> HttpResponse:
        found, query = self.evaluation(), request.query_params
        other = queries.evaluation(other_id, workspace=workspace, workspace_id=self.workspace_id)
        _, split = filters.split(query, default="all", allows_all=True)
        confidence = filters.confidence(query, found.confidence)
        limit, offset = filters.page(query, limit=filters.DIFF_LIMIT)
        for one in (found, other):
            queries.refuse_unfinished(one)
            queries.refuse_unknown_confidence(one, confidence)
        return answer(
            difference(found, other, split=split, confidence=confidence, limit=limit, offset=offset)
        )


class CompareView(EvaluationRoute):
    """The models of one version side by side."""

    @docs.COMPARE
    def get(self, request: Request, workspace: str) -> HttpResponse:
        found, query = self.workspace(), request.query_params
        name = filters.required(query, "project")
        project = queries.project(name, workspace_id=found.pk)
        if project is None:
            raise ProjectNotFound()
        version = filters.required(query, "version")
        metric = filters.frontier_metric(query)
        return answer(comparison.comparison(project, version, metric))
