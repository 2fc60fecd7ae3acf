"""A task's page: the thing itself, with every prediction and annotation on it, and the tools to
correct one of them.

Everything the page shows is decided by its address: the task, the list's filters, what is hidden,
whether results lie over each other or side by side, the evaluation whose verdicts are shown, and
what is corrected (`edit=prediction-7`, `annotation-7` or `new`).
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.db.models import Subquery
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from desk.page import Crumb, render_page
from desk.workspace_admin import is_owner, visible
from predictions.db.reviews.neighbours import neighbours
from predictions.db.reviews.sources import Kind, Said, Source, sources_of
from predictions.desk.addresses import address
from predictions.desk.drawing import Drawn, drawn
from predictions.desk.reviewing import discussion
from predictions.desk.reviewing.things import things_of
from predictions.desk.reviewing.tools import tools_of, without_tool
from predictions.desk.verdicts import evaluations_of, verdicts_on
from predictions.filters.tasks import of_query
from predictions.models import Project, Task
from predictions.regions.config import read_config

#: Predictions, and annotations, of the task that the page shows: the newest.
MOST_SHOWN = 20
#: What the links to neighbours do not keep of the address: it is about this task alone.
OF_THE_TASK = ("edit",)


def review(desk: Any, request: HttpRequest, pk: int) -> TemplateResponse:
    """The page. Http404 for what the caller does not see."""
    task = _found(desk, request, pk)
    verdicts = verdicts_on(request, task)
    before, after, problem = _neighbours(request, task, verdicts)
    config = read_config(task.project.label_config)
    said = sources_of(pk, most=MOST_SHOWN, wanted=_wanted(request.GET.get("edit", "")))
    sources = _sources(said, verdicts)
    may_change = desk.has_change_permission(request, task)
    edited = _edited(request, sources) if may_change else None
    truth = next((s["id"] for s in sources if s["isTruth"]), None)
    remarks = discussion.shown(
        request, list(said.remarks), is_owner=is_owner(request, task.project.workspace_id)
    )
    for source in sources:
        source["said"] = remarks.get(source["id"]) if source["kind"] == "prediction" else None
    return render_page(
        desk,
        request,
        "desk/task.html",
        title=f"Task {task.pk}",
        crumbs=_crumbs(desk, request, task),
        data={
            "task": pk,
            "things": things_of(task.data, config, task.pk),
            "sources": [_for_script(source) for source in sources],
            "edit": edited,
            "tools": tools_of(config, task.data) if edited else [],
            "lookedAt": without_tool(config) if edited else [],
            "truth": truth,
        },
        task=task,
        sources=sources,
        has_more=said.has_more,
        edited=edited,
        truth=truth,
        verdicts=verdicts,
        evaluations=evaluations_of(task.project_id),
        before=_neighbour(request, before),
        after=_neighbour(request, after),
        problem=problem,
        query=_query(request),
        plain=_query(request, without=OF_THE_TASK),
        layouts=_layouts(request),
        kept=[pair for pair in request.GET.items() if pair[0] not in ("edit", "evaluation")],
        may_change=may_change,
    )


def _crumbs(desk: Any, request: HttpRequest, task: Task) -> list[Crumb]:
    """The way here: through the grid of the project, or the list that the address names."""
    project = task.project
    query = request.GET.get("query")
    own = desk.list_query(request)
    tasks = reverse("admin:predictions_project_tasks", args=[project.pk])
    if query is not None:
        tasks += f"?{urlencode({'query': query})}"
    elif own:
        tasks = reverse("admin:predictions_task_changelist") + own
    return [
        Crumb(str(project), reverse("admin:predictions_project_hub", args=[project.pk])),
        Crumb("Tasks", tasks),
        Crumb(f"Task {task.pk}"),
    ]


def _found(desk: Any, request: HttpRequest, pk: int) -> Any:
    """The task with its project, and without a query the ids of its neighbours in the list."""
    if "query" in request.GET:
        visible_ones = visible(request, Project.objects.all()).values("pk")
        rows = Task.objects.filter(pk=pk, project_id__in=visible_ones)
        task = rows.select_related("project").first()
    else:
        rows = desk.filtered(request)
        before = rows.filter(pk__gt=pk).order_by("pk").values("pk")[:1]
        after = rows.filter(pk__lt=pk).order_by("-pk").values("pk")[:1]
        found = desk.get_queryset(request).filter(pk=pk)
        task = found.annotate(before=Subquery(before), after=Subquery(after)).first()
    if task is None or not desk.has_view_permission(request, task):
        raise Http404
    return task


def _neighbours(
    request: HttpRequest, task: Any, verdicts: dict[str, Any] | None
) -> tuple[int | None, int | None, str]:
    """The tasks before and after in the list that the address names, and what of it could not be
    understood: a query of the Data Manager, or else the filters of the desk's list.
    """
    text = request.GET.get("query")
    if text is None:
        return task.before, task.after, ""
    try:
        known = verdicts["known"] if verdicts else None
        wanted = of_query(text, project_id=task.project_id, known=known)
    except ValidationError as exc:
        detail: Any = exc.detail
        return None, None, " ".join(map(str, detail["query"]))
    return *neighbours(wanted, task.pk, project_id=task.project_id), ""


def _wanted(named: str) -> tuple[Kind, int] | None:
    """What is to be corrected, if the address names a prediction or an annotation."""
    stem, _, number = named.partition("-")
    is_id = number.isascii() and number.isdecimal() and len(number) < 19
    if stem == "prediction" and is_id:
        return "prediction", int(number)
    return ("annotation", int(number)) if stem == "annotation" and is_id else None


def _sources(said: Said, verdicts: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The predictions, then the annotations, as the page shows them."""
    sources = [_of_prediction(one, verdicts) for one in said.predictions]
    marked = [a.id for a in said.annotations if a.ground_truth and not a.was_cancelled]
    truth = max(marked, default=None)
    sources += [_of_annotation(one, verdicts, truth) for one in said.annotations]
    names = list(dict.fromkeys(source["name"] for source in sources))
    for source in sources:
        source["color"] = names.index(source["name"])
    return sources


def _of_prediction(one: Source, verdicts: dict[str, Any] | None) -> dict[str, Any]:
    found = verdicts.get("found") if verdicts and verdicts["prediction"] == one.id else None
    key = f"prediction-{one.id}"
    return {
        "key": key,
        "kind": "prediction",
        "id": one.id,
        "name": one.name or "(no version)",
        "isTruth": False,
        "score": one.score,
        "row": one,
        "url": address(one.id),
        "regions": _drawn(one.result, key, one.score, found),
    }


def _of_annotation(
    one: Source, verdicts: dict[str, Any] | None, truth: int | None
) -> dict[str, Any]:
    is_judged = verdicts is not None and verdicts["annotation"] == one.id
    found = verdicts.get("truths") if verdicts and is_judged else None
    key = f"annotation-{one.id}"
    regions = _drawn(one.result, key, None, found)
    return {
        "key": key,
        "kind": "annotation",
        "id": one.id,
        "name": one.name or "somebody",
        "isTruth": one.id == truth,
        "score": None,
        "row": one,
        "url": reverse("admin:predictions_annotation_change", args=[one.id]),
        # Who drew it is not unsure, whatever a score came along with what it was made of.
        "regions": [{**region, "score": None} for region in regions],
    }


def _drawn(result: Any, key: str, score: float | None, verdicts: Any) -> list[Drawn]:
    """The regions with the source as their side, and what they are of."""
    regions = [r for r in result if isinstance(r, dict)] if isinstance(result, list) else []
    shown = drawn(regions, side=key, score=score, verdicts=verdicts)
    for one, region in zip(shown, regions, strict=True):
        page = region.get("item_index")
        one["to"] = str(region.get("to_name") or "")
        one["page"] = page if type(page) is int else 0
    return shown


def _for_script(source: dict[str, Any]) -> dict[str, Any]:
    wanted = ("key", "kind", "id", "name", "isTruth", "score", "color", "regions")
    return {name: source[name] for name in wanted}


def _edited(request: HttpRequest, sources: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What the address names to be corrected, as it is stored; None without."""
    named = request.GET.get("edit", "")
    if named == "new":
        return {"kind": None, "id": None, "updatedAt": None, "result": [], "isTruth": False}
    source = next((source for source in sources if source["key"] == named), None)
    if source is None:
        return None
    row = source["row"]
    return {
        "kind": source["kind"],
        "id": row.id,
        "updatedAt": row.updated_at.isoformat(),
        "result": row.result if isinstance(row.result, list) else [],
        "isTruth": row.ground_truth,
    }


def _layouts(request: HttpRequest) -> list[tuple[str, str, bool]]:
    """The two ways of looking: title, query, whether it is this one."""
    is_side = request.GET.get("layout") == "side"
    given = request.GET.copy()
    given.pop("layout", None)
    over = f"?{given.urlencode()}"
    given["layout"] = "side"
    return [
        ("Over each other", over, not is_side),
        ("Side by side", f"?{given.urlencode()}", is_side),
    ]


def _query(request: HttpRequest, without: Sequence[str] = ()) -> str:
    given = request.GET.copy()
    for name in without:
        given.pop(name, None)
    return f"?{given.urlencode()}" if given else ""


def _neighbour(request: HttpRequest, pk: int | None) -> str | None:
    if pk is None:
        return None
    page = reverse("admin:predictions_task_review", args=[pk])
    return page + _query(request, without=OF_THE_TASK)
