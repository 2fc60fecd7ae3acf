"""What the evaluation routes share: keys in the query, scopes, the flat envelope, bytes out."""

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework import status
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import (
    EvaluationKeyAuthentication,
    WorkspaceSessionAuthentication,
    access_of,
)
from accounts.models import Workspace
from evals.db import queries
from evals.models import ModelEval
from evals.refusals import WorkspaceNotFound, exception_handler
from predictions_api.http.rendering import dumps


class AnyType(BaseContentNegotiation):
    """JSON whatever is accepted: `format` belongs to exports here, and clients accept anything."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


def answer(document: Any, status_code: int = status.HTTP_200_OK) -> HttpResponse:
    """JSON bytes, past the renderer."""
    body = document if isinstance(document, bytes) else dumps(document)
    return HttpResponse(body, status=status_code, content_type="application/json")


class EvaluationRoute(APIView):
    """What every route here shares: keys in the query, scopes, the flat envelope."""

    authentication_classes = [EvaluationKeyAuthentication, WorkspaceSessionAuthentication]
    content_negotiation_class = AnyType
    read_scope: ClassVar[str | None] = "model-eval:read"
    write_scope: ClassVar[str | None] = "model-eval:write"

    def get_exception_handler(self) -> Any:
        return exception_handler

    @property
    def workspace_id(self) -> int:
        return access_of(self.request).workspace_id

    def workspace(self) -> Workspace:
        """The caller's workspace. WorkspaceNotFound unless the path names it. One statement."""
        found = Workspace.objects.filter(
            pk=self.workspace_id, slug=self.kwargs["workspace"]
        ).first()
        if found is None:
            raise WorkspaceNotFound()
        return found

    def evaluation(self) -> ModelEval:
        """The evaluation of the path, done or not. One statement."""
        return queries.evaluation(
            self.kwargs["eval_id"],
            workspace=self.kwargs["workspace"],
            workspace_id=self.workspace_id,
        )

    def shown(self) -> ModelEval:
        """The evaluation of the path with what reading it takes. One statement."""
        return queries.shown(
            self.kwargs["eval_id"],
            workspace=self.kwargs["workspace"],
            workspace_id=self.workspace_id,
        )
