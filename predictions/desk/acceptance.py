"""Taking what a model said as ground truth, at the desk: asked about where there is some already,
and taken back while nobody has changed it.
"""

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from desk.page import Crumb, render_page
from desk.workspace_admin import access_of, forbid
from predictions.db import annotations
from predictions.desk.addresses import address, way_to
from predictions.desk.drawing import Drawn, drawn, shown_data
from predictions.models import Annotation, Prediction
from predictions.pictures.addresses import shown_at
from predictions.regions.truths import Region, as_truth, difference

#: Regions of each side that the page names.
MOST_NAMED = 50
#: Annotations of a task that are looked through for ground truth.
MOST_ANNOTATIONS = 50


def ground_truth(task_id: int) -> Annotation | None:
    """The task's newest ground truth; None without any. One statement."""
    return truths(task_id, None)[1]


def truths(task_id: int, wanted: int | None) -> tuple[Annotation | None, Annotation | None]:
    """What predictions of the task are measured against, this annotation if it is there, and the
    newest ground truth; None without any. One statement.
    """
    is_truth = Q(ground_truth=True, was_cancelled=False)
    of_task = Annotation.objects.filter(is_truth | Q(pk=wanted), task_id=task_id)
    found = list(of_task.select_related("completed_by").order_by("-pk")[:MOST_ANNOTATIONS])
    newest = next((one for one in found if one.ground_truth and not one.was_cancelled), None)
    return next((one for one in found if one.pk == wanted), newest), newest


def may_be_undone(truth: Annotation | None, prediction: Prediction) -> bool:
    """Whether the ground truth is this prediction, accepted and not changed since."""
    return (
        truth is not None
        and truth.parent_prediction_id == prediction.pk
        and truth.updated_at == truth.created_at
    )


def accept(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Stores what the prediction says as the task's newest ground truth.

    Where the task has another one, only if the page that shows the difference sends its id as
    `instead_of`; until then the caller is led to that page.
    """
    prediction = _writable(desk, request, pk)
    truth = ground_truth(prediction.task_id)
    if truth is not None and _is_said(truth, prediction):
        messages.info(request, f"It is the ground truth already: annotation {truth.pk}.")
        return _back(request, pk)
    asked = request.POST.get("instead_of", "")
    if truth is not None and not asked:
        return _back(request, pk, "ask")
    made = annotations.accept_prediction(
        prediction.task_id,
        {
            "result": as_truth(prediction.result),
            "ground_truth": True,
            "parent_prediction": pk,
        },
        access_of(request, prediction.project.workspace_id, field="task"),
        instead_of=int(asked) if asked.isdecimal() and len(asked) < 19 else None,
    )
    if made is None:
        messages.warning(request, "The ground truth has changed meanwhile.")
        return _back(request, pk, "ask")
    desk.log_change(request, prediction, f"Accepted as annotation {made['id']}.")
    messages.success(request, f"Accepted as ground truth: annotation {made['id']}.")
    return _back(request, pk)


def ask(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """The difference between the ground truth there is and the prediction, and the question."""
    prediction = _writable(desk, request, pk)
    truth = ground_truth(prediction.task_id)
    if truth is None or _is_said(truth, prediction):
        return _back(request, pk)
    task, query = prediction.task, _query(request)
    image, texts = shown_data(task.data, prediction.project.parsed_label_config)
    changed = difference(truth.result, prediction.result)
    views = [
        ("Ground truth now", drawn(truth.result, side="ground_truth")),
        (f"Prediction {pk}", drawn(as_truth(prediction.result), side="prediction")),
    ]
    return render_page(
        desk,
        request,
        "desk/accept.html",
        title=f"Accept prediction {pk}",
        crumbs=way_to(
            task,
            [Crumb(f"Prediction {pk}", address(pk) + query), Crumb("Accept")],
            list_query=desk.list_query(request),
        ),
        data={
            "image": image and shown_at(image, task.pk),
            "texts": texts,
            "views": [
                {"title": title, "alt": f"The image of task {task.pk}: {title}", "regions": regions}
                for title, regions in views
            ],
        },
        prediction=prediction,
        truth=truth,
        n_same=changed.same,
        sides=[
            ("Only in the ground truth now", len(changed.lost), _named(changed.lost)),
            ("Only in the prediction", len(changed.new), _named(changed.new)),
        ],
        query=query,
        back=address(pk) + query,
    )


def undo(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Removes the annotation that accepting made, unless somebody has changed it since: the ground
    truth of before counts again.
    """
    prediction = _writable(desk, request, pk)
    truth = ground_truth(prediction.task_id)
    access = access_of(request, prediction.project.workspace_id, field="task")
    if truth is None or truth.parent_prediction_id != pk:
        messages.info(request, "The ground truth is not made of this prediction.")
    elif annotations.undo_acceptance(truth.pk, prediction_id=pk, access=access):
        desk.log_change(request, prediction, f"Acceptance as annotation {truth.pk} undone.")
        messages.success(request, f"Undone: annotation {truth.pk} is gone.")
    else:
        url = reverse("admin:predictions_annotation_change", args=[truth.pk])
        messages.warning(
            request, f"Annotation {truth.pk} was changed since: mend or delete it at {url}."
        )
    return _back(request, pk)


def _writable(desk: Any, request: HttpRequest, pk: int) -> Prediction:
    """The prediction. Http404 or PermissionDenied for who may not change it."""
    prediction: Prediction = desk.found(request, pk=pk)
    forbid(desk.has_change_permission(request, prediction))
    return prediction


def _is_said(truth: Annotation, prediction: Prediction) -> bool:
    changed = difference(truth.result, prediction.result)
    return not changed.lost and not changed.new


def _named(regions: list[Region]) -> list[Drawn]:
    """The first regions of a side, with what each is called."""
    return drawn(regions[:MOST_NAMED], side="prediction")


def _query(request: HttpRequest) -> str:
    return f"?{request.GET.urlencode()}" if request.GET else ""


def _back(request: HttpRequest, pk: int, page: str = "review") -> HttpResponseRedirect:
    return HttpResponseRedirect(address(pk, page) + _query(request))
