"""The routes of an evaluation's images: pages, files, one image, COCO."""

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.decorators import action
from rest_framework.request import Request

from evals.api.query import ImagesQuery, selection
from evals.api.route import EvaluationRoutes, answer_about
from evals.api.schema import EVALUATION, IMAGE, WORKSPACE, document, operation
from evals.db.evaluations import confidence_of, count_images, refuse_unfinished
from evals.db.images import page_at, page_between
from evals.documents.images import ImagePage, ImageWithObjects, image_page
from evals.models import ModelEval
from evals.panels.query import AllSplitsQuery, Asked, ConfidenceQuery
from evals.reports import files, image_objects
from evals.reports.selection import Selection, select
from predictions_api.operations import collector


class ImageViewSet(EvaluationRoutes):
    """Images of one evaluation."""

    @operation(
        "list_image_predictions",
        "What was right and wrong in each image",
        {
            (200, "application/json"): document(
                ImagePage, "A page, or the whole file.", has_identity=True
            ),
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/x-ndjson"): OpenApiTypes.STR,
        },
        400,
        409,
        parameters=[WORKSPACE, EVALUATION],
        query=ImagesQuery,
    )
    @action(detail=True, url_path="image-predictions", url_name="images")
    def images(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        evaluation = self.evaluation_to_read()
        asked = ImagesQuery.asked_strictly(request.query_params)
        wanted = selection(evaluation, asked)
        refuse_unfinished(evaluation)
        confidence = confidence_of(evaluation, asked["confidence"])
        if asked["format"] != "json":
            self.record_export(evaluation, asked["format"])
            return _file(evaluation, wanted, asked, confidence)
        # The lists a page is made of are gone before the search for cycles goes on.
        with collector.paused():
            page = _page(evaluation, wanted, asked, confidence)
            return answer_about(evaluation, page)

    @operation(
        "get_image_prediction",
        "One image: every object, its score, its match and its overlap",
        {200: document(ImageWithObjects, has_identity=True)},
        400,
        409,
        parameters=[WORKSPACE, EVALUATION, IMAGE],
        query=ConfidenceQuery,
    )
    @action(detail=True, url_path="image-predictions/<path:image_id>", url_name="image")
    def image(self, request: Request, workspace: str, eval_id: str, image_id: str) -> HttpResponse:
        evaluation = self.evaluation()
        asked = ConfidenceQuery.asked_strictly(request.query_params)
        refuse_unfinished(evaluation)
        confidence = confidence_of(evaluation, asked["confidence"])
        shown = image_objects.image_with_objects(evaluation, image_id, confidence)
        return answer_about(evaluation, shown)

    @operation(
        "export_coco",
        "Ground truth and detections as COCO files in a zip",
        {(200, "application/zip"): OpenApiTypes.BINARY},
        400,
        409,
        parameters=[WORKSPACE, EVALUATION],
        query=AllSplitsQuery,
    )
    @action(detail=True)
    def coco(self, request: Request, workspace: str, eval_id: str) -> HttpResponseBase:
        evaluation = self.evaluation()
        split = AllSplitsQuery.asked_strictly(request.query_params)["split"]
        refuse_unfinished(evaluation)
        files.refuse_without_objects(evaluation)
        self.record_export(evaluation, "coco")
        response = StreamingHttpResponse(
            files.coco_zip(evaluation, split.number), content_type="application/zip"
        )
        response["Content-Disposition"] = f'attachment; filename="{evaluation.eval_id}-coco.zip"'
        return response


def _page(evaluation: ModelEval, wanted: Selection, asked: Asked, confidence: int) -> ImagePage:
    split, limit, offset = asked["split"], asked["limit"], asked["offset"]
    if wanted.is_everything:
        total = count_images(evaluation, split.number)
        images = page_between(evaluation, split.number, offset, offset + limit, confidence)
    else:
        chosen = select(
            evaluation,
            wanted,
            split=split.number,
            confidence=confidence,
            limit=limit,
            offset=offset,
        )
        total = chosen.total
        images = page_at(evaluation, chosen.positions, confidence)
    return image_page(
        split=split.name,
        confidence=confidence,
        total=total,
        offset=offset,
        limit=limit,
        images=images,
    )


FORMATS = {
    "csv": (files.csv_lines, "text/csv; charset=utf-8"),
    "jsonl": (files.json_lines, "application/x-ndjson"),
}


def _file(
    evaluation: ModelEval, wanted: Selection, asked: Asked, confidence: int
) -> StreamingHttpResponse:
    """All images of a selection; pages do not apply."""
    split, form = asked["split"].number, asked["format"]
    chosen = select(evaluation, wanted, split=split, confidence=confidence)
    write, content_type = FORMATS[form]
    response = StreamingHttpResponse(
        write(evaluation, chosen.positions, confidence), content_type=content_type
    )
    response["Content-Disposition"] = f'attachment; filename="{evaluation.eval_id}.{form}"'
    return response
