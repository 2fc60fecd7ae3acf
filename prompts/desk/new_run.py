"""The page "New run": every field of a request for a run with its default, for a version of a
prompt and a project. It begins what `POST .../inference-runs` begins, by the same serializer and
the same function.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from desk.asking.form import fields_of, values_of
from desk.page import Crumb, render_page
from desk.workspace_admin import WRITERS, access_of, forbid, is_superuser, workspaces_of
from predictions.models import Project
from predictions_api.http.fields import MAX_BIGINT
from prompts.api.serializers.runs import ModelRunSerializer
from prompts.models import PromptVersion
from prompts.runs import start

#: Chosen by the page itself, and what the server counts whatever is sent.
BY_PAGE = (
    "project", "total_tasks", "total_predictions", "total_correct_predictions",
    "predictions_updated_at",
)  # fmt: skip
#: Versions and projects that the page offers: the newest.
MOST_OFFERED = 200


def new(desk: Any, request: HttpRequest) -> HttpResponse:
    """The form, for whoever may write; by POST the run, or the form with what is wrong. `project`
    and `version` of the address choose them. At most six statements to show it.
    """
    forbid(is_superuser(request) or bool(workspaces_of(request, WRITERS)))
    if request.method == "POST":
        return _start(desk, request)
    return _form(desk, request, {})


def _start(desk: Any, request: HttpRequest) -> HttpResponse:
    version = _chosen(_versions(request), request.POST.get("version", ""))
    project = _chosen(_projects(request), request.POST.get("project", ""))
    values = values_of(ModelRunSerializer(), request.POST)
    serializer = ModelRunSerializer(data={**values, "project": project.pk})
    if not serializer.is_valid():
        return _form(desk, request, values, errors=serializer.errors)
    access = access_of(request, version.parent_model.workspace_id, field="version")
    try:
        run = start.requested(serializer.validated_data, version, access)
    except ValidationError as refusal:
        return _form(desk, request, values, errors=refusal.detail)
    desk.record(request, run, "created", project=project.pk)
    messages.success(request, f"Run {run.pk} is asked for.")
    return redirect("admin:prompts_modelrun_page", run.pk)


def _versions(request: HttpRequest) -> Any:
    rows = PromptVersion.objects.select_related("parent_model__workspace").order_by("-pk")
    if is_superuser(request):
        return rows
    return rows.filter(parent_model__workspace_id__in=workspaces_of(request, WRITERS))


def _projects(request: HttpRequest) -> Any:
    rows = Project.objects.select_related("workspace").order_by("-pk")
    if is_superuser(request):
        return rows
    return rows.filter(workspace_id__in=workspaces_of(request, WRITERS))


def _chosen(rows: Any, text: str) -> Any:
    """The row of an id. Http404 where the caller may not write to one of that id."""
    is_id = text.isdecimal() and int(text) <= MAX_BIGINT
    row = rows.filter(pk=int(text)).first() if is_id else None
    if row is None:
        raise Http404
    return row


def _form(
    desk: Any, request: HttpRequest, values: Mapping[str, Any], *, errors: Any = None
) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    texts = errors if isinstance(errors, Mapping) else {"": errors or []}
    fields = fields_of(ModelRunSerializer(), values, texts, leave_out=BY_PAGE)
    columns = ("title", "slug", "workspace__slug")
    response = render_page(
        desk,
        request,
        "prompts/new.html",
        title="New run",
        crumbs=[
            Crumb("Runs", reverse("admin:prompts_modelrun_changelist")),
            Crumb("New run"),
        ],
        versions=list(_versions(request)[:MOST_OFFERED]),
        projects=list(_projects(request).only(*columns)[:MOST_OFFERED]),
        version=given.get("version", ""),
        project=given.get("project", ""),
        fields=list(fields.values()),
        others=[
            text for name, inner in texts.items() if name not in fields for text in _listed(inner)
        ],
    )
    if errors:
        response.status_code = 400
    return response


def _listed(texts: Any) -> list[str]:
    return [str(text) for text in texts] if isinstance(texts, list) else [str(texts)]
