"""The pages of one evaluation at the desk: look it up, say what the page needs, render.

What moves with split and confidence is fetched by the page's script; what stays is in the page.
Somebody of another workspace is answered as if the evaluation did not exist.
"""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import reverse
from django.utils import timezone

from desk.page import Crumb, new_form, render_page
from evals.api.query import ImagesQuery, selection
from evals.db.definition import parameters_of, unit_of
from evals.db.evaluations import confidence_of, lineage
from evals.db.images import image_keys
from evals.desk import numbers
from evals.desk.card import is_cancelled
from evals.desk.starting import advice
from evals.desk.starting.once import once
from evals.documents.document import moment
from evals.documents.names import with_background
from evals.documents.refusals import Refusal
from evals.documents.slices import NONE
from evals.engine.kinds.table import KINDS
from evals.jobs import requests, state
from evals.models import ModelEval, Split
from evals.panels import vector_analysis
from evals.panels.slices import keys_of
from evals.reports.comparison import model_name
from evals.reports.versions import baseline_of, versions
from predictions_api.wording import left, percent_done

#: Pages beside the overview, in the order of their tabs.
TABS = (
    ("evals_modeleval_overview", "Overview"),
    ("evals_modeleval_metrics", "Metrics"),
    ("evals_modeleval_matrix", "Confusion matrix"),
    ("evals_modeleval_images", "{unit}s"),
    ("evals_modeleval_vectors", "Vectors"),
    ("evals_modeleval_recommendations", "Recommendations"),
    ("evals_modeleval_diff", "Compare"),
)
MOST_VERSIONS = 50
#: Pages of the images of one slice, and how many values they offer.
SLICED = ("images", "matrix", "diff")
MOST_CHOICES = 1000
LIST = "admin:evals_modeleval_changelist"


def evaluation_of(desk: Any, request: HttpRequest, eval_id: str) -> ModelEval:
    """The evaluation, with project and workspace. Http404 where the caller sees none of that id."""
    rows = desk.get_queryset(request).select_related("project", "workspace")
    evaluation: ModelEval | None = rows.filter(eval_id=eval_id).first()
    if evaluation is None:
        raise Http404
    return evaluation


def overview(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """Headline, curves, matrix and worst images at a glance."""
    return _page(desk, request, eval_id, "overview")


def metrics(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """Precision, recall and F1 over confidence."""
    return _page(desk, request, eval_id, "metrics")


def matrix(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """Who was taken for whom."""
    return _page(desk, request, eval_id, "matrix")


def images(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """The images, the worst first if asked."""
    return _page(desk, request, eval_id, "images")


def vectors(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """The map of the images."""
    return _page(desk, request, eval_id, "vectors")


def recommendations(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """Advice, with images that show it."""
    return _page(desk, request, eval_id, "recommendations")


def diff(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """This evaluation against a baseline, and all versions of the project side by side."""
    return _page(desk, request, eval_id, "diff")


def one_class(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """The class that `class` names: its counts, curves, confusions, errors and images."""
    if not request.GET.get("class"):
        return HttpResponseRedirect(reverse("admin:evals_modeleval_overview", args=[eval_id]))
    return _page(desk, request, eval_id, "class")


def image(desk: Any, request: HttpRequest, eval_id: str, image_id: str) -> HttpResponse:
    """One image object by object."""
    evaluation = evaluation_of(desk, request, eval_id)
    if "\0" in image_id or image_keys(evaluation, image_id) is None:
        raise Http404
    return _page(desk, request, eval_id, "image", evaluation=evaluation, image_id=image_id)


def _page(
    desk: Any,
    request: HttpRequest,
    eval_id: str,
    name: str,
    evaluation: ModelEval | None = None,
    **more: Any,
) -> HttpResponse:
    evaluation = evaluation or evaluation_of(desk, request, eval_id)
    context: dict[str, Any] = {"problem": "", "state": None}
    status = 200
    if evaluation.status == ModelEval.Status.DONE:
        try:
            context |= _state(request, evaluation)
            context["slices"] = _slices(evaluation, name)
            if name == "vectors":
                context["without"] = vector_analysis.missing(evaluation)
        except Refusal as refusal:
            context["problem"], status = str(refusal.detail), refusal.status_code
    template = name if context["state"] else "unfinished"
    supersedes, superseded_by = lineage(evaluation)
    begun = evaluation.planned_at or evaluation.created_at
    api = f"/{evaluation.workspace.slug}/model-evals/{evaluation.eval_id}"
    unit = unit_of(evaluation)
    response = render_page(
        desk,
        request,
        f"evals/desk/{template}.html",
        title=model_name(evaluation),
        crumbs=_crumbs(evaluation),
        data={
            **_data(evaluation, api, **more),
            "panel": name,
            **_for_script(evaluation, context, name),
        },
        evaluation=evaluation,
        api=api,
        unit=unit,
        tabs=[
            (reverse(f"admin:{tab}", args=[eval_id]), label.format(unit=unit.capitalize()))
            for tab, label in TABS
        ],
        may_write=desk.may_write(request, evaluation),
        n_images=sum(evaluation.image_counts.values()),
        is_cancelled=is_cancelled(evaluation),
        is_computed=evaluation.origin == ModelEval.Origin.COMPUTED,
        once=new_form(),
        **_of_kind(evaluation),
        percent=percent_done(evaluation.progress),
        passed=(timezone.now() - begun).total_seconds(),
        left=left(begun, evaluation.progress),
        advice=advice.of_failure(evaluation),
        supersedes=supersedes,
        superseded_by=superseded_by,
        **context,
        **more,
    )
    response.status_code = status
    return response


def _crumbs(evaluation: ModelEval) -> list[Crumb]:
    """The way here, by the project where there is one."""
    project, name = evaluation.project, model_name(evaluation)
    of_project = [] if project is None else [Crumb(str(project), _hub(project.pk))]
    return [Crumb("Evaluations", reverse(LIST)), *of_project, Crumb(name)]


def _hub(project_id: int) -> str:
    return reverse("admin:predictions_project_hub", args=[project_id])


def _state(request: HttpRequest, evaluation: ModelEval) -> dict[str, Any]:
    """What the page was asked to show. A Refusal as on the API's routes."""
    headline = (evaluation.summary or {}).get("headline") or {}
    default = headline.get("split") or _first_split(evaluation)
    asked = ImagesQuery.asked({"split": default, **request.GET.dict()})
    split, confidence = asked["split"], confidence_of(evaluation, asked["confidence"])
    selection(evaluation, asked)
    return {
        "state": {"split": split.name, "confidence": confidence},
        "default_split": default,
        "splits": [(label, count) for label, count in evaluation.image_counts.items() if count],
        "numbers": numbers.numbers(evaluation, split=split.number, confidence=confidence),
        "slice_keys": [key for key in evaluation.slices if key is not None],
        "class_name": request.GET.get("class"),
    }


def _slices(evaluation: ModelEval, name: str) -> list[tuple[str, list[str]]]:
    """What the page can be narrowed to: keys and values, MOST_CHOICES values at most. One
    statement where there are slices.
    """
    if name not in SLICED:
        return []
    choices, left = [], MOST_CHOICES
    for key in keys_of(evaluation):
        values = [NONE, *sorted(key.values or [])][:left]
        if key.values is not None and values:
            choices.append((key.key, values))
            left -= len(values)
    return choices


def _first_split(evaluation: ModelEval) -> str:
    """Test, or the next split that has images."""
    order = (Split.TEST, Split.VALID, Split.TRAIN)
    return next((s.label for s in order if evaluation.image_counts.get(s.label)), "all")


def _data(evaluation: ModelEval, api: str, image_id: str | None = None) -> dict[str, Any]:
    """What the page's script has to know of the evaluation."""
    of_kind = _of_kind(evaluation)
    return {
        "api": api,
        "page": reverse("admin:evals_modeleval_overview", args=[evaluation.eval_id]),
        "evalId": evaluation.eval_id,
        "unit": unit_of(evaluation),
        "status": evaluation.status,
        **{name: of_kind[name] for name in ("drawing", "measure")},
        "hasPrecision": of_kind["has_precision"],
        "classes": evaluation.classes,
        "background": with_background(evaluation.classes)[-1],
        "canonical": evaluation.confidence,
        "imageId": image_id,
    }


def _of_kind(evaluation: ModelEval) -> dict[str, Any]:
    """What pages ask of its kind: the word for what draws its items, what single images are
    ordered by, and what it was measured with. Little of a kind that this service does not compute.
    """
    kind = KINDS.get(evaluation.task_type)
    if kind is None:
        return {
            "drawing": "none",
            "measure": None,
            "is_matched": True,
            "has_precision": False,
            "has_curves": False,
            "has_errors": False,
            "parameters": {},
        }
    is_computed = evaluation.origin == ModelEval.Origin.COMPUTED
    name = kind.measure
    return {
        "drawing": kind.drawing,
        "measure": name
        and {
            "name": name,
            "label": numbers.worded(name),
            # As what the kind is known by is made of it.
            "higherIsBetter": kind.primary.is_higher_better,
        },
        "is_matched": "iouThreshold" in kind.parameters,
        "has_precision": kind.has_precision,
        "has_curves": kind.has_precision and is_computed,
        "has_errors": kind.has_error_types and is_computed,
        "parameters": parameters_of(evaluation),
    }


def _for_script(evaluation: ModelEval, context: dict[str, Any], name: str) -> dict[str, Any]:
    """What it has to know of what is asked for."""
    if not context["state"]:
        return {"state": None}
    return {
        "state": context["state"],
        "defaultSplit": context["default_split"],
        **(_versions(evaluation) if name == "diff" else {}),
    }


def _versions(evaluation: ModelEval) -> dict[str, Any]:
    """What it can be compared with, and with which it is unless asked otherwise. One statement."""
    found = versions(evaluation, MOST_VERSIONS)
    baseline = baseline_of(evaluation, found)
    return {
        "baseline": baseline and baseline.eval_id,
        "primary": numbers.primary_of(evaluation),
        "versions": [
            {
                "evalId": one.eval_id,
                "name": one.name,
                "createdAt": moment(one.created_at),
                "isAccepted": one.is_accepted,
                "value": one.value,
                "metrics": one.metrics,
                "differing": list(one.differing),
            }
            for one in found
        ],
    }


def _writable(desk: Any, request: HttpRequest, eval_id: str) -> ModelEval:
    """The evaluation of a caller who may write. Http404 or PermissionDenied for others."""
    evaluation = evaluation_of(desk, request, eval_id)
    if not desk.may_write(request, evaluation):
        raise PermissionDenied
    return evaluation


def rerun(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """Makes the same evaluation again and shows that one, for whoever may write."""
    evaluation = _writable(desk, request, eval_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        made, is_new = once(request, evaluation.workspace_id, lambda: requests.repeat(evaluation))
    except Refusal as refusal:
        messages.error(request, str(refusal.detail))
        return _to_overview(evaluation)
    if is_new:
        desk.record(request, made, "rerun", of=eval_id)
        messages.success(
            request, f"A new evaluation, of what is stored now. {eval_id} stays as it is."
        )
    return _to_overview(made)


def accept(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """Marks it as accepted, or with `accepted=false` takes the mark back, for whoever may write."""
    evaluation = _writable(desk, request, eval_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        if request.POST.get("accepted") == "false":
            state.withdraw(evaluation)
            desk.record(request, evaluation, "changed", accepted=False)
            messages.success(request, "It is not the accepted evaluation any more.")
        else:
            state.accept(evaluation)
            desk.record(request, evaluation, "changed", accepted=True)
            messages.success(request, "Accepted: later versions are measured by it.")
    except Refusal as refusal:
        messages.error(request, str(refusal.detail))
    return _to_overview(evaluation)


def remove(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """Deletes it and all that is in it, for whoever may write; the page has asked before."""
    evaluation = _writable(desk, request, eval_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    desk.log_deletions(request, ModelEval.objects.filter(pk=evaluation.pk))
    state.delete(evaluation)
    messages.success(request, f"Evaluation {eval_id} is deleted.")
    return HttpResponseRedirect(reverse(LIST))


def cancel(desk: Any, request: HttpRequest, eval_id: str) -> HttpResponse:
    """Ends it while it runs, for whoever may write."""
    evaluation = _writable(desk, request, eval_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if state.cancel(evaluation):
        desk.record(request, evaluation, "cancelled")
        messages.success(request, "Cancelled.")
    else:
        messages.warning(request, "It was not running any more.")
    return _to_overview(evaluation)


def _to_overview(evaluation: ModelEval) -> HttpResponse:
    return HttpResponseRedirect(
        reverse("admin:evals_modeleval_overview", args=[evaluation.eval_id])
    )
