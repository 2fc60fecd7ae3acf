"""What is done with many tasks from the grid: with those that are chosen, or with all that its
filters let through. Each act has a page that says what will happen, and asks.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponseBase,
    HttpResponseRedirect,
)
from rest_framework.exceptions import ValidationError

from accounts import audit
from desk.page import Crumb, new_form, render_page
from desk.workspace_admin import forbid
from predictions.db.curation import cards, views
from predictions.desk.grid import offers
from predictions.desk.grid.asked import Asked, read
from predictions.desk.grid.page import address, crumbs_to
from predictions.filters.tasks import of_document
from predictions.models import Project
from predictions_api.http.fields import MAX_BIGINT

#: Tasks that are named one by one.
MOST_NAMED = 10_000


def act(desk: Any, request: HttpRequest, pk: int) -> HttpResponseBase:
    """Asks, or does what was asked for. Http404 for unknown acts and projects, PermissionDenied for
    who may not.
    """
    project: Project = desk.found(request, pk=pk)
    may_write = desk.has_change_permission(request, project)
    asked = read(request.GET, project_id=pk, views=cards.offered(pk).views)
    name = request.POST.get("do", "")
    if name in OF_VIEWS:
        forbid(may_write)
        return OF_VIEWS[name](request, project, asked)
    known = {one.name: one for one in offers.acts()}
    if name not in known:
        raise Http404
    wanted = known[name]
    if not (wanted.reads or may_write):
        raise PermissionDenied
    try:
        query = _query(request, asked)
        chosen = offers.Chosen(project, query, of_document(query, project_id=pk), NOTHING)
    except ValidationError as refused:
        return _back(request, pk, refused)
    held = cards.held(chosen.wanted, project_id=pk)
    chosen = offers.Chosen(project, chosen.query, chosen.wanted, held)
    if not held.tasks:
        return _back(request, pk, "No task is chosen.")
    problem = ""
    if request.POST.get("sure") == "yes":
        try:
            return _done(request, wanted, chosen)
        except ValidationError as refused:
            problem = _text(refused.detail)
    tasks = Crumb("Tasks", address(pk) + asked.address())
    return render_page(
        desk,
        request,
        "desk/grid/ask.html",
        title=wanted.title,
        crumbs=crumbs_to(project, tasks, Crumb(wanted.title)),
        project=project,
        act=wanted,
        once=new_form(),
        says=wanted.says(chosen),
        problem=problem,
        fields=[(one, request.POST.get(one.name, "")) for one in wanted.fields(chosen)],
        n_tasks=held.tasks,
        tasks=request.POST.getlist("task") if not request.POST.get("all") else [],
        is_all=bool(request.POST.get("all")),
        here=asked.address(page=asked.page),
        back=address(pk) + asked.address(page=asked.page),
    )


NOTHING = cards.Held(0, 0, ())


def _query(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """The query of the tasks that the form names. ValidationError for what it cannot mean."""
    if request.POST.get("all"):
        if asked.problem:
            raise ValidationError([asked.problem])
        return {name: value for name, value in asked.query.items() if name != "ordering"}
    texts = request.POST.getlist("task")[:MOST_NAMED]
    ids = [int(text) for text in texts if text.isdecimal() and len(text) < 19]
    if any(one > MAX_BIGINT for one in ids) or len(ids) != len(texts):
        raise ValidationError(["Expected ids of tasks."])
    return {"selectedItems": {"all": False, "included": ids}}


def _done(request: HttpRequest, wanted: offers.Act, chosen: offers.Chosen) -> HttpResponseBase:
    fields = [one.name for one in wanted.fields(chosen)]
    values = {name: request.POST.get(name, "").replace("\0", "") for name in fields}
    answer = wanted.run(request, chosen, values)
    if wanted.audited:
        audit.by_request(
            request,
            wanted.audited,
            target=f"project {chosen.project.pk}",
            workspace_id=chosen.project.workspace_id,
            tasks=chosen.held.tasks,
            values=values,
        )
    if not isinstance(answer, str):
        return answer
    messages.success(request, answer)
    return _to_grid(request, chosen.project.pk)


def _save_view(request: HttpRequest, project: Project, asked: Asked) -> HttpResponseBase:
    """Keeps the grid's query under a title."""
    title = request.POST.get("title", "").replace("\0", "").strip()[:100]
    if asked.problem or not title:
        return _back(request, project.pk, asked.problem or "A view needs a title.")
    known = ("filters", "ordering")
    data = {"title": title, **{name: asked.query[name] for name in known if name in asked.query}}
    try:
        made = views.create_view(project.pk, data, user_id=request.user.pk)
    except ValidationError as refused:
        return _back(request, project.pk, refused)
    messages.success(request, f"Saved as the view {title}.")
    return HttpResponseRedirect(f"{address(project.pk)}?view={made.pk}")


def _delete_view(request: HttpRequest, project: Project, asked: Asked) -> HttpResponseBase:
    """Removes the view that the grid shows; no task is touched."""
    if asked.view is not None:
        view = views.existing_view(asked.view, workspace_id=project.workspace_id)
        views.delete_view(view)
        messages.success(request, f"The view {view} is gone; its tasks are not.")
    return HttpResponseRedirect(address(project.pk))


OF_VIEWS = {"save_view": _save_view, "delete_view": _delete_view}


def _to_grid(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    return HttpResponseRedirect(address(pk) + query)


def _back(request: HttpRequest, pk: int, why: ValidationError | str) -> HttpResponseRedirect:
    messages.error(request, why if isinstance(why, str) else _text(why.detail))
    return _to_grid(request, pk)


def _text(detail: Any) -> str:
    if isinstance(detail, Mapping):
        return " ".join(_text(one) for one in detail.values())
    return " ".join(_text(one) for one in detail) if isinstance(detail, list) else str(detail)
