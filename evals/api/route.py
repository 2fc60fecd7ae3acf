"""What the evaluation routes share: keys in the query, scopes, the flat envelope, bytes out.

Order of refusals on all of them: 401, then 404, then 400, then 409.
"""

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework import status
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from accounts import audit
from accounts.authentication import (
    EvaluationKeyAuthentication,
    WorkspaceSessionAuthentication,
    access_of,
)
from accounts.models import Workspace
from evals.api.errors import exception_handler
from evals.db import evaluations
from evals.documents.document import Document, encode
from evals.documents.evaluation import headed
from evals.documents.refusals import WorkspaceNotFound
from evals.models import ModelEval
from evals.reports.evaluations import identity_of
from predictions_api.replicas.views import FromReplica


class AnyType(BaseContentNegotiation):
    """JSON whatever is accepted: `format` belongs to exports here, and clients accept anything."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


def answer(document: Document | bytes, status_code: int = status.HTTP_200_OK) -> HttpResponse:
    """A document, or its JSON text, past the renderer."""
    body = document if isinstance(document, bytes) else encode(document)
    return HttpResponse(body, status=status_code, content_type="application/json")


def answer_about(evaluation: ModelEval, document: Document | bytes) -> HttpResponse:
    """The same with the evaluation's identity in front of the document's keys."""
    body = document if isinstance(document, bytes) else encode(document)
    return answer(headed(identity_of(evaluation), body))


class EvaluationRoutes(FromReplica, ViewSet):
    """What every route here shares."""

    authentication_classes = [EvaluationKeyAuthentication, WorkspaceSessionAuthentication]
    content_negotiation_class = AnyType
    lookup_url_kwarg = "eval_id"
    lookup_value_converter = "slug"
    read_scope: ClassVar[str | None] = "model-eval:read"
    write_scope: ClassVar[str | None] = "model-eval:write"

    def may_be_behind(self, request: Request) -> bool:
        """Whatever is read of an evaluation: one that is done does not change."""
        return True

    def get_exception_handler(self) -> Any:
        return exception_handler

    @property
    def workspace_id(self) -> int:
        return access_of(self.request).workspace_id

    def workspace(self) -> Workspace:
        """The caller's workspace. WorkspaceNotFound unless the path names it. One statement."""
        workspace = Workspace.objects.filter(
            pk=self.workspace_id, slug=self.kwargs["workspace"]
        ).first()
        if workspace is None:
            raise WorkspaceNotFound()
        return workspace

    def evaluation(self, name: str = "eval_id") -> ModelEval:
        """The evaluation that the path names, done or not. EvaluationNotFound. One statement."""
        return evaluations.evaluation(
            self.kwargs[name],
            workspace=self.kwargs["workspace"],
            workspace_id=self.workspace_id,
        )

    def evaluation_to_read(self) -> ModelEval:
        """As `evaluation`, but faster: of its project only id and slug are loaded."""
        return evaluations.evaluation_to_read(
            self.kwargs["eval_id"],
            workspace=self.kwargs["workspace"],
            workspace_id=self.workspace_id,
        )

    def record_export(self, evaluation: ModelEval, form: str) -> None:
        """Writes into the audit trail that the evaluation's file of this form is downloaded."""
        target = f"evaluation {evaluation.eval_id}"
        audit.by_request(self.request, "evaluation.exported", target=target, format=form)
