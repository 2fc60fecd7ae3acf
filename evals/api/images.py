"""The routes of an evaluation's images: pages, files, one image, COCO."""

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request

from evals.api import query as filters
from evals.api import schema as docs
from evals.api.route import EvaluationRoute, answer
from evals.db import queries
from evals.documents import images as wire_images
from evals.models import ModelEval
from evals.refusals import Refusal
from evals.reports import files, image_objects, selection
from evals.reports.selection import select
from predictions_api.http.rendering import dumps
from predictions_api.operations import collector


class ImagePredictionsView(EvaluationRoute):
    """What was right and wrong in each image."""

    @docs.IMAGES
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        found, query = self.shown(), request.query_params
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
        with collector.paused():
            body = _image_page(found, wanted, (name, split), confidence, limit, offset)
        return answer(body)


def _image_page(
    found: ModelEval,
    wanted: selection.Selection,
    named_split: tuple[str, int | None],
    confidence: int,
    limit: int,
    offset: int,
) -> bytes:
    name, split = named_split
    if wanted.is_everything:
        total = queries.count_images(found, split)
        images = queries.page_between(found, split, offset, offset + limit, confidence)
    else:
        chosen = select(
            found, wanted, split=split, confidence=confidence, limit=limit, offset=offset
        )
        total = chosen.total
        images = queries.page_at(found, chosen.positions, confidence)
    body = wire_images.image_page(
        split=name,
        confidence=confidence,
        total=total,
        offset=offset,
        limit=limit,
        images=images,
    )
    return dumps({**queries.identity(found).document(), **body})


FORMATS = {
    "csv": (files.csv_lines, "text/csv; charset=utf-8"),
    "jsonl": (files.json_lines, "application/x-ndjson"),
}


def _export(
    found: ModelEval, wanted: selection.Selection, split: int | None, confidence: int, form: str
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
        document = image_objects.image_with_objects(found, image_id, confidence)
        return answer({**queries.identity(found).document(), **document})


class CocoView(EvaluationRoute):
    """Ground truth and detections as COCO files."""

    @docs.COCO
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        found = self.evaluation()
        queries.refuse_unfinished(found)
        files.refuse_without_objects(found)
        response = StreamingHttpResponse(files.coco_zip(found), content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{found.eval_id}-coco.zip"'
        return response
