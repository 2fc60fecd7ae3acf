"""What the desk's pages fetch beside the API's routes; the same parameters, the same refusals."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from evals.db.evaluations import confidence_of, evaluation_anywhere, refuse_unfinished
from evals.desk import answers as desk_answers
from evals.desk import images as image_cards
from evals.desk import numbers as shown
from evals.documents.document import encode
from evals.documents.refusals import InvalidPagination, Refusal
from evals.models import ModelEval
from evals.panels.query import WHOLE_NUMBER, ConfidenceQuery, MatrixQuery
from predictions_api.http.rendering import dumps

MOST_CARDS = 100
# Positions are 32 bits wide.
MOST_IMAGES = 2**31 - 1

Read = Callable[[HttpRequest, ModelEval], Any]


def of_finished(read: Read) -> Callable[..., HttpResponse]:
    """A route of a finished evaluation: a document becomes JSON, bytes stay what they are."""

    @wraps(read)
    def view(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
        evaluation = _evaluation_of(desk, request, eval_id)
        try:
            refuse_unfinished(evaluation)
            body = read(request, evaluation)
        except Refusal as refusal:
            return _answer(encode(refusal.document()), "application/json", refusal.status_code)
        if isinstance(body, bytes):
            return _answer(body, "application/octet-stream")
        return _answer(dumps(body), "application/json")

    return view


def _evaluation_of(desk: Any, request: HttpRequest, eval_id: str) -> ModelEval:
    """The evaluation. Http404 where the caller sees none of that id. Two statements at most."""
    evaluation = evaluation_anywhere(eval_id)
    if evaluation is None or not desk.has_view_permission(request, evaluation):
        raise Http404
    return evaluation


def _answer(body: bytes, content_type: str, status: int = 200) -> HttpResponse:
    response = HttpResponse(body, content_type=content_type, status=status)
    # A re-evaluation changes it, and it is for whoever asked alone.
    response["Cache-Control"] = "private, no-cache"
    return response


def _confidence(request: HttpRequest, evaluation: ModelEval) -> int:
    return confidence_of(evaluation, ConfidenceQuery.asked(request.GET)["confidence"])


@of_finished
def numbers(request: HttpRequest, evaluation: ModelEval) -> Any:
    """`split`, `confidence`: headline and classes."""
    asked = MatrixQuery.asked({"split": "all", **request.GET.dict()})
    confidence = confidence_of(evaluation, asked["confidence"])
    return shown.numbers(evaluation, split=asked["split"].number, confidence=confidence)


@of_finished
def curves(request: HttpRequest, evaluation: ModelEval) -> Any:
    """`class`, repeated: the sweep as columns, with the curves of these classes."""
    return shown.curves(evaluation, request.GET.getlist("class"))


@of_finished
def points(request: HttpRequest, evaluation: ModelEval) -> Any:
    """The map of the images."""
    return shown.points(evaluation)


@of_finished
def f1(request: HttpRequest, evaluation: ModelEval) -> Any:
    """`confidence`: every image's F1."""
    return shown.image_f1(evaluation, _confidence(request, evaluation))


@of_finished
def scatter(request: HttpRequest, evaluation: ModelEval) -> Any:
    """`split`: predicted against true numbers."""
    asked = MatrixQuery.asked({"split": "all", **request.GET.dict()})
    return desk_answers.scatter(evaluation, asked["split"].number)


@of_finished
def cards(request: HttpRequest, evaluation: ModelEval) -> Any:
    """`image` or `position`, repeated, and `confidence`: images with what is drawn on them."""
    confidence = _confidence(request, evaluation)
    ids, places = request.GET.getlist("image"), request.GET.getlist("position")
    if len(ids) + len(places) > MOST_CARDS:
        raise InvalidPagination(f"At most {MOST_CARDS} images at a time.")
    if not all(WHOLE_NUMBER.fullmatch(place) for place in places):
        raise InvalidPagination("position must be a whole number, not below 0.")
    return image_cards.cards(
        evaluation, ids=ids, positions=[int(place) for place in places], confidence=confidence
    )


def picture(desk: Any, request: HttpRequest, eval_id: str, position: int) -> HttpResponse:
    """An image that stands in its task. Http404 for any other."""
    if position > MOST_IMAGES:
        raise Http404
    kind_and_bytes = image_cards.picture(_evaluation_of(desk, request, eval_id), position)
    if kind_and_bytes is None:
        raise Http404
    kind, body = kind_and_bytes
    response = _answer(body, kind)
    response["Cache-Control"] = "private, max-age=3600"
    return response
