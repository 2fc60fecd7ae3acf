"""The desk's list of evaluations, and the way to the pages of each.

Evaluations are made and repeated through `requests` alone: no form writes one.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from desk.workspace_admin import BoundedChangeList, View, WorkspaceAdmin, roles_of, time_ago
from evals.desk import data
from evals.desk import pages as desk_views
from evals.desk.card import is_cancelled
from evals.desk.numbers import worded
from evals.desk.starting import page as starting
from evals.jobs import state
from evals.models import ModelEval
from predictions.desk.filters import MAX_CHOICES, ProjectFilter
from predictions.desk.project_rows import shortened
from predictions_api.wording import number, percent_done, share, written

# By name, the route below the evaluation's own address, and the view. What a page shows stands in
# its query, in the words of the API: split, confidence, sort, cell, class, cluster, offset.
PAGES: dict[str, tuple[str, View]] = {
    "overview": ("", desk_views.overview),
    "metrics": ("metrics/", desk_views.metrics),
    "matrix": ("matrix/", desk_views.matrix),
    "images": ("images/", desk_views.images),
    "class": ("class/", desk_views.one_class),
    "vectors": ("vectors/", desk_views.vectors),
    "recommendations": ("recommendations/", desk_views.recommendations),
    "diff": ("diff/", desk_views.diff),
    "rerun": ("rerun/", desk_views.rerun),
    "cancel": ("cancel/", desk_views.cancel),
    "accept": ("accept/", desk_views.accept),
    "remove": ("remove/", desk_views.remove),
    "numbers": ("data/numbers", data.numbers),
    "curves": ("data/curves", data.curves),
    "points": ("data/points", data.points),
    "f1": ("data/f1", data.f1),
    "cards": ("data/cards", data.cards),
    "scatter": ("data/scatter", data.scatter),
    "picture": ("data/pictures/<int:position>", data.picture),
    # Last: an image's id may hold anything.
    "image": ("images/<path:image_id>/", desk_views.image),
}

# How the theme paints a status.
COLOURS = {
    ModelEval.Status.RUNNING.label: "info",
    ModelEval.Status.DONE.label: "success",
    ModelEval.Status.FAILED.label: "danger",
}


class EvaluatedVersionFilter(admin.SimpleListFilter):
    """Model versions that were evaluated, of the chosen project if one is chosen."""

    title = "model version"
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """In alphabetical order."""
        rows = model_admin.get_queryset(request)
        chosen = request.GET.get(ProjectFilter.parameter_name, "")
        if chosen.isdecimal() and len(chosen) < 19:
            rows = rows.filter(project_id=int(chosen))
        names = rows.exclude(model_version="").order_by("model_version")
        versions = names.values_list("model_version", flat=True).distinct()[:MAX_CHOICES]
        return [(name, shortened(name)) for name in versions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None or "\0" in value:
            return queryset
        return queryset.filter(model_version=value)


class StatusFilter(admin.SimpleListFilter):
    """Running, done or failed."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, status.label) for status in ModelEval.Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(status=value)


class AcceptedFilter(admin.SimpleListFilter):
    """Marked as accepted, or not."""

    title = "accepted"
    parameter_name = "accepted"
    ANSWERS: ClassVar[dict[str, bool]] = {"yes": True, "no": False}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word) for word in self.ANSWERS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (value := self.value()) not in self.ANSWERS:
            return queryset
        return queryset.filter(is_accepted=self.ANSWERS[value])


class CreatedFilter(admin.SimpleListFilter):
    """How old an evaluation may be."""

    title = "date"
    parameter_name = "days"
    DAYS: ClassVar[dict[str, str]] = {"1": "last day", "7": "last 7 days", "30": "last 30 days"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.DAYS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (value := self.value()) not in self.DAYS:
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - timedelta(days=int(value)))


class EvaluationList(BoundedChangeList):
    """Each row leads to the evaluation's overview, at the confidence that the row's figures are."""

    def url_for_result(self, result: Any) -> str:
        overview = reverse("admin:evals_modeleval_overview", args=[result.eval_id])
        at = _confidence(result)
        return overview if at is None else f"{overview}?confidence={at}"


@admin.register(ModelEval)
class EvaluationDesk(WorkspaceAdmin):
    """Evaluations, newest first. Deleting one takes its images and panels with it."""

    audited = frozenset({"deleted"})
    audited_as = "evaluation"
    when_empty = (
        "An evaluation says how good a model version's predictions are, measured by ground "
        "truth. Load both as files, or choose New evaluation."
    )
    list_display = (
        "evaluation", "project_name", "version", "status_label", "accepted", "score",
        "precision", "recall", "image_count", "created",
    )  # fmt: skip
    list_filter = (
        ProjectFilter,
        EvaluatedVersionFilter,
        StatusFilter,
        AcceptedFilter,
        CreatedFilter,
    )
    search_fields = ("eval_id",)
    search_help_text = "An evaluation's id"
    ordering = ("-id",)
    sortable_by = ()
    actions_list = ("to_new",)

    def has_start_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the button shows; the page behind it looks closer."""
        return self._has_role(request, None, self.writers)

    @action(  # type: ignore[untyped-decorator]
        description="New evaluation", url_path="new", permissions=["start"]
    )
    def to_new(self, request: HttpRequest) -> HttpResponse:
        """The button's address is that of the page "new", which answers before this does: any other
        name below the list would be read as an evaluation's id.
        """
        return starting.new(self, request)

    def audit_target(self, obj: ModelEval) -> str:
        return f"evaluation {obj.eval_id}"

    def workspace_id_of(self, obj: ModelEval) -> int:
        return obj.workspace_id

    def scope(self, request: HttpRequest) -> Q:
        return Q(workspace_id__in=list(roles_of(request)))

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Without class names and warnings, which may be long."""
        return rows.select_related("project").only(
            "eval_id", "workspace_id", "version_id", "model_version", "model_id", "status",
            "progress", "summary", "confidences", "image_counts", "created_at", "is_accepted",
            "failure_reason", "project__title",
        )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The evaluation of an id; nothing for other text."""
        text = search_term.replace("\0", "").strip()
        return (queryset.filter(eval_id=text) if text else queryset), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return EvaluationList

    def pages(self) -> Mapping[str, tuple[str, View]]:
        """That of a new evaluation, and those of one that is there, by its id in the API."""
        pages = {
            name: (f"<slug:eval_id>/{route}", partial(view, self))
            for name, (route, view) in PAGES.items()
        }
        return {"new": ("new/", partial(starting.new, self)), **pages}

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The overview stands where other models have a form."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(
                request, self.opts, object_id
            )
            return missing
        return HttpResponseRedirect(reverse("admin:evals_modeleval_overview", args=[row.eval_id]))

    def may_write(self, request: HttpRequest, row: ModelEval) -> bool:
        """Whether the caller may repeat, cancel and delete it."""
        return self._has_role(request, row, self.writers)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: ModelEval) -> None:
        """In one statement."""
        state.delete(obj)

    @admin.display(description="evaluation")
    def evaluation(self, row: ModelEval) -> str:
        return shortened(row.model_id or row.model_version or row.eval_id)

    @admin.display(description="project")
    def project_name(self, row: ModelEval) -> str:
        return "-" if row.project is None else str(row.project)

    @admin.display(description="model version")
    def version(self, row: ModelEval) -> str:
        return shortened(row.model_version)

    @display(description="status", label=COLOURS)  # type: ignore[untyped-decorator]
    def status_label(self, row: ModelEval) -> tuple[str, str]:
        label = str(ModelEval.Status(row.status).label)
        if row.status == ModelEval.Status.RUNNING:
            return label, f"{label} {percent_done(row.progress)}%"
        if is_cancelled(row):
            return "Cancelled", "Cancelled"
        return label, label

    @admin.display(description="accepted")
    def accepted(self, row: ModelEval) -> str:
        return "yes" if row.is_accepted else "-"

    @admin.display(description="score")
    def score(self, row: ModelEval) -> str:
        return _score(row)

    @admin.display(description="precision")
    def precision(self, row: ModelEval) -> str:
        return _headline_at(row, "precision")

    @admin.display(description="recall")
    def recall(self, row: ModelEval) -> str:
        return _headline_at(row, "recall")

    @admin.display(description="images")
    def image_count(self, row: ModelEval) -> str:
        return number(sum(row.image_counts.values()))

    @admin.display(description="created")
    def created(self, row: ModelEval) -> SafeString | str:
        return time_ago(row.created_at)


def _headline(row: ModelEval, name: str) -> str:
    """A number of the headline; a dash while there is none."""
    value = ((row.summary or {}).get("headline") or {}).get(name)
    return share(value)


def _score(row: ModelEval) -> str:
    """What its kind is known by, named; of an imported one mAP50."""
    primary = ((row.summary or {}).get("headline") or {}).get("primary")
    if primary is None:
        value = _headline(row, "mAP")
        return value if value == "-" else f"{value} mAP50"
    value = primary["value"]
    if value is None:
        return "-"
    shown = written(value, is_higher_better=primary.get("higherIsBetter", True))
    return f"{shown} {worded(primary['name'])}"


def _confidence(row: ModelEval) -> int | None:
    """Percent that precision and recall of the headline are at, where the two are best together;
    None where nobody said.
    """
    at = (row.summary or {}).get("confidence")
    return None if at is None or row.confidences is not None else round(100 * at)


def _headline_at(row: ModelEval, name: str) -> str:
    """As `_headline`, with the confidence it is at."""
    at = _confidence(row)
    value = _headline(row, name)
    return value if at is None or value == "-" else f"{value} at {at} %"
