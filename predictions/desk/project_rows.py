"""What the desk's pages of a project's rows share: lists that do not load long columns, and forms.

Forms only collect values. The serializers of the API check them and `predictions.db` stores them,
so that a page can do nothing a request cannot.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.db.models import (
    Case,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.lookups import LessThan
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework.serializers import BaseSerializer

from desk.workspace_admin import BoundedChangeList, WorkspaceAdmin, is_superuser, pretty, time_ago
from predictions.desk.filters import ProjectFilter, projects_of
from predictions.models import Task
from predictions.pictures.addresses import thumbnail_address
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.wording import number

SUMMARY_LENGTH = 80
#: What every list reads of its address, beside its filters.
OF_EVERY_LIST = (SEARCH_VAR, ORDER_VAR, PAGE_VAR)
# Data of more stored bytes is not looked through for a picture: it holds one itself.
MOST_DATA_BYTES = 64 * 1024
#: Pixels of the longest side of a list's pictures.
LIST_SIDE = 160
LOCAL_FILES = '$.** ? (@ starts with "/data/local-files")'
# What a project may have much of, and no list of its rows shows.
LONG_COLUMNS = tuple(
    f"project__{name}"
    for name in (
        "label_config", "parsed_label_config", "control_weights", "description",
        "expert_instruction",
    )
)  # fmt: skip


def checked(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    """What the API makes of the values; ValidationError with its messages."""
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


#: What an address says about the list alone: page, order, search, error, everything.
OF_THE_LIST = ("p", "o", "q", "e", "all")


class ReviewList(BoundedChangeList):
    """A list that leads to its rows' own pages, and stays known there by its filters."""

    def get_results(self, request: HttpRequest) -> None:
        """One page, whose links need not name the filters a second time."""
        super().get_results(request)
        self.preserved_filters = ""
        kept = request.GET.copy()
        for name in OF_THE_LIST:
            kept.pop(name, None)
        self.kept = f"?{kept.urlencode()}" if kept else ""

    def url_for_result(self, result: Any) -> str:
        """The page of a row, with the list's filters."""
        return (
            reverse(f"admin:predictions_{self.opts.model_name}_review", args=[result.pk])
            + self.kept
        )


class ProjectRows(WorkspaceAdmin):
    """Pages of what belongs to a project."""

    list_filter: ClassVar[tuple[type[admin.SimpleListFilter], ...]] = (ProjectFilter,)
    ordering = ("-id",)
    sortable_by = ()
    # Not the columns of the table: its numbers are found by id, not by a scan.
    search_fields = ("id",)
    search_help_text = "An id"

    def workspace_id_of(self, obj: Any) -> int:
        return int(obj.project.workspace_id)

    def scope(self, request: HttpRequest) -> Q:
        """By project, as the indexes are."""
        return Q(project_id__in=projects_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the project, which decides what the caller may do."""
        rows: QuerySet[Any] = super().get_queryset(request).select_related("project")
        return rows

    def filtered(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the list with the filters that the address names."""
        rows: QuerySet[Any] = self.model._default_manager.all()
        if not is_superuser(request):
            rows = rows.filter(self.scope(request))
        # Without one no choices are looked up.
        no_list: Any = None
        for kind in self.list_filter:
            name = str(kind.parameter_name)
            if given := request.GET.getlist(name):
                chosen: Any = kind(request, {name: given}, self.model, no_list)
                # As in the list, which does not apply what it does not offer.
                rows = chosen.queryset(request, rows) if chosen.has_output() else rows
        return rows

    def list_query(self, request: HttpRequest) -> str:
        """What the list reads of the address, from the `?` on: its filters, search, order and page.
        Empty without any. What a page below the list reads for itself is not the list's, which
        refuses what it does not know.
        """
        known = {*(str(kind.parameter_name) for kind in self.list_filter), *OF_EVERY_LIST}
        given = request.GET.lists()
        read = urlencode([(name, values) for name, values in given if name in known], doseq=True)
        return f"?{read}" if read else ""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        """A list whose rows lead to their own pages, of rows that have one."""
        return ReviewList if "review" in self.pages() else BoundedChangeList

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """For whoever only reads, JSON as it was written: Django's and the theme's escape it."""
        fields = super().get_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fields
        return [f"shown_{name}" if hasattr(self, f"shown_{name}") else name for name in fields]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The row of an id; nothing for other text."""
        text = search_term.strip()
        if not text:
            return queryset, False
        is_id = text.isdecimal() and int(text) <= MAX_BIGINT
        return (queryset.filter(pk=int(text)) if is_id else queryset.none()), False

    @admin.display(description="created")
    def created(self, row: Any) -> SafeString | str:
        return time_ago(row.created_at)

    @admin.display(description="updated")
    def updated(self, row: Any) -> SafeString | str:
        return time_ago(row.updated_at)


class RegionRows(ProjectRows):
    """Pages of rows on a task that have regions; `listed` names `local_picture`."""

    @admin.display(description="result")
    def shown_result(self, row: Any) -> SafeString:
        return pretty(row.result)

    @admin.display(description="task")
    def task_number(self, row: Any) -> SafeString:
        url = reverse("admin:predictions_task_review", args=[row.task_id])
        shown = small_picture(row.local_picture, row.task_id)
        return format_html('<a class="underline" href="{}">{}{}</a>', url, shown, row.task_id)

    @admin.display(description="regions")
    def regions(self, row: Any) -> str:
        return number(row.n_regions)


def local_picture() -> Combinable:
    """Of tasks, the first address of a file below an image root that their data names; null
    without.
    """
    found = Func(
        F("data"),
        Value(LOCAL_FILES),
        template="jsonb_path_query_first(%(expressions)s::jsonpath) #>> '{}'",
        output_field=TextField(),
    )
    size = Func(F("data"), function="pg_column_size", output_field=IntegerField())
    return Case(When(LessThan(size, MOST_DATA_BYTES), then=found), default=None)


def picture_of_task() -> Subquery:
    """The same of rows on a task."""
    task = Task.objects.filter(pk=OuterRef("task_id"), slot=OuterRef("slot"))
    return Subquery(task.values(found=local_picture())[:1])


def small_picture(address: str | None, task_id: int) -> SafeString | str:
    """The thumbnail of a local picture; nothing for other tasks. Where there is none, its text."""
    small = thumbnail_address(address or "", LIST_SIDE)
    if small is None:
        return ""
    return format_html(
        '<img class="desk-list-picture" src="{}" alt="Picture of task {}" loading="lazy"'
        ' decoding="async" width="80" height="60">',
        small,
        task_id,
    )


def jsonb_length(column: str) -> Func:
    """How many entries a jsonb list has, counted in the database: lists need not load it."""
    return Func(F(column), function="jsonb_array_length", output_field=IntegerField())


def is_untouched(form: Any, change: bool) -> bool:
    """Whether the form of a stored row brings nothing else than is stored. Then nothing is written:
    the row's time says when it changed, by which evaluations tell what is older.
    """
    return change and not form.changed_data


def as_request(
    values: Mapping[str, Any], changed: list[str], *, references: tuple[str, ...]
) -> dict[str, Any]:
    """A form's changed values as a request would send them: ids instead of rows."""
    return {
        name: getattr(values[name], "pk", None) if name in references else values[name]
        for name in changed
    }


def shortened(text: str | None) -> str:
    """At most SUMMARY_LENGTH characters, and a dash for nothing."""
    if not text:
        return "-"
    return text if len(text) <= SUMMARY_LENGTH else f"{text[:SUMMARY_LENGTH]}…"
