"""What the desk's pages fetch beside the API's routes; the same parameters, the same refusals."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from evals.api import query
from evals.db import queries
from evals.desk import images as image_cards
from evals.desk import numbers as panels
from evals.models import ModelEval
from evals.refusals import InvalidPagination, Refusal
from predictions_api.http.rendering import dumps

MOST_CARDS = 100
# Positions are 32 bits wide.
MOST_IMAGES = 2**31 - 1

Panel = Callable[[HttpRequest, ModelEval], Any]


def panel(read: Panel) -> Callable[..., HttpResponse]:
    """A route of a finished evaluation: a document becomes JSON, bytes stay what they are."""

    @wraps(read)
    def view(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
        found = _found(desk, request, eval_id)
        try:
            queries.refuse_unfinished(found)
            body = read(request, found)
        except Refusal as refusal:
            problem = {"error": refusal.code, "message": str(refusal.detail)}
            return _answer(dumps(problem), "application/json", refusal.status_code)
        if isinstance(body, bytes):
            return _answer(body, "application/octet-stream")
        return _answer(dumps(body), "application/json")

    return view


def _found(desk: Any, request: HttpRequest, eval_id: str) -> ModelEval:
    """The evaluation. Http404 where the caller sees none of that id. Two statements at most."""
    found = queries.shown_anywhere(eval_id)
    if found is None or not desk.has_view_permission(request, found):
        raise Http404
    return found


def _answer(body: bytes, content_type: str, status: int = 200) -> HttpResponse:
    response = HttpResponse(body, content_type=content_type, status=status)
    # A re-evaluation changes it, and it is for whoever asked alone.
    response["Cache-Control"] = "private, no-cache"
    return response


def _confidence(request: HttpRequest, found: ModelEval) -> int:
    confidence = query.confidence(request.GET, found.confidence)
    queries.refuse_unknown_confidence(found, confidence)
    return confidence


@panel
def numbers(request: HttpRequest, found: ModelEval) -> Any:
    """`split`, `confidence`: headline and classes."""
    _, split = query.split(request.GET, default="all", allows_all=True)
    return panels.numbers(found, split=split, confidence=_confidence(request, found))


@panel
def curves(request: HttpRequest, found: ModelEval) -> Any:
    """`class`, repeated: the sweep as columns, with the curves of these classes."""
    return panels.curves(found, request.GET.getlist("class"))


@panel
def points(request: HttpRequest, found: ModelEval) -> Any:
    """The map of the images."""
    return panels.points(found)


@panel
def f1(request: HttpRequest, found: ModelEval) -> Any:
    """`confidence`: every image's F1."""
    return panels.image_f1(found, _confidence(request, found))


@panel
def cards(request: HttpRequest, found: ModelEval) -> Any:
    """`image` or `position`, repeated, and `confidence`: images with what is drawn on them."""
    confidence = _confidence(request, found)
    ids, places = request.GET.getlist("image"), request.GET.getlist("position")
    if len(ids) + len(places) > MOST_CARDS:
        raise InvalidPagination(f"At most {MOST_CARDS} images at a time.")
    if not all(query.WHOLE_NUMBER.fullmatch(place) for place in places):
        raise InvalidPagination("position must be a whole number, not below 0.")
    return image_cards.cards(
        found, ids=ids, positions=[int(place) for place in places], confidence=confidence
    )


def picture(desk: Any, request: HttpRequest, eval_id: str, position: int) -> HttpResponse:
    """An image that stands in its task. Http404 for any other."""
    if position > MOST_IMAGES:
        raise Http404
    kind_and_bytes = image_cards.picture(_found(desk, request, eval_id), position)
    if kind_and_bytes is None:
        raise Http404
    kind, body = kind_and_bytes
    response = _answer(body, kind)
    response["Cache-Control"] = "private, max-age=3600"
    return response
