"""Pages for tasks and for what people drew or chose on them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.db.models.functions import Cast, Substr
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from desk.workspace_admin import DeskForm, View, access_of, became, forbid, pretty
from predictions.api.serializers import AnnotationSerializer, TaskSerializer
from predictions.db import annotations, tasks
from predictions.desk import review
from predictions.desk.filters import (
    CreatedFilter,
    GroundTruthFilter,
    ProjectFilter,
    TaskProblemFilter,
)
from predictions.desk.project_rows import (
    LONG_COLUMNS,
    SUMMARY_LENGTH,
    ProjectRows,
    RegionRows,
    as_request,
    checked,
    is_untouched,
    jsonb_length,
    local_picture,
    picture_of_task,
    shortened,
    small_picture,
)
from predictions.desk.reviewing import annotations as corrections
from predictions.desk.reviewing import task
from predictions.models import Annotation, Task
from predictions_api.wording import plural


class TaskForm(DeskForm):
    """What is labelled."""

    class Meta:
        model = Task
        fields = ("project", "data", "meta", "overlap")


@admin.register(Task)
class TaskDesk(ProjectRows):
    """Tasks."""

    form = TaskForm
    list_filter = (ProjectFilter, CreatedFilter, TaskProblemFilter)
    when_empty = (
        "A task is one thing that is labelled: an image, a text, a recording. Load files into"
        " a project, or import tasks by API."
    )
    list_display = ("__str__", "inner_id", "project", "summary", "created", "updated")
    autocomplete_fields = ("project",)
    fields = ("project", "inner_id", "data", "meta", "overlap", "created", "updated")
    belongs_to = "project"
    readonly_fields = ("inner_id", "created", "updated")

    def pages(self) -> Mapping[str, tuple[str, View]]:
        """The task itself; where it is corrected; model versions side by side."""
        return {
            "review": ("<int:pk>/review/", require_GET(partial(task.review, self))),
            "correct": ("<int:pk>/correct/", require_POST(partial(corrections.correct, self))),
            "compare": ("<int:pk>/compare/", require_GET(partial(review.compare, self))),
        }

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The beginning of the data stands for all of it."""
        text = Substr(Cast("data", models.TextField()), 1, SUMMARY_LENGTH + 1)
        light = rows.defer("data", "meta", *LONG_COLUMNS)
        shown: QuerySet[Any] = light.annotate(data_start=text, local_picture=local_picture())
        return shown

    def save_model(self, request: HttpRequest, obj: Task, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        if is_untouched(form, change):
            return
        access = access_of(request, obj.project.workspace_id, field="project")
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            accepted = checked(TaskSerializer(data=values, partial=True))
            tasks.update_task(obj.pk, accepted, access)
            return
        values["project"] = obj.project_id
        became(obj, tasks.create_task(checked(TaskSerializer(data=values)), access)["id"])

    def delete_model(self, request: HttpRequest, obj: Task) -> None:
        """With its predictions and annotations."""
        tasks.delete_task(obj.pk, access_of(request, self.workspace_id_of(obj), field="project"))

    @admin.display(description="data")
    def shown_data(self, task: Task) -> SafeString:
        return pretty(task.data)

    @admin.display(description="meta")
    def shown_meta(self, task: Task) -> SafeString:
        return pretty(task.meta)

    @admin.display(description="data")
    def summary(self, task: Any) -> SafeString:
        shown = small_picture(task.local_picture, task.pk)
        return format_html("{}{}", shown, shortened(task.data_start))


class AnnotationForm(DeskForm):
    """What a person drew or chose."""

    class Meta:
        model = Annotation
        fields = (
            "task", "result", "ground_truth", "was_cancelled", "lead_time", "completed_by",
            "parent_prediction",
        )  # fmt: skip


@admin.register(Annotation)
class AnnotationDesk(RegionRows):
    """Annotations."""

    form = AnnotationForm
    list_filter = (ProjectFilter, CreatedFilter, GroundTruthFilter)
    when_empty = (
        "An annotation is what a person drew or chose on a task. Open a task and choose New "
        "annotation, or load files of ground truth."
    )
    list_display = (
        "__str__", "task_number", "project", "completed_by", "ground_truth", "was_cancelled",
        "regions", "created",
    )  # fmt: skip
    actions = ("mark", "unmark")
    autocomplete_fields = ("task", "completed_by", "parent_prediction")
    fields = (
        "task", "project", "result", "ground_truth", "was_cancelled", "lead_time", "completed_by",
        "parent_prediction", "created", "updated",
    )  # fmt: skip
    belongs_to = "task"
    readonly_fields = ("project", "created", "updated")

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Without results; their regions are counted in the database."""
        light = rows.select_related("project", "completed_by").defer("result", *LONG_COLUMNS)
        shown: QuerySet[Any] = light.annotate(
            n_regions=jsonb_length("result"), local_picture=picture_of_task()
        )
        return shown

    def save_model(self, request: HttpRequest, obj: Annotation, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        if is_untouched(form, change):
            return
        access = access_of(request, obj.task.project.workspace_id, field="task")
        references = ("task", "completed_by", "parent_prediction")
        values = as_request(form.cleaned_data, form.changed_data, references=references)
        values.pop("task", None)
        accepted = checked(AnnotationSerializer(data=values, partial=change))
        if change:
            annotations.update_annotation(obj.pk, accepted, access)
        else:
            became(obj, annotations.create_annotation(obj.task_id, accepted, access)["id"])

    @admin.action(description="Mark as ground truth", permissions=["change"])
    def mark(self, request: HttpRequest, queryset: QuerySet[Annotation]) -> None:
        """The chosen ones."""
        self._mark(request, queryset, is_truth=True)

    @admin.action(description="Unmark as ground truth", permissions=["change"])
    def unmark(self, request: HttpRequest, queryset: QuerySet[Annotation]) -> None:
        """The chosen ones."""
        self._mark(request, queryset, is_truth=False)

    def _mark(self, request: HttpRequest, rows: QuerySet[Annotation], *, is_truth: bool) -> None:
        """All of them, or PermissionDenied where the caller may not change one."""
        by_workspace: dict[int, list[int]] = {}
        for row in rows:
            forbid(self.has_change_permission(request, row))
            by_workspace.setdefault(self.workspace_id_of(row), []).append(row.pk)
        n = 0
        for workspace_id, ids in by_workspace.items():
            access = access_of(request, workspace_id, field="task")
            n += annotations.mark_chosen(ids, is_truth=is_truth, access=access)
        audit.by_request(
            request,
            "annotations.marked",
            target=f"{n} annotations",
            workspace_id=next(iter(by_workspace)) if len(by_workspace) == 1 else None,
            ground_truth=is_truth,
        )
        done = "marked as ground truth" if is_truth else "unmarked"
        messages.success(request, f"{n} {plural(n, 'annotation')} {done}.")

    def delete_model(self, request: HttpRequest, obj: Annotation) -> None:
        """And marks the task as touched."""
        access = access_of(request, self.workspace_id_of(obj), field="task")
        annotations.delete_annotation(obj.pk, access)
