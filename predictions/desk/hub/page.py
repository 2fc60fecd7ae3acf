"""The page itself, and what its script asks for: exact counts, and a file of the project."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import humanize
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse

from accounts.authentication import WorkspaceSessionAuthentication
from desk.dashboard import Cell
from desk.page import Crumb, render_page
from desk.workspace_admin import time_ago
from predictions.api.exports import ProjectExportViewSet
from predictions.db.counting import held
from predictions.db.counting.overview import MOST, MOST_VERSIONS, Overview, Version, overview_of
from predictions.desk.hub.parts import Hub, Part, Point, Scores, Step, parts_of
from predictions.exports.project import SOURCES, TYPES
from predictions.models import Project
from predictions_api.wording import apart, number, plural

#: Of the table of versions.
MOST_SHOWN = 50
#: Of the drawing of scores over time, in its own units.
WIDTH, HEIGHT, EDGE = 600, 160, 12
#: Points that are named beside it, the latest.
MOST_LATEST = 6
MODELS = ("task", "annotation", "prediction")


class Row(NamedTuple):
    """A version in the table of versions."""

    name: str
    url: str
    #: What its count is called in the script's answer; None where it has no predictions.
    key: str | None
    n_predictions: str
    latest: object
    #: Each with the heading of its column.
    cells: list[tuple[str, Cell]]
    steps: list[Step]


def page(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """The project's page, for everybody in its workspace. At most eight statements."""
    project = _found(desk, request, pk=pk)
    may_write = desk.has_change_permission(request, project)
    overview = overview_of(pk)
    parts = parts_of(request, Hub(project, overview, may_write))
    scores = [part.scores for part in parts if part.scores is not None]
    rows = _rows(project, overview, parts)
    return render_page(
        desk,
        request,
        "desk/hub.html",
        title=str(project),
        crumbs=[
            Crumb("Projects", reverse("admin:predictions_project_changelist")),
            Crumb(str(project)),
        ],
        data={"held": reverse("admin:predictions_project_held", args=[pk])},
        project=project,
        may_write=may_write,
        steps=[step for part in parts for step in part.steps],
        lacks=[lack for part in parts for lack in part.lacks],
        jobs=[job for part in parts for job in part.jobs],
        cards=[card for part in parts for card in part.cards],
        counts=_counts(project, overview),
        headings=[heading for one in scores for heading in one.headings],
        notes=[*_cut(rows, overview), *(one.note for one in scores if one.note)],
        rows=rows[:MOST_SHOWN],
        trends=[_drawn(one) for one in scores if len(one.trend) > 1],
        size=(WIDTH, HEIGHT),
        settings_url=reverse("admin:predictions_project_change", args=[pk]),
        export_url=reverse("admin:predictions_project_export", args=[pk, project.workspace.slug]),
        export_types=list(TYPES),
        sources=SOURCES,
    )


def _found(desk: Any, request: HttpRequest, **key: Any) -> Project:
    """The project with its workspace. Http404 where the caller sees none."""
    rows = desk.get_queryset(request).select_related("workspace").filter(**key)
    project: Project | None = rows.first()
    if project is None or not desk.has_view_permission(request, project):
        raise Http404
    return project


def bounded(n: int) -> str:
    """A count that stopped at MOST."""
    return f"over {number(MOST)}" if n > MOST else number(n)


def named(project: Project) -> str:
    """The project with what goes when it is deleted. One statement."""
    found = overview_of(project.pk)
    held = zip((found.tasks, found.annotations, found.predictions), MODELS, strict=True)
    texts = [f"{bounded(n)} {plural(n, model)}" for n, model in held]
    return f"{project}, with everything in it: {', '.join(texts)}. Its evaluations stay"


def _counts(project: Project, found: Overview) -> list[tuple[str, str, str, str]]:
    """What is counted: its name, the script's key, the text, and its list's address."""
    rows = (found.tasks, found.annotations, found.predictions)
    counts = [
        (f"{model}s".capitalize(), f"{model}s", bounded(n), _list(model, project))
        for model, n in zip(MODELS, rows, strict=True)
    ]
    truths = f"{_list('annotation', project)}&ground_truth=yes"
    n_truths = bounded(found.ground_truths)
    if found.ground_truths <= MOST < found.annotations:
        n_truths = f"at least {n_truths}"  # Those of the last annotations alone are counted.
    truth = ("Ground truth", "ground_truth", n_truths, truths)
    versions = ("Model versions", "", _n_versions(found), "#versions")
    return [*counts[:2], truth, counts[2], versions]


def _n_versions(found: Overview) -> str:
    """How many versions have predictions: a count that stopped at MOST_VERSIONS."""
    if found.has_more_versions:
        return f"over {number(MOST_VERSIONS)}"
    return number(len(found.versions))


def _cut(rows: list[Row], found: Overview) -> list[str]:
    """What the table of versions leaves out, in a sentence; none where it has them all."""
    if found.has_more_versions:
        n_shown = min(len(rows), MOST_SHOWN)
        return [
            f"{number(n_shown)} of {_n_versions(found)} versions are here: first those with "
            f"scores; of the others only the first {number(MOST_VERSIONS)} by name are looked at."
        ]
    if len(rows) > MOST_SHOWN:
        return [f"{number(MOST_SHOWN)} of {number(len(rows))} versions are here."]
    return []


def _list(model: str, project: Project) -> str:
    """The list of the rows; of tasks the grid."""
    if model == "task":
        return reverse("admin:predictions_project_tasks", args=[project.pk])
    return reverse(f"admin:predictions_{model}_changelist") + f"?project={project.pk}"


def _rows(project: Project, found: Overview, parts: list[Part]) -> list[Row]:
    """Versions with scores, the best first, then those without, the newest first."""
    scores = [part.scores for part in parts if part.scores is not None]
    stored = {one.start: one for one in found.versions}
    names = dict.fromkeys(name for one in scores for name in one.rows)
    names |= dict.fromkeys(stored)
    return [_row(project, name, stored.get(name), scores, parts) for name in names]


def _row(
    project: Project, name: str, stored: Version | None, scores: list[Scores], parts: list[Part]
) -> Row:
    cells = [
        labelled
        for one in scores
        for labelled in zip(
            one.headings, one.rows.get(name) or [Cell("-")] * len(one.headings), strict=True
        )
    ]
    steps = [step for part in parts for step in part.of_versions.get(name, ())]
    if stored is None:
        return Row(name, "", None, "none", "-", cells, steps)
    url = _list("prediction", project) + f"&version={quote(name, safe='')}"
    count, latest = bounded(stored.n), time_ago(stored.latest)
    return Row(name or "(no version)", url, name, count, latest, cells, steps)


def _drawn(scores: Scores) -> dict[str, Any]:
    """The scores over time as points of a drawing, the lowest at its bottom."""
    values = [point.value for point in scores.trend]
    low, high = min(values), max(values)
    step = (WIDTH - 2 * EDGE) / (len(values) - 1)
    rise = (HEIGHT - 2 * EDGE) / (high - low or 1.0)
    points = [
        (round(EDGE + n * step, 1), round(HEIGHT - EDGE - (value - low) * rise, 1))
        for n, value in enumerate(values)
    ]
    low_text, high_text = apart([low, high], scores.write)
    named = [_named(point, scores.write) for point in scores.trend]
    return {
        "measure": scores.measure,
        "low": low_text,
        "high": high_text,
        "line": " ".join(f"{x},{y}" for x, y in points),
        "points": list(zip(points, named, strict=True)),
        "latest": named[::-1][:MOST_LATEST],
    }


def _named(point: Point, write: Callable[[float], str]) -> tuple[str, str]:
    return f"{point.title}: {write(point.value)}", point.url


def counted(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Exact counts as JSON: rows and bytes of what the project holds, predictions by version."""
    _found(desk, request, pk=pk)
    kinds, truths = held.held_by(pk)
    return JsonResponse(
        {
            "counts": {
                **{one.name: number(one.rows) for one in kinds},
                "ground_truth": number(truths),
            },
            "versions": {name: number(n) for name, n in held.held_by_versions(pk).items()},
            "held": [
                {
                    "name": one.name,
                    "rows": number(one.rows),
                    "bytes": humanize.naturalsize(one.n_bytes),
                }
                for one in kinds
            ],
            "bytes": humanize.naturalsize(sum(one.n_bytes for one in kinds)),
        }
    )


class PageExports(ProjectExportViewSet):
    """Exports of the page: by the session of the desk, never by a key."""

    authentication_classes = [WorkspaceSessionAuthentication]


_export = PageExports.as_view({"get": "export"})


def export(desk: Any, request: HttpRequest, pk: int, workspace: str) -> HttpResponseBase:
    """The project as a file, as `GET /api/projects/:id/export` answers. Http404 for one of others
    and for another workspace's address.
    """
    _found(desk, request, pk=pk, workspace__slug=workspace)
    answer: HttpResponseBase = _export(request, project_pk=str(pk), workspace=workspace)
    return answer
