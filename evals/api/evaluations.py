"""The routes of evaluations: list, make, import, accept, compare. Parse, call, respond."""

import hashlib
from functools import partial
from typing import IO

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from accounts import audit
from evals.api.query import CompareQuery, DiffQuery, ImportQuery, ListQuery
from evals.api.route import EvaluationRoutes, answer
from evals.api.schema import EVALUATION, OTHER, WORKSPACE, document, imported_file, operation
from evals.api.serializers import AcceptanceSerializer, ComputeSerializer
from evals.db import evaluations
from evals.documents.comparison import Comparison, Difference
from evals.documents.evaluation import Evaluation, EvaluationList
from evals.documents.refusals import InvalidImport, ProjectNotFound, Refusal, ReportNotFound
from evals.imports import save
from evals.jobs import requests, state
from evals.models import ModelEval
from evals.panels.query import Query
from evals.reports.comparison import comparison
from evals.reports.difference import difference
from evals.reports.evaluations import document_of, listed
from predictions.api.idempotency import once
from predictions.api.schema.parts import IDEMPOTENCY_KEY, REPLAYED

FILE_UPLOAD = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
    "additionalProperties": False,
}


def digest_of(file: IO[bytes]) -> str:
    """What the file's content is known by."""
    file.seek(0)
    known = hashlib.sha256()
    for block in iter(partial(file.read, 2**16), b""):
        known.update(block)
    return known.hexdigest()


class EvaluationViewSet(EvaluationRoutes):
    """Evaluations of a workspace."""

    @operation(
        "list_evaluations",
        "List evaluations, newest first",
        {200: document(EvaluationList)},
        400,
        parameters=[WORKSPACE],
        query=ListQuery,
    )
    def index(self, request: Request, workspace: str) -> HttpResponse:
        mine = self.workspace()
        rows = evaluations.newest(
            workspace_id=mine.pk, **ListQuery.asked_strictly(request.query_params)
        )
        return answer(EvaluationList(evals=[listed(evaluation) for evaluation in rows]))

    @operation(
        "compute_evaluation",
        "Evaluate a model version's stored predictions",
        {202: document(Evaluation, "Queued: poll the evaluation until it is done.")},
        400,
        413,
        415,
        parameters=[WORKSPACE, IDEMPOTENCY_KEY, REPLAYED],
        request=ComputeSerializer,
    )
    @audit.recorded("evaluation.started")
    def create(self, request: Request, workspace: str) -> HttpResponse:
        def start() -> HttpResponse:
            mine = self.workspace()
            Query.asked_strictly(request.query_params)
            serializer = ComputeSerializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            evaluation = requests.create(serializer.validated_data, workspace_id=mine.pk)
            audit.note(request, target=f"evaluation {evaluation.eval_id}")
            return answer(document_of(evaluation), status.HTTP_202_ACCEPTED)

        return once(request, start)

    @operation(
        "compare_models",
        "The models of one version side by side",
        {200: document(Comparison)},
        400,
        parameters=[WORKSPACE],
        query=CompareQuery,
    )
    @action(detail=False)
    def compare(self, request: Request, workspace: str) -> HttpResponse:
        mine = self.workspace()
        asked = CompareQuery.asked_strictly(request.query_params)
        project = evaluations.project(asked["project"], workspace_id=mine.pk)
        if project is None:
            raise ProjectNotFound()
        return answer(comparison(project, asked["version"], asked["frontierMetric"]))

    @operation(
        "import_evaluation",
        "Store an evaluation that was computed elsewhere",
        {201: document(Evaluation, "Stored, and done.")},
        400,
        413,
        415,
        parameters=[WORKSPACE, IDEMPOTENCY_KEY, REPLAYED],
        query=ImportQuery,
        request={"application/json": imported_file(), "multipart/form-data": FILE_UPLOAD},
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="import",
        url_name="import",
        parser_classes=[MultiPartParser],
    )
    @audit.recorded("evaluation.imported")
    def import_file(self, request: Request, workspace: str) -> HttpResponse:
        mine = self.workspace()
        strict = ImportQuery.asked_strictly(request.query_params)["strict"]
        with self.file() as file:

            def store() -> HttpResponse:
                evaluation = save.import_file(file, workspace_id=mine.pk, strict=strict)
                audit.note(request, target=f"evaluation {evaluation.eval_id}")
                return answer(document_of(evaluation), status.HTTP_201_CREATED)

            return once(request, store, digest=partial(digest_of, file))

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

    @operation(
        "get_evaluation",
        "Get an evaluation and its headline",
        {200: document(Evaluation, "The evaluation.")},
        parameters=[WORKSPACE, EVALUATION],
    )
    def retrieve(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return answer(document_of(self.evaluation_to_read()))

    @operation(
        "accept_evaluation",
        "Mark an evaluation as accepted, or take the mark back",
        {200: document(Evaluation, "The evaluation.")},
        400,
        409,
        413,
        415,
        parameters=[WORKSPACE, EVALUATION],
        request=AcceptanceSerializer,
    )
    @audit.recorded("evaluation.changed", "evaluation {eval_id}")
    def partial_update(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        evaluation = self.evaluation()
        Query.asked_strictly(request.query_params)
        serializer = AcceptanceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        change = state.accept if serializer.validated_data["accepted"] else state.withdraw
        change(evaluation)
        audit.note(request, accepted=serializer.validated_data["accepted"])
        return answer(document_of(evaluation))

    @operation(
        "delete_evaluation",
        "Delete an evaluation; a running one is stopped",
        {204: None},
        parameters=[WORKSPACE, EVALUATION],
    )
    @audit.recorded("evaluation.deleted", "evaluation {eval_id}")
    def destroy(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        state.delete(self.evaluation())
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)

    @operation(
        "rerun_evaluation",
        "Make the same evaluation again, of what is stored now; this one stays as it is",
        {202: document(Evaluation, "The new evaluation, queued.")},
        400,
        409,
        parameters=[WORKSPACE, EVALUATION, IDEMPOTENCY_KEY, REPLAYED],
    )
    @action(detail=True, methods=["post"])
    @audit.recorded("evaluation.rerun")
    def rerun(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        def repeat() -> HttpResponse:
            found = self.evaluation()
            Query.asked_strictly(request.query_params)
            if request.data:
                raise Refusal(
                    "A rerun makes the same request again: leave the body out, or POST another."
                )
            evaluation = requests.repeat(found)
            audit.note(request, target=f"evaluation {evaluation.eval_id}", of=eval_id)
            return answer(document_of(evaluation), status.HTTP_202_ACCEPTED)

        return once(request, repeat)

    @operation(
        "cancel_evaluation",
        "Stop a running evaluation; one that has ended stays as it is",
        {200: document(Evaluation, "The evaluation.")},
        parameters=[WORKSPACE, EVALUATION],
    )
    @action(detail=True, methods=["post"])
    @audit.recorded("evaluation.cancelled", "evaluation {eval_id}")
    def cancel(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        evaluation = self.evaluation()
        state.cancel(evaluation)
        evaluation.refresh_from_db()
        return answer(document_of(evaluation))

    @operation(
        "get_evaluation_source",
        "The imported file, byte for byte",
        {(200, "application/json"): OpenApiTypes.BINARY},
        parameters=[WORKSPACE, EVALUATION],
    )
    @action(detail=True)
    def source(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        evaluation = self.evaluation()
        if evaluation.origin != ModelEval.Origin.IMPORTED:
            raise ReportNotFound("The evaluation was computed here: there is no file.")
        self.record_export(evaluation, "source")
        return StreamingHttpResponse(save.source(evaluation), content_type="application/json")

    @operation(
        "compare_images",
        "Two evaluations image by image: fixed and broken",
        {200: document(Difference)},
        400,
        409,
        parameters=[WORKSPACE, EVALUATION, OTHER],
        query=DiffQuery,
    )
    @action(detail=True, url_path="diff/<slug:other_id>", url_name="diff")
    def diff(self, request: Request, workspace: str, eval_id: str, other_id: str) -> HttpResponse:
        evaluation, other = self.evaluation(), self.evaluation("other_id")
        asked = DiffQuery.asked_strictly(request.query_params)
        confidence = asked["confidence"]
        if confidence is None:
            confidence = evaluation.confidence
        for one in (evaluation, other):
            evaluations.refuse_unfinished(one)
            evaluations.refuse_unknown_confidence(one, confidence)
        return answer(
            difference(
                evaluation,
                other,
                split=asked["split"].number,
                confidence=confidence,
                limit=asked["limit"],
                offset=asked["offset"],
                by_slice=asked["slice"],
            )
        )
