"""One prediction over its image, at the desk: what it says beside the ground truth, the way to its
neighbours in the list it was opened from, and what may be done with it.

Everything a page shows is decided by its address: the prediction, the list's filters, the
evaluation whose verdicts color the regions, and what the viewer hides.
"""

from typing import Any

from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from rest_framework.exceptions import NotFound

from desk.page import Crumb, render_page
from desk.workspace_admin import access_of, forbid, is_owner, pretty
from predictions.db.predictions import delete as delete_prediction
from predictions.db.reviews.discussion import remarks_of_prediction
from predictions.desk.acceptance import ground_truth, may_be_undone, truths
from predictions.desk.addresses import address, way_to
from predictions.desk.drawing import Drawn, drawn, shown_data
from predictions.desk.reviewing import discussion
from predictions.desk.verdicts import verdicts_on
from predictions.models import Annotation, Prediction
from predictions.pictures.addresses import shown_at

#: Model versions of a task that the page offers to compare.
MOST_VERSIONS = 20
#: Of these, drawn side by side at once.
MOST_COMPARED = 4


def review(desk: Any, request: HttpRequest, pk: int) -> TemplateResponse:
    """The page. Http404 for what the caller does not see."""
    prediction = _found(desk, request, pk)
    before, after = prediction.before, prediction.after
    verdicts = verdicts_on(request, prediction.task)
    truth, newest = truths(prediction.task_id, verdicts["annotation"] if verdicts else None)
    image, texts = shown_data(prediction.task.data, prediction.project.parsed_label_config)
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    talk = discussion.shown(
        request,
        remarks_of_prediction(pk),
        is_owner=is_owner(request, prediction.project.workspace_id),
    )
    shown = verdicts if verdicts and verdicts["prediction"] == pk else None
    return render_page(
        desk,
        request,
        "desk/review.html",
        title=f"Prediction {pk}",
        crumbs=way_to(
            prediction.task, [Crumb(f"Prediction {pk}")], list_query=desk.list_query(request)
        ),
        data={
            "image": image and shown_at(image, prediction.task_id),
            "texts": texts,
            "alt": f"The image of task {prediction.task_id}",
            "regions": [*_of_prediction(prediction, shown), *_of_annotation(truth, verdicts)],
        },
        prediction=prediction,
        truth=truth,
        has_truth=newest is not None,
        texts=texts,
        verdicts=verdicts,
        is_judged=bool(shown and shown["found"] is not None),
        before=before and address(before) + query,
        after=after and address(after) + query,
        query=query,
        others=prediction.others,
        json=pretty(prediction.result),
        talk=talk.get(pk),
        may_undo=may_be_undone(newest, prediction),
        may_change=desk.has_change_permission(request, prediction),
    )


def _found(desk: Any, request: HttpRequest, pk: int) -> Any:
    """The prediction with its task, the ids of its neighbours in the list, and what other ones of
    the task are called; one statement.
    """
    rows = desk.filtered(request)
    before = rows.filter(pk__gt=pk).order_by("pk").values("pk")[:1]
    after = rows.filter(pk__lt=pk).order_by("-pk").values("pk")[:1]
    task = Prediction.objects.filter(pk=pk).values("task_id")[:1]
    beside = _of_task(Subquery(task)).exclude(pk=pk)
    named = JSONObject(pk="pk", model_version="model_version", score="score")
    found = desk.get_queryset(request).filter(pk=pk, task__slot=F("slot"))
    prediction = (
        found.select_related("task")
        .annotate(
            before=Subquery(before),
            after=Subquery(after),
            others=ArraySubquery(beside.values_list(named, flat=True)[:MOST_VERSIONS]),
        )
        .first()
    )
    if prediction is None or not desk.has_view_permission(request, prediction):
        raise Http404
    prediction.task.project = prediction.project
    return prediction


def delete(desk: Any, request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Removes the prediction and goes on to the next one of the list, or back to it."""
    prediction = desk.found(request, pk=pk)
    forbid(desk.has_delete_permission(request, prediction))
    after = desk.filtered(request).filter(pk__lt=pk).order_by("-pk").first()
    access = access_of(request, prediction.project.workspace_id, field="task")
    desk.log_deletions(request, Prediction.objects.filter(pk=pk))
    try:
        delete_prediction(pk, access)
    except NotFound:
        messages.info(request, f"Prediction {pk} was deleted already.")
    else:
        messages.success(request, f"Prediction {pk} is deleted.")
    if after:
        return HttpResponseRedirect(f"{address(after.pk)}?{request.GET.urlencode()}")
    listed = reverse("admin:predictions_prediction_changelist")
    return HttpResponseRedirect(listed + desk.list_query(request))


def compare(desk: Any, request: HttpRequest, pk: int) -> TemplateResponse:
    """Predictions of one task side by side, those named by `prediction`, else the newest two."""
    task = desk.found(request, pk=pk)
    known = list(_of_task(pk)[:MOST_VERSIONS])
    asked = set(request.GET.getlist("prediction"))
    chosen = [one for one in known if str(one.pk) in asked] or known[:2]
    image, texts = shown_data(task.data, task.project.parsed_label_config)
    truth = ground_truth(pk)
    shown = chosen[:MOST_COMPARED]
    return render_page(
        desk,
        request,
        "desk/compare.html",
        title=f"Task {pk}: versions compared",
        crumbs=way_to(task, [Crumb("Versions compared")]),
        data={
            "image": image and shown_at(image, pk),
            "texts": texts,
            "views": [
                {
                    "title": f"{one.model_version or '(none)'}, prediction {one.pk}",
                    "alt": f"The image of task {pk} with what {one.model_version} says",
                    "regions": [*_of_prediction(one, None), *_of_annotation(truth, None)],
                }
                for one in shown
            ],
        },
        task=task,
        known=[(one, one in shown) for one in known],
        most=MOST_COMPARED,
        texts=texts,
    )


def _of_task(task_id: int | Subquery) -> QuerySet[Prediction]:
    """The task's predictions, the newest first. By (task, id)."""
    rows = Prediction.objects.filter(task_id=task_id).order_by("-pk")
    return rows.only("pk", "model_version", "score", "result")


def _of_prediction(prediction: Prediction, verdicts: dict[str, Any] | None) -> list[Drawn]:
    found = (verdicts or {}).get("found")
    return drawn(prediction.result, side="prediction", score=prediction.score, verdicts=found)


def _of_annotation(truth: Annotation | None, verdicts: dict[str, Any] | None) -> list[Drawn]:
    if truth is None:
        return []
    is_judged = verdicts is not None and verdicts["annotation"] == truth.pk
    found = (verdicts or {}).get("truths") if is_judged else None
    return drawn(truth.result, side="ground_truth", verdicts=found)
