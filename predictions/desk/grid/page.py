"""The page of the grid, and the pictures that stand in its tasks."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from desk.page import Crumb, render_page
from predictions.db.curation import cards
from predictions.db.versions import OneVersion
from predictions.desk.grid import offers
from predictions.desk.grid.asked import OPERATORS, Asked, Row, compact, is_form, of_form, read
from predictions.desk.grid.cards import card
from predictions.desk.grid.columns import offered_columns, ordered_columns
from predictions.models import Project
from predictions.pictures.inline import decoded

#: Cards of a page: rows of two, three, four and six are full.
SIDE_BY_SIDE = 24
LAST_PAGE = cards.MOST_COUNTED // SIDE_BY_SIDE


def address(project_id: int) -> str:
    """Of the grid of a project, without what it asks for."""
    return reverse("admin:predictions_project_tasks", args=[project_id])


def crumbs_to(project: Project, *rest: Crumb) -> list[Crumb]:
    """Breadcrumbs from the projects to a page about a project's tasks."""
    return [
        Crumb("Projects", reverse("admin:predictions_project_changelist")),
        Crumb(str(project), reverse("admin:predictions_project_hub", args=[project.pk])),
        *rest,
    ]


def grid(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """The page. Http404 for a project that the caller does not see; 400 where it is asked for what
    cannot be understood, and then it shows no task.
    """
    project: Project = desk.found(request, pk=pk)
    if is_form(request.GET):
        return HttpResponseRedirect(address(pk) + of_form(request.GET))
    may_write = desk.has_change_permission(request, project)
    offered = cards.offered(pk)
    asked = read(request.GET, project_id=pk, views=offered.views)
    page = _tasks(asked, pk)
    shown = [card(task, project, _kept(asked)) for task in page.cards]
    first = (asked.page - 1) * SIDE_BY_SIDE + 1
    has_more = first + len(shown) <= min(page.total, cards.MOST_COUNTED)
    sort, falls = asked.sort
    columns = offered_columns(pk, offered, [*(row.column for row in asked.rows), sort])
    response = render_page(
        desk,
        request,
        "desk/grid/page.html",
        title=f"Tasks of {project}",
        crumbs=crumbs_to(project, Crumb("Tasks")),
        data={str(one.task.id): one.document for one in shown if one.kind == "image"},
        project=project,
        asked=asked,
        here=asked.address(page=asked.page),
        cards=shown,
        first=first,
        last=first + len(shown) - 1,
        total=min(page.total, cards.MOST_COUNTED),
        is_more=page.total > cards.MOST_COUNTED,
        newer=asked.address(page=asked.page - 1) if asked.page > 1 else None,
        further=asked.address(page=asked.page + 1) if has_more else None,
        everything=asked.address(query="{}", view=None),
        rows=[*asked.rows, Row("", "equal", "")],
        columns=columns,
        sorts=ordered_columns(columns),
        sort=sort,
        falls=falls,
        sorted_by=_title(columns, sort) if asked.wanted.sorted_by else "",
        operators=_operators(asked.rows),
        offered=offered,
        views=_titles(offered),
        selected=asked.query.get("selectedItems"),
        selected_text=compact(asked.query.get("selectedItems") or {}),
        acts=[act for act in offers.acts() if act.reads or may_write],
        may_write=may_write,
    )
    response.status_code = 400 if asked.problem else 200
    return response


def _tasks(asked: Asked, pk: int) -> cards.CardPage:
    """The tasks of the page; none where what is asked for cannot be understood."""
    if asked.problem:
        return cards.CardPage([], 0)
    return cards.card_page(
        asked.wanted,
        project_id=pk,
        limit=SIDE_BY_SIDE,
        offset=(asked.page - 1) * SIDE_BY_SIDE,
        version=None if asked.version is None else OneVersion(asked.version),
    )


def _kept(asked: Asked) -> str:
    """What leads back to the grid as it is."""
    return f"?{urlencode({'query': compact(asked.query)})}"


def _titles(offered: cards.Offered) -> list[tuple[int, str]]:
    """The views that are kept, by id."""
    return [(view, str(data.get("title") or f"View {view}")) for view, data in offered.views]


def _operators(rows: list[Row]) -> list[tuple[str, str]]:
    """Those of the form, and those that its filters have besides."""
    known = dict(OPERATORS)
    others = {row.operator: row.operator for row in rows if row.operator not in known}
    return [*OPERATORS, *others.items()]


def _title(columns: list[offers.Columns], name: str) -> str:
    titles = {one.name: one.title for some in columns for one in some.columns}
    return titles.get(name, name)


def picture(desk: Any, request: HttpRequest, pk: int, task: int) -> HttpResponse:
    """A picture that stands in a task, under the `key` of its data. Http404 for any other."""
    project: Project = desk.found(request, pk=pk)
    text = cards.text_of(task, request.GET.get("key", "").replace("\0", ""), project_id=project.pk)
    found = decoded(text or "")
    if found is None:
        raise Http404
    kind, body = found
    response = HttpResponse(body, content_type=kind)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=3600"
    return response
