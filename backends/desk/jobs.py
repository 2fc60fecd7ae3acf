"""Pages of prediction jobs: shown only, but for what a job's own page offers."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backends.db import items, jobs
from backends.jobs import start, state
from backends.models import PredictionJob
from desk.page import Crumb, render_page
from desk.workspace_admin import BoundedChangeList, View, access_of, forbid
from predictions.desk.filters import ProjectFilter, projects_of
from predictions.desk.project_rows import LONG_COLUMNS, ProjectRows
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.wording import number, when

SHOWN_FAILURES = 50
TONES = {"Completed": "desk-good", "Failed": "desk-bad", "Canceled": "desk-warn"}


class StatusFilter(admin.SimpleListFilter):
    """A job's status."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, status.label) for status in PredictionJob.Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of the chosen one."""
        return queryset.filter(status=self.value()) if self.value() else queryset


class BackendFilter(admin.SimpleListFilter):
    """The backend that a job asks, where its page leads here."""

    title = "backend"
    parameter_name = "backend"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get("backend", "")
        return [(chosen, f"ML backend {chosen}")] if chosen.isdecimal() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of the chosen one."""
        chosen = self.value() or ""
        is_id = chosen.isdecimal() and int(chosen) <= MAX_BIGINT
        return queryset.filter(backend_id=int(chosen)) if is_id else queryset


class JobChangeList(BoundedChangeList):
    """Jobs, each leading to its own page."""

    def url_for_result(self, result: PredictionJob) -> str:
        return reverse("admin:backends_predictionjob_page", args=[result.pk])


@admin.register(PredictionJob)
class JobDesk(ProjectRows):
    """Prediction jobs."""

    when_empty = (
        "A prediction job asks an ML backend about many tasks. Open a project and choose Ask "
        "an ML backend."
    )
    list_display = ("job", "shown_status", "asked", "project", "done", "created")
    list_filter = (ProjectFilter, BackendFilter, StatusFilter)
    audited_as = "prediction_job"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def scope(self, request: HttpRequest) -> Q:
        return Q(project_id__in=projects_of(request))

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("backend").defer(*LONG_COLUMNS)

    def audit_target(self, obj: PredictionJob) -> str:
        return f"prediction job {obj.pk}"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return JobChangeList

    def pages(self) -> Mapping[str, tuple[str, View]]:
        return {
            "page": ("<int:pk>/", self.page),
            "cancel": ("<int:pk>/cancel/", self.cancel),
            "retry": ("<int:pk>/retry/", self.retry),
        }

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """Its own page instead of a form."""
        is_id = object_id.isdecimal() and int(object_id) <= MAX_BIGINT
        job = self.found(request, pk=int(object_id) if is_id else 0)
        return redirect("admin:backends_predictionjob_page", job.pk)

    def page(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """How the job is doing, what failed, and what to do about it."""
        job = self.found(request, pk=pk)
        ended = job.done_tasks + job.skipped_tasks + job.failed_tasks
        is_open = job.status in state.OPEN
        backend_url = reverse("admin:predictions_mlbackend_page", args=[job.backend_id])
        return render_page(
            self,
            request,
            "backends/job.html",
            title=f"Prediction job {job.pk}",
            crumbs=[
                Crumb("Prediction jobs", reverse("admin:backends_predictionjob_changelist")),
                Crumb(f"Job {job.pk}"),
            ],
            job=job,
            tone=TONES.get(job.status, ""),
            ended=ended,
            counts=f"{number(ended)} of {number(job.total_tasks)} tasks",
            facts=[
                ("Backend", str(job.backend), backend_url),
                ("Project", str(job.project), ""),
                ("Model version", job.model_version or "-", ""),
                ("Predictions", number(job.total_predictions), ""),
                ("Done", number(job.done_tasks), ""),
                ("Passed over", number(job.skipped_tasks), ""),
                ("Failed", number(job.failed_tasks), ""),
                ("Tasks in one request", number(job.batch_size), ""),
                ("Made", when(job.created_at), ""),
                ("Ended", when(job.completed_at) if job.completed_at else "-", ""),
            ],
            failures=[
                {**one, "url": reverse("admin:predictions_task_change", args=[one["task"]])}
                for one in items.failures(job.pk, after=0, limit=SHOWN_FAILURES)
            ],
            is_open=is_open,
            may_edit=self.has_change_permission(request, job),
            may_retry=bool(job.failed_tasks) and not is_open,
            cancel_url=reverse("admin:backends_predictionjob_cancel", args=[pk]),
            retry_url=reverse("admin:backends_predictionjob_retry", args=[pk]),
        )

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Cancels the job, by POST; what is stored stays."""
        job = self.found(request, pk=pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        forbid(self.has_change_permission(request, job))
        if state.cancel(job.pk):
            self.record(request, job, "cancelled")
            messages.success(request, "The job is canceled. What it has predicted stays.")
        else:
            messages.warning(request, "The job had ended already.")
        return redirect("admin:backends_predictionjob_page", pk)

    def retry(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A new job over the tasks that failed in this one, by POST."""
        job = self.found(request, pk=pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        forbid(self.has_change_permission(request, job))
        if job.status in state.OPEN or not job.failed_tasks:
            messages.warning(request, "There is nothing to retry.")
            return redirect("admin:backends_predictionjob_page", pk)
        access = access_of(request, job.project.workspace_id, field="project")
        tasks = jobs.failed_in(job)
        again = start.create(job.backend, tasks, user_id=access.user_id, retry_of=job)
        self.record(request, again, "created", of=job.pk)
        messages.success(request, f"This job asks again about {number(again.total_tasks)} tasks.")
        return redirect("admin:backends_predictionjob_page", again.pk)

    @admin.display(description="job")
    def job(self, row: PredictionJob) -> str:
        return f"Job {row.pk}"

    @admin.display(description="status")
    def shown_status(self, row: PredictionJob) -> SafeString:
        return format_html('<span class="{}">{}</span>', TONES.get(row.status, ""), row.status)

    @admin.display(description="backend")
    def asked(self, row: PredictionJob) -> str:
        return str(row.backend)

    @admin.display(description="tasks")
    def done(self, row: PredictionJob) -> str:
        ended = row.done_tasks + row.skipped_tasks + row.failed_tasks
        told = f"{number(ended)} of {number(row.total_tasks)}"
        return f"{told}, {number(row.failed_tasks)} failed" if row.failed_tasks else told
