"""Pages for projects, tasks, annotations, predictions and ML backends.

Forms only collect values. The serializers of the API check them and its write rooms store them,
so that a page can do nothing a request cannot.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError as FormError
from django.core.validators import URLValidator
from django.db import models
from django.db.models import F, Func, IntegerField, Q, QuerySet
from django.db.models.functions import Cast, Left, Substr
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import BaseSerializer
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminTextInputWidget

from accounts.desk import (
    CODE,
    DeskForm,
    WorkspaceAdmin,
    access_of,
    became,
    is_superuser,
    pretty,
    roles_of,
    time_ago,
)
from accounts.wording import number
from predictions import curate, ingest, queries
from predictions.models import Annotation, MLBackend, Prediction, Project, Task
from predictions.serializers import (
    MAX_BIGINT,
    AnnotationSerializer,
    PredictionSerializer,
    ProjectSerializer,
    TaskSerializer,
    unknown_pk,
)

# Choices a filter spells out; an id in the address reaches the others.
MAX_CHOICES = 200
SUMMARY_LENGTH = 80
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


def projects_of(request: HttpRequest) -> list[int]:
    """Ids of the projects in the caller's workspaces. One statement a request.

    As a list: the planner then knows how few they are, and takes the index that begins with them.
    """
    known: list[int] | None = getattr(request, "desk_projects", None)
    if known is None:
        rows = Project.objects.filter(workspace_id__in=list(roles_of(request)))
        known = list(rows.values_list("pk", flat=True))
        request.desk_projects = known  # type: ignore[attr-defined]
    return known


class ProjectFilter(admin.SimpleListFilter):
    """The newest projects that the caller sees."""

    title = "project"
    parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Named by title."""
        projects = admin.site.get_model_admin(Project).get_queryset(request).order_by("-id")
        rows = projects.values_list("pk", "title", "slug")[:MAX_CHOICES]
        return [(str(pk), title or slug) for pk, title, slug in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows of the chosen project; none for text that is no id."""
        value = self.value()
        if value is None:
            return queryset
        is_id = value.isdecimal() and int(value) <= MAX_BIGINT
        return queryset.filter(project_id=int(value)) if is_id else queryset.none()


class VersionFilter(admin.SimpleListFilter):
    """Model versions of the chosen project: it appears once a project is chosen."""

    title = "model version"
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """In alphabetical order."""
        chosen = request.GET.get(ProjectFilter.parameter_name, "")
        if not chosen.isdecimal() or int(chosen) > MAX_BIGINT:
            return []
        if not is_superuser(request) and int(chosen) not in projects_of(request):
            return []
        names = queries.version_names(int(chosen), limit=MAX_CHOICES)
        return [(name, name or "(none)") for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By the index on the first 200 characters."""
        value = self.value()
        if value is None or "\0" in value:
            return queryset
        start = Left("model_version", 200)
        chosen: QuerySet[Any] = queryset.alias(version_start=start).filter(version_start=value)
        return chosen


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


def jsonb_length(column: str) -> Func:
    """How many entries a jsonb list has, counted in the database: lists need not load it."""
    return Func(F(column), function="jsonb_array_length", output_field=IntegerField())


class ProjectForm(DeskForm):
    """A project's settings."""

    class Meta:
        model = Project
        fields = (
            "workspace", "title", "description", "label_config", "validate_predictions",
            "model_version", "expert_instruction", "show_instruction", "sampling",
            "maximum_annotations", "color", "is_published",
        )  # fmt: skip
        widgets = {
            "description": UnfoldAdminExpandableTextareaWidget,
            "expert_instruction": UnfoldAdminExpandableTextareaWidget,
            "model_version": UnfoldAdminTextInputWidget,
            "label_config": CODE,
        }


@admin.register(Project)
class ProjectDesk(WorkspaceAdmin):
    """Projects. The slug is made of the title; the config is parsed when it is saved."""

    form = ProjectForm
    list_display = ("name", "workspace", "slug", "model_version", "validate_predictions", "created")
    list_select_related = ("workspace",)
    search_fields = ("title", "slug")
    ordering = ("-id",)
    sortable_by = ()
    readonly_fields = ("slug", "created", "created_by")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "workspace", "title", "slug", "description", "label_config",
                    "validate_predictions", "model_version",
                )
            },
        ),
        (
            "For the labelling tool",
            {
                "classes": ("collapse",),
                "fields": (
                    "expert_instruction", "show_instruction", "sampling", "maximum_annotations",
                    "color", "is_published",
                ),
            },
        ),
        ("History", {"classes": ("collapse",), "fields": ("created", "created_by")}),
    )  # fmt: skip

    def workspace_id_of(self, obj: Project) -> int:
        return obj.workspace_id

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Without configs, which may be long."""
        return rows.only(
            "title", "slug", "model_version", "validate_predictions", "created_at",
            "workspace__slug",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A project stays in its workspace."""
        return self.readonly_fields if obj is None else ("workspace", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, obj.workspace_id, field="workspace")
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        workspace = values.pop("workspace", None)
        # As stored: `obj` has the new values already.
        stored = Project.objects.get(pk=obj.pk) if change else None
        serializer = ProjectSerializer(stored, data=values, partial=change)
        accepted = checked(serializer)
        if stored is not None:
            curate.update_project(stored, accepted, parsed=serializer.parsed)
            return
        assert workspace is not None
        made = curate.create_project(accepted, access, parsed=serializer.parsed)
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Project) -> None:
        """In one statement."""
        curate.delete_project(obj.pk)

    @admin.display(description="project")
    def name(self, project: Project) -> str:
        return str(project)

    @admin.display(description="created")
    def created(self, project: Project) -> SafeString | str:
        return time_ago(project.created_at)


class TaskForm(DeskForm):
    """What is labelled."""

    class Meta:
        model = Task
        fields = ("project", "data", "meta", "overlap")


@admin.register(Task)
class TaskDesk(ProjectRows):
    """Tasks."""

    form = TaskForm
    list_display = ("__str__", "inner_id", "project", "summary", "created", "updated")
    autocomplete_fields = ("project",)
    fields = ("project", "inner_id", "data", "meta", "overlap", "created", "updated")
    readonly_fields = ("inner_id", "created", "updated")

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The beginning of the data stands for all of it."""
        text = Substr(Cast("data", models.TextField()), 1, SUMMARY_LENGTH + 1)
        light = rows.defer("data", "meta", *LONG_COLUMNS)
        shown: QuerySet[Any] = light.annotate(data_start=text)
        return shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A task stays in its project."""
        return self.readonly_fields if obj is None else ("project", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Task, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, obj.project.workspace_id, field="project")
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            accepted = checked(TaskSerializer(data=values, partial=True))
            curate.update_task(obj.pk, accepted, access)
            return
        values["project"] = obj.project_id
        became(obj, curate.create_task(checked(TaskSerializer(data=values)), access)["id"])

    def delete_model(self, request: HttpRequest, obj: Task) -> None:
        """With its predictions and annotations."""
        curate.delete_task(obj.pk, access_of(request, self.workspace_id_of(obj), field="project"))

    @admin.display(description="data")
    def shown_data(self, task: Task) -> SafeString:
        return pretty(task.data)

    @admin.display(description="meta")
    def shown_meta(self, task: Task) -> SafeString:
        return pretty(task.meta)

    @admin.display(description="data")
    def summary(self, task: Any) -> str:
        return shortened(task.data_start)


class PredictionForm(DeskForm):
    """What a model says about a task."""

    class Meta:
        model = Prediction
        fields = (
            "task", "model_version", "score", "result", "cluster", "neighbors", "mislabeling",
            "model",
        )  # fmt: skip
        widgets = {
            "model_version": UnfoldAdminTextInputWidget,
            "neighbors": UnfoldAdminExpandableTextareaWidget,
        }


@admin.register(Prediction)
class PredictionDesk(ProjectRows):
    """Predictions. Their project always is the task's."""

    form = PredictionForm
    list_display = (
        "__str__",
        "task_number",
        "project",
        "version",
        "shown_score",
        "regions",
        "created",
    )
    list_filter = (ProjectFilter, VersionFilter)
    autocomplete_fields = ("task", "model")
    fields = (
        "task", "project", "model_version", "score", "result", "cluster", "neighbors",
        "mislabeling", "model", "model_run_id", "created", "updated",
    )  # fmt: skip
    readonly_fields = ("project", "model_run_id", "created", "updated")

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Without results, which may be long; how many regions they have is counted there."""
        shown: QuerySet[Any] = rows.defer("result", "neighbors", *LONG_COLUMNS).annotate(
            n_regions=jsonb_length("result"),
            version_start=Left("model_version", SUMMARY_LENGTH + 1),
        )
        return shown

    def save_model(self, request: HttpRequest, obj: Prediction, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        values = as_request(form.cleaned_data, form.changed_data, references=("task", "model"))
        access = access_of(request, obj.task.project.workspace_id, field="task")
        if not change:
            accepted = checked(PredictionSerializer(data={**values, "task": obj.task_id}))
            became(obj, ingest.create(accepted, access)["id"])
            return
        target = queries.target_of_prediction(obj.pk, workspace_id=access.workspace_id)
        if target is None:
            # The form's new task is of another workspace than the stored one.
            raise ValidationError({"task": [unknown_pk(obj.task_id)]})
        ingest.update(
            obj.pk, checked(PredictionSerializer(data=values, partial=True)), access, target
        )

    def delete_model(self, request: HttpRequest, obj: Prediction) -> None:
        """Annotations made from it stay."""
        ingest.delete(obj.pk, access_of(request, self.workspace_id_of(obj), field="task"))

    @admin.display(description="result")
    def shown_result(self, prediction: Prediction) -> SafeString:
        return pretty(prediction.result)

    @admin.display(description="neighbors")
    def shown_neighbors(self, prediction: Prediction) -> SafeString:
        return pretty(prediction.neighbors)

    @admin.display(description="task")
    def task_number(self, prediction: Prediction) -> SafeString:
        return task_link(prediction.task_id)

    @admin.display(description="model version")
    def version(self, prediction: Any) -> str:
        return shortened(prediction.version_start)

    @admin.display(description="score")
    def shown_score(self, prediction: Prediction) -> str:
        return number(prediction.score)

    @admin.display(description="regions")
    def regions(self, prediction: Any) -> str:
        return number(prediction.n_regions)


class AnnotationForm(DeskForm):
    """What a person drew or chose."""

    class Meta:
        model = Annotation
        fields = (
            "task", "result", "ground_truth", "was_cancelled", "lead_time", "completed_by",
            "parent_prediction",
        )  # fmt: skip


@admin.register(Annotation)
class AnnotationDesk(ProjectRows):
    """Annotations."""

    form = AnnotationForm
    list_display = (
        "__str__", "task_number", "project", "completed_by", "ground_truth", "was_cancelled",
        "regions", "created",
    )  # fmt: skip
    autocomplete_fields = ("task", "completed_by", "parent_prediction")
    fields = (
        "task", "project", "result", "ground_truth", "was_cancelled", "lead_time", "completed_by",
        "parent_prediction", "created", "updated",
    )  # fmt: skip
    readonly_fields = ("project", "created", "updated")

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Without results; their regions are counted in the database."""
        light = rows.select_related("project", "completed_by").defer("result", *LONG_COLUMNS)
        shown: QuerySet[Any] = light.annotate(n_regions=jsonb_length("result"))
        return shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """An annotation stays on its task."""
        return self.readonly_fields if obj is None else ("task", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Annotation, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, obj.task.project.workspace_id, field="task")
        references = ("task", "completed_by", "parent_prediction")
        values = as_request(form.cleaned_data, form.changed_data, references=references)
        values.pop("task", None)
        accepted = checked(AnnotationSerializer(data=values, partial=change))
        if change:
            curate.update_annotation(obj.pk, accepted, access)
        else:
            became(obj, curate.create_annotation(obj.task_id, accepted, access)["id"])

    def delete_model(self, request: HttpRequest, obj: Annotation) -> None:
        """And marks the task as touched."""
        access = access_of(request, self.workspace_id_of(obj), field="task")
        curate.delete_annotation(obj.pk, access)

    @admin.display(description="result")
    def shown_result(self, annotation: Annotation) -> SafeString:
        return pretty(annotation.result)

    @admin.display(description="task")
    def task_number(self, annotation: Annotation) -> SafeString:
        return task_link(annotation.task_id)

    @admin.display(description="regions")
    def regions(self, annotation: Any) -> str:
        return number(annotation.n_regions)


class MLBackendForm(forms.ModelForm):  # type: ignore[type-arg]
    """Where a model server listens."""

    class Meta:
        model = MLBackend
        fields = ("project", "url", "title", "model_version")
        widgets = {"model_version": UnfoldAdminTextInputWidget}

    def clean_url(self) -> str:
        """Refuses what no HTTP client can call."""
        url: str = self.cleaned_data["url"]
        try:
            URLValidator(schemes=["http", "https"])(url)
        except FormError:
            # One-word names of a private network are addresses, too.
            if not url.startswith(("http://", "https://")) or " " in url:
                raise
        return url


@admin.register(MLBackend)
class MLBackendDesk(ProjectRows):
    """Model servers that predictions can name as their source."""

    form = MLBackendForm
    list_display = ("__str__", "project", "url", "model_version", "created")
    autocomplete_fields = ("project",)
    fields = ("project", "url", "title", "model_version", "created", "updated")
    readonly_fields = ("created", "updated")

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer(*LONG_COLUMNS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Predictions of its project name it: it stays there."""
        return self.readonly_fields if obj is None else ("project", *self.readonly_fields)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By title or address: there are few."""
        text = search_term.replace("\0", "").strip()
        return queryset.filter(Q(title__icontains=text) | Q(url__icontains=text)), False

    def save_model(self, request: HttpRequest, obj: MLBackend, form: Any, change: bool) -> None:
        """No rule depends on it but who may write."""
        access_of(request, obj.project.workspace_id, field="project")
        obj.save()

    def delete_model(self, request: HttpRequest, obj: MLBackend) -> None:
        """With the predictions it made."""
        curate.delete_ml_backend(obj.pk)


def as_request(
    values: Mapping[str, Any], changed: list[str], *, references: tuple[str, ...]
) -> dict[str, Any]:
    """A form's changed values as a request would send them: ids instead of rows."""
    return {
        name: getattr(values[name], "pk", None) if name in references else values[name]
        for name in changed
    }


def task_link(task_id: int) -> SafeString:
    """To the task's page."""
    url = reverse("admin:predictions_task_change", args=[task_id])
    return format_html('<a class="underline" href="{}">{}</a>', url, task_id)


def shortened(text: str | None) -> str:
    """At most SUMMARY_LENGTH characters, and a dash for nothing."""
    if not text:
        return "-"
    return text if len(text) <= SUMMARY_LENGTH else f"{text[:SUMMARY_LENGTH]}…"
