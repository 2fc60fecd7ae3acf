"""Comments on a prediction, and who has reviewed it: what members say at the desk."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.urls import reverse
from rest_framework.exceptions import NotFound

from accounts.tokens import Access
from desk.workspace_admin import access_of, forbid
from predictions.api.reviews.discussion import LONGEST
from predictions.db.reviews import discussion
from predictions.db.reviews.discussion import Remark
from predictions.desk.addresses import address
from predictions.models import Prediction


def shown(
    request: HttpRequest, remarks: list[Remark], *, is_owner: bool
) -> dict[int, dict[str, Any]]:
    """By prediction: {comments, reviews, is_mine}; `comments` are (remark, may be removed)."""
    by_prediction: dict[int, dict[str, Any]] = {}
    for one in remarks:
        found = by_prediction.setdefault(
            one.prediction, {"comments": [], "reviews": [], "is_mine": False}
        )
        is_own = one.user == request.user.pk
        if one.is_review:
            found["reviews"].append(one)
            found["is_mine"] = found["is_mine"] or is_own
        else:
            found["comments"].append((one, is_own or is_owner))
    return by_prediction


def comment(desk: Any, request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Stores the text as a comment of the caller's."""
    prediction, access = _writable(desk, request, pk)
    text = request.POST.get("text", "").strip()
    if not text or "\0" in text or len(text) > LONGEST:
        messages.error(request, f"A comment has between 1 and {LONGEST:,} characters.")
    else:
        discussion.comment(pk, text, access)
        desk.log_change(request, prediction, "Commented on.")
    return _back(request, prediction)


def uncomment(desk: Any, request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Removes a comment of the caller's own, an owner any of the prediction's."""
    prediction, access = _writable(desk, request, pk)
    named = request.POST.get("comment", "")
    if not (named.isascii() and named.isdecimal() and len(named) < 19):
        raise Http404
    try:
        discussion.remove_comment(int(named), access, prediction_id=pk)
    except NotFound:
        messages.info(request, "The comment is gone already, or is somebody else's.")
    else:
        desk.log_change(request, prediction, f"Comment {named} removed.")
    return _back(request, prediction)


def reviewed(desk: Any, request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Notes that the caller has reviewed the prediction, or takes it back."""
    prediction, access = _writable(desk, request, pk)
    is_reviewed = request.POST.get("reviewed") == "yes"
    if is_reviewed:
        discussion.review(pk, access)
    else:
        discussion.take_back(pk, access)
    desk.log_change(request, prediction, "Reviewed." if is_reviewed else "Review taken back.")
    return _back(request, prediction)


def _writable(desk: Any, request: HttpRequest, pk: int) -> tuple[Prediction, Access]:
    """Http404 or PermissionDenied for who may not change it."""
    prediction: Prediction = desk.found(request, pk=pk)
    forbid(desk.has_change_permission(request, prediction))
    access = access_of(request, prediction.project.workspace_id, field="task")
    return prediction, access


def _back(request: HttpRequest, prediction: Prediction) -> HttpResponseRedirect:
    """To the page that sent it."""
    page = address(prediction.pk)
    if request.POST.get("from") == "task":
        page = reverse("admin:predictions_task_review", args=[prediction.task_id])
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    return HttpResponseRedirect(f"{page}{query}#said-{prediction.pk}")
