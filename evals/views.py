"""The evaluation routes: parse, call, respond.

Order of refusals: 401, then 404, then 400, then 409. Answers leave as bytes; panels are stored in
the shape they are sent.
"""

from typing import IO, Any, ClassVar

import orjson
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework import status
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import (
    EvaluationKeyAuthentication,
    WorkspaceSessionAuthentication,
    access_of,
)
from accounts.models import Workspace
from evals import (
    collection,
    contenders,
    evaluate,
    exports,
    filters,
    imports,
    objects,
    queries,
    requests,
    wire,
)
from evals import schema as docs
from evals.answers import (
    InvalidImport,
    ProjectNotFound,
    Refusal,
    ReportNotFound,
    WorkspaceNotFound,
    exception_handler,
)
from evals.difference import difference
from evals.models import EvalPanel, ModelEval
from evals.selection import select
from evals.serializers import ComputeSerializer
from predictions.models import Project
from predictions_api.rendering import dumps

Kind = EvalPanel.Kind


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
    from evals.classes import task_type_of

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
            made = imports.import_file(file, workspace_id=found.pk, strict=strict in {"true", "1"})
        return answer(queries.header(made), status.HTTP_201_CREATED)

    def file(self) -> IO[bytes]:
        """The uploaded file, or the body itself as one."""
        kind = self.request.content_type.partition(";")[0]
        if kind in {"application/json", "application/octet-stream"}:
            return imports.spooled(self.request._request)
        if kind != "multipart/form-data":
            raise UnsupportedMediaType(kind)
        upload = self.request.FILES.get("file")
        if upload is None:
            raise InvalidImport("file: send the evaluation as a file of this name, or as the body.")
        return imports.spooled(upload)


class SourceView(EvaluationRoute):
    """An imported file, as it came."""

    @docs.SOURCE
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        found = self.evaluation()
        if found.origin != ModelEval.Origin.IMPORTED:
            raise ReportNotFound("The evaluation was computed here: there is no file.")
        return StreamingHttpResponse(imports.source(found), content_type="application/json")


class EvaluationView(EvaluationRoute):
    """One evaluation."""

    @docs.GET
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return answer(queries.header(self.evaluation()))

    @docs.DELETE
    def delete(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        evaluate.delete(self.evaluation())
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
        evaluate.cancel(found)
        found.refresh_from_db()
        return answer(queries.header(found))


class PanelView(EvaluationRoute):
    """A panel that is stored as it is sent."""

    kind: ClassVar[Kind]
    missing: ClassVar[str]

    def stored(self) -> HttpResponse:
        found = self.evaluation()
        queries.refuse_unfinished(found)
        body = queries.report(found, self.kind, self.missing)
        return answer(wire.panel(queries.identity(found), body))


class MapResultsView(PanelView):
    """Average precision and other metrics of each split."""

    kind = Kind.MAP_RESULTS
    missing = "The imported file has no mapResults."

    @docs.MAP_RESULTS
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return self.stored()


class ConfidenceSweepView(PanelView):
    """Precision, recall and F1 over all confidences."""

    kind = Kind.SWEEP
    missing = "The imported file has no confidenceSweep."

    @docs.SWEEP
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return self.stored()


class RecommendationsView(PanelView):
    """Advice for a better model."""

    kind = Kind.RECOMMENDATIONS
    missing = "The imported file has no recommendations."

    @docs.RECOMMENDATIONS
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return self.stored()


class PerformanceByClassView(EvaluationRoute):
    """The table of classes of one split."""

    @docs.PERFORMANCE
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        found = self.evaluation()
        _, split = filters.split(request.query_params, default="test", allows_all=False)
        queries.refuse_unfinished(found)
        body = queries.report(
            found,
            Kind.PERFORMANCE,
            "The imported file has neither mapResults nor confidenceSweep.",
            split=-1 if split is None else split,
        )
        return answer(wire.panel(queries.identity(found), body))


class ConfusionMatrixView(EvaluationRoute):
    """Who was taken for whom."""

    @docs.MATRIX
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        found, query = self.evaluation(), request.query_params
        name, split = filters.split(query, default="test", allows_all=True)
        confidence = filters.confidence(query, found.confidence)
        queries.refuse_unfinished(found)
        queries.refuse_unknown_confidence(found, confidence)
        matrix = queries.matrix(found, split=split, confidence=confidence)
        body = wire.confusion_matrix(name, confidence, found.classes, matrix)
        return answer({**queries.identity(found).document(), **body})


class VectorAnalysisView(EvaluationRoute):
    """Images by what they look like: clusters, and how well each fares."""

    MISSING = (
        "The evaluated tasks carry no embeddings. Send them as meta.embedding, a list of numbers,"
        " then run the evaluation again."
    )
    NOT_IMPORTED = "The imported file has no clustering."

    @docs.VECTORS
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        found = self.evaluation()
        confidence = filters.confidence(request.query_params, found.confidence)
        queries.refuse_unfinished(found)
        is_imported = found.origin == ModelEval.Origin.IMPORTED
        missing = self.NOT_IMPORTED if is_imported else self.MISSING
        body = queries.report(found, Kind.CLUSTERING, missing)
        document = {**queries.identity(found).document(), **orjson.loads(body)}
        if not is_imported:
            clusters = queries.panel(found, Kind.CLUSTERS, confidence=confidence)
            document["clusters"] = orjson.Fragment(clusters or b"[]")
        return answer(document)


class ImagePredictionsView(EvaluationRoute):
    """What was right and wrong in each image."""

    @docs.IMAGES
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        found, query = self.evaluation(), request.query_params
        name, split = filters.split(query, default="all", allows_all=True)
        confidence = filters.confidence(query, found.confidence)
        limit, offset = filters.page(query)
        wanted = filters.selection(query, found.classes)
        form = query.get("format") or "json"
        if form not in {"json", "csv", "jsonl"}:
            raise Refusal("format must be one of json, csv, jsonl.", "invalid_format")
        queries.refuse_unfinished(found)
        queries.refuse_unknown_confidence(found, confidence)
        if form != "json":
            return _export(found, wanted, split, confidence, form)
        # The lists a page is made of are gone before the search for cycles goes on.
        with collection.paused():
            body = _image_page(found, wanted, (name, split), confidence, limit, offset)
        return answer(body)


def _image_page(
    found: ModelEval,
    wanted: filters.Selection,
    named_split: tuple[str, int | None],
    confidence: int,
    limit: int,
    offset: int,
) -> bytes:
    name, split = named_split
    if wanted.is_everything:
        total = queries.count_images(found, split)
        images = queries.images_between(found, split, offset, offset + limit)
    else:
        chosen = select(
            found, wanted, split=split, confidence=confidence, limit=limit, offset=offset
        )
        total, images = chosen.total, queries.images_at(found, chosen.positions)
    body = wire.image_page(
        split=name,
        confidence=confidence,
        total=total,
        offset=offset,
        limit=limit,
        images=images.records(confidence, len(found.classes)),
    )
    return dumps({**queries.identity(found).document(), **body})


FORMATS = {
    "csv": (exports.csv_lines, "text/csv; charset=utf-8"),
    "jsonl": (exports.json_lines, "application/x-ndjson"),
}


def _export(
    found: ModelEval, wanted: filters.Selection, split: int | None, confidence: int, form: str
) -> StreamingHttpResponse:
    """All images of a selection as a file; pages do not apply."""
    chosen = select(found, wanted, split=split, confidence=confidence)
    write, content_type = FORMATS[form]
    response = StreamingHttpResponse(
        write(found, chosen.positions, confidence), content_type=content_type
    )
    response["Content-Disposition"] = f'attachment; filename="{found.eval_id}.{form}"'
    return response


class ImageView(EvaluationRoute):
    """One image, object by object."""

    @docs.IMAGE
    def get(self, request: Request, workspace: str, eval_id: str, image_id: str) -> HttpResponse:
        found = self.evaluation()
        confidence = filters.confidence(request.query_params, found.confidence)
        queries.refuse_unfinished(found)
        queries.refuse_unknown_confidence(found, confidence)
        document = objects.image_with_objects(found, image_id, confidence)
        return answer({**queries.identity(found).document(), **document})


class CocoView(EvaluationRoute):
    """Ground truth and detections as COCO files."""

    @docs.COCO
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        found = self.evaluation()
        queries.refuse_unfinished(found)
        exports.refuse_without_objects(found)
        response = StreamingHttpResponse(exports.coco_zip(found), content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{found.eval_id}-coco.zip"'
        return response


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
        return answer(contenders.comparison(project, version, metric))
