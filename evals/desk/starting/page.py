"""The page "New evaluation": every field of a request with its default, for a version of a project.

It starts what `POST /:workspace/model-evals` starts, by the same serializer and the same function.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from desk.asking.form import values_of
from desk.page import Crumb, new_form, render_page
from desk.workspace_admin import WRITERS, forbid, is_superuser, visible, workspaces_of
from evals.api.serializers import ComputeSerializer
from evals.db.label_config import Chosen
from evals.desk.starting import advice, form
from evals.desk.starting.once import once
from evals.documents.refusals import Refusal
from evals.jobs import requests
from evals.models import ModelEval
from predictions.db.counting.overview import overview_of
from predictions.desk.hub.page import bounded
from predictions.models import Project
from predictions_api.http.fields import MAX_BIGINT

LIST = "admin:evals_modeleval_changelist"
#: Projects that the page offers: the newest.
MOST_OFFERED = 200


def new(desk: Any, request: HttpRequest) -> HttpResponse:
    """The form, for whoever may write; by POST the evaluation, or the form with what is wrong.

    `project` and `version` of the address choose them; `like` fills in the request of an evaluation
    that is there. Without a project the page asks for one.
    """
    forbid(is_superuser(request) or bool(workspaces_of(request, WRITERS)))
    like = _like(desk, request)
    chosen = request.GET.get("project", "") or str((like and like.project_id) or "")
    if not chosen:
        return _choice_of_project(desk, request)
    project = _project(request, chosen)
    if request.method == "POST":
        return _start(desk, request, project)
    values = requests.request_of(like) if like is not None else {}
    if version := request.GET.get("version"):
        values["modelVersion"] = version
    return _form(desk, request, project, values)


def _like(desk: Any, request: HttpRequest) -> ModelEval | None:
    eval_id = request.GET.get("like", "")
    if not eval_id or "\0" in eval_id:
        return None
    found: ModelEval | None = desk.get_queryset(request).filter(eval_id=eval_id).first()
    return found


def _project(request: HttpRequest, text: str) -> Project:
    """The project. Http404 where the caller sees none of that id, PermissionDenied for readers."""
    if not text.isdecimal() or int(text) > MAX_BIGINT:
        raise Http404
    rows = Project.objects.select_related("workspace").filter(pk=int(text))
    project = visible(request, rows).first()
    if project is None:
        raise Http404
    forbid(is_superuser(request) or project.workspace_id in workspaces_of(request, WRITERS))
    return project


def _choice_of_project(desk: Any, request: HttpRequest) -> HttpResponse:
    rows = Project.objects.select_related("workspace").order_by("-pk")
    if not is_superuser(request):
        rows = rows.filter(workspace_id__in=workspaces_of(request, WRITERS))
    return render_page(
        desk,
        request,
        "evals/desk/new.html",
        title="New evaluation",
        crumbs=[Crumb("Evaluations", reverse(LIST)), Crumb("New evaluation")],
        projects=list(rows.only("title", "slug", "workspace__slug")[:MOST_OFFERED]),
        load_url=reverse("admin:predictions_project_load_files"),
    )


def _start(desk: Any, request: HttpRequest, project: Project) -> HttpResponse:
    # A slug is one project of the workspace; an id may be the slug of another one.
    values = {**values_of(ComputeSerializer(), request.POST), "project": project.slug}
    serializer = ComputeSerializer(data=values)
    if not serializer.is_valid():
        return _form(desk, request, project, values, errors=serializer.errors)

    def make() -> ModelEval:
        return requests.create(serializer.validated_data, workspace_id=project.workspace_id)

    try:
        made, is_new = once(request, project.workspace_id, make)
    except Refusal as refusal:
        return _form(desk, request, project, values, refusal=refusal)
    if is_new:
        desk.record(request, made, "started")
        messages.success(request, f"Evaluation {made.eval_id} is asked for.")
    return HttpResponseRedirect(reverse("admin:evals_modeleval_overview", args=[made.eval_id]))


def _form(
    desk: Any,
    request: HttpRequest,
    project: Project,
    values: dict[str, Any],
    *,
    errors: Any = None,
    refusal: Refusal | None = None,
) -> HttpResponse:
    first, more = form.form_of(project, values, errors or {})
    asked = form.derived(project)
    found = overview_of(project.pk).versions
    response = render_page(
        desk,
        request,
        "evals/desk/new.html",
        title="New evaluation",
        crumbs=[
            Crumb("Projects", reverse("admin:predictions_project_changelist")),
            Crumb(str(project), reverse("admin:predictions_project_hub", args=[project.pk])),
            Crumb("New evaluation"),
        ],
        project=project,
        once=new_form(),
        action=f"{request.path}?project={project.pk}",
        versions=[(one.name, bounded(one.n)) for one in found if one.name],
        version=values.get("modelVersion", ""),
        version_errors=(errors or {}).get("modelVersion", ()),
        first=first,
        more=more,
        is_open=any(one.value or one.errors for one in more),
        derived=asked if isinstance(asked, Chosen) else None,
        not_derived=asked if isinstance(asked, str) else "",
        refusal=refusal,
        advice=None if refusal is None else advice.of_refusal(refusal.code, project),
        load_url=reverse("admin:predictions_project_load_into", args=[project.pk]),
    )
    if errors or refusal is not None:
        response.status_code = 400
    return response
