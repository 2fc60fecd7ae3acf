"""Pages of runs and of what failed in them: shown only, but for what a run's own page offers."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action

from desk.workspace_admin import BoundedChangeList, View
from predictions.desk.filters import ProjectFilter, projects_of
from predictions.desk.project_rows import ProjectRows
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.wording import number, usd
from prompts.desk import new_run, run_page
from prompts.desk.filters import CreatedFilter, RunFilter, StatusFilter
from prompts.desk.rows import ReadOnlyRows
from prompts.models import FailedPrediction, ModelRun


class RunChangeList(BoundedChangeList):
    """Runs, each leading to its own page."""

    def url_for_result(self, result: ModelRun) -> str:
        return reverse("admin:prompts_modelrun_page", args=[result.pk])


@admin.register(ModelRun)
class RunDesk(ReadOnlyRows, ProjectRows):
    """Runs."""

    when_empty = (
        "A run asks one version of a prompt about each task, and stores the answers as predictions."
        " Choose New run to start one."
    )
    list_display = ("run", "shown_status", "version", "project", "done", "cost", "created")
    list_filter = (ProjectFilter, StatusFilter, CreatedFilter)
    audited_as = "run"
    actions_list = ("to_new",)

    def scope(self, request: HttpRequest) -> Q:
        return Q(project_id__in=projects_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(
            "project", "created_by", "model_version__parent_model",
            "model_version__model_provider_connection",
        ).defer("project__parsed_label_config", "task_ids")  # fmt: skip

    def audit_target(self, obj: ModelRun) -> str:
        return f"run {obj.pk}"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return RunChangeList

    def pages(self) -> Mapping[str, tuple[str, View]]:
        return {
            "page": ("<int:pk>/", self.page),
            "progress": ("<int:pk>/progress/", self.progress),
            "cancel": ("<int:pk>/cancel/", self.cancel),
            "retry": ("<int:pk>/retry/", self.retry),
            "repeat": ("<int:pk>/repeat/", self.repeat),
            "new": ("new/", partial(new_run.new, self)),
        }

    def may_edit(self, request: HttpRequest, run: ModelRun) -> bool:
        """Whether the caller may cancel and retry it."""
        return self._has_role(request, run, self.writers)

    def page(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """How the run is doing."""
        run = self.found(request, pk=pk)
        answer: HttpResponseBase = run_page.page(
            self, request, run, may_edit=self.may_edit(request, run)
        )
        return answer

    def progress(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The same as JSON."""
        return run_page.progress_answer(self.found(request, pk=pk))

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Ends it."""
        run = self.found(request, pk=pk)
        return run_page.cancel(self, request, run, may_edit=self.may_edit(request, run))

    def retry(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Begins another over what it left."""
        run = self.found(request, pk=pk)
        return run_page.retry(self, request, run, may_edit=self.may_edit(request, run))

    def repeat(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Begins another by the same request."""
        run = self.found(request, pk=pk)
        return run_page.repeat(self, request, run, may_edit=self.may_edit(request, run))

    def has_start_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the button shows; the page behind it looks closer."""
        return self._has_role(request, None, self.writers)

    @action(  # type: ignore[untyped-decorator]
        description="New run", url_path="start", permissions=["start"]
    )
    def to_new(self, request: HttpRequest) -> HttpResponseBase:
        """To the page that begins one."""
        return redirect("admin:prompts_modelrun_new")

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """Its own page instead of a form."""
        is_id = object_id.isdecimal() and int(object_id) <= MAX_BIGINT
        run = self.found(request, pk=int(object_id) if is_id else 0)
        return redirect("admin:prompts_modelrun_page", run.pk)

    @admin.display(description="run")
    def run(self, row: ModelRun) -> str:
        return f"Run {row.pk}"

    @admin.display(description="status")
    def shown_status(self, row: ModelRun) -> SafeString:
        tones = {"Completed": "desk-good", "Failed": "desk-bad", "Canceled": "desk-warn"}
        return format_html('<span class="{}">{}</span>', tones.get(row.status, ""), row.status)

    @admin.display(description="version")
    def version(self, row: ModelRun) -> str:
        return row.model_version.full_title

    @admin.display(description="tasks done")
    def done(self, row: ModelRun) -> str:
        done = f"{number(row.total_predictions + row.total_failed)} of {number(row.total_tasks)}"
        return f"{done}, {number(row.total_failed)} failed" if row.total_failed else done

    @admin.display(description="cost")
    def cost(self, row: ModelRun) -> str:
        return f"${usd(row.cost_usd)}" if row.cost_usd else "-"


@admin.register(FailedPrediction)
class FailedPredictionDesk(ReadOnlyRows, ProjectRows):
    """Why tasks of runs have no prediction."""

    when_empty = "Tasks that a run could not predict are listed here, each with the reason."
    list_display = ("kind", "summary", "on_task", "of_run", "project", "created")
    list_filter = (ProjectFilter, RunFilter, CreatedFilter)
    fields = ("error_type", "message", "on_task", "model_run", "project", "created")
    readonly_fields = ("on_task", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("project", "model_run").only(
            "error_type", "message", "created_at", "task_id", "model_version_id",
            "model_run__status", "project__title", "project__slug", "project__workspace_id",
        )  # fmt: skip

    @admin.display(description="type")
    def kind(self, row: FailedPrediction) -> str:
        return row.error_type or "(none)"

    @admin.display(description="message")
    def summary(self, row: FailedPrediction) -> str:
        return row.message[:120] + ("…" if len(row.message) > 120 else "")

    @admin.display(description="task")
    def on_task(self, row: FailedPrediction) -> SafeString:
        # Without the task's own row, which a list of all nodes' rows cannot join.
        url = reverse("admin:predictions_task_review", args=[row.task_id])
        return format_html('<a class="desk-link" href="{}">Task {}</a>', url, row.task_id)

    @admin.display(description="run")
    def of_run(self, row: FailedPrediction) -> SafeString:
        url = reverse("admin:prompts_modelrun_page", args=[row.model_run_id])
        return format_html('<a class="desk-link" href="{}">Run {}</a>', url, row.model_run_id)
