"""Pages of projects and their ML backends."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from unfold.decorators import action
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminTextInputWidget

from accounts import audit
from desk.page import Crumb, render_page
from desk.workspace_admin import (
    CODE,
    BoundedChangeList,
    DeskForm,
    View,
    WorkspaceAdmin,
    access_of,
    forbid,
    time_ago,
)
from predictions.api.serializers import ProjectSerializer
from predictions.db import annotations, projects
from predictions.desk import loads
from predictions.desk.grid import doing
from predictions.desk.grid import page as grid
from predictions.desk.hub import page as hub
from predictions.desk.project_rows import checked, is_untouched
from predictions.models import Annotation, Project
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.wording import number, plural


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


class ProjectList(BoundedChangeList):
    """Each row leads to the project's page."""

    def url_for_result(self, result: Any) -> str:
        return reverse("admin:predictions_project_hub", args=[result.pk])


@admin.register(Project)
class ProjectDesk(WorkspaceAdmin):
    """Projects. The slug is made of the title; the config is parsed when it is saved."""

    form = ProjectForm
    when_empty = (
        "A project holds tasks, their ground truth, and what models predicted. Load files "
        "makes one of a file of ground truth and a file of predictions."
    )
    list_display = ("name", "workspace", "slug", "model_version", "created")
    list_select_related = ("workspace",)
    search_fields = ("title", "slug")
    ordering = ("-id",)
    sortable_by = ()
    actions = ("mark_annotations",)
    actions_list = ("load_files",)
    actions_detail = ("to_hub", "load_into")
    belongs_to = "workspace"
    audited = frozenset({"changed", "deleted"})
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

    def pages(self) -> Mapping[str, tuple[str, View]]:
        """A project's own page and what it asks for, and the grid of its tasks; where the page
        "Load files" sends them: the REST layer checks its token there.
        """
        send = csrf_exempt(require_POST(partial(loads.send, self)))
        return {
            "send_files": ("load-files/<str:workspace>/", send),
            "tasks": ("<int:pk>/tasks/", require_GET(partial(grid.grid, self))),
            "act": ("<int:pk>/tasks/act/", require_POST(partial(doing.act, self))),
            "picture": (
                "<int:pk>/tasks/<int:task>/picture",
                require_GET(partial(grid.picture, self)),
            ),
            "hub": ("<int:pk>/", partial(hub.page, self)),
            "held": ("<int:pk>/held", partial(hub.counted, self)),
            "export": ("<int:pk>/export/<str:workspace>", partial(hub.export, self)),
        }

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return ProjectList

    def has_page_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the way to the project's page shows."""
        return self.has_view_permission(request)

    @action(  # type: ignore[untyped-decorator]
        description="The project's page", url_path="hub", permissions=["page"]
    )
    def to_hub(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        """From the settings to the page of the project."""
        return HttpResponseRedirect(reverse("admin:predictions_project_hub", args=[object_id]))

    def has_load_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the buttons show; the pages behind them look closer."""
        return self.has_add_permission(request)

    @action(  # type: ignore[untyped-decorator]
        description="Load files", url_path="load-files", permissions=["load"]
    )
    def load_files(self, request: HttpRequest) -> TemplateResponse:
        """Ground truth and predictions, into a new project or one that is there."""
        return loads.page(self, request)

    @action(  # type: ignore[untyped-decorator]
        description="Load files", url_path="load-files", permissions=["load"]
    )
    def load_into(self, request: HttpRequest, object_id: str) -> TemplateResponse:
        """The same, with this project chosen."""
        is_id = object_id.isdecimal() and int(object_id) <= MAX_BIGINT
        return loads.page(self, request, self.found(request, pk=int(object_id) if is_id else 0))

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Without configs, which may be long."""
        return rows.only(
            "title", "slug", "model_version", "validate_predictions", "created_at",
            "workspace__slug",
        )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        if is_untouched(form, change):
            return
        access = access_of(request, obj.workspace_id, field="workspace")
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        workspace = values.pop("workspace", None)
        # As stored: `obj` has the new values already.
        stored = Project.objects.get(pk=obj.pk) if change else None
        serializer = ProjectSerializer(stored, data=values, partial=change)
        accepted = checked(serializer)
        if stored is not None:
            projects.update_project(stored, accepted, parsed=serializer.parsed)
            return
        assert workspace is not None
        made = projects.create_project(accepted, access, parsed=serializer.parsed)
        obj.__dict__.update(made.__dict__)

    def response_post_save_change(self, request: HttpRequest, obj: Project) -> HttpResponse:
        """Back to the project's page."""
        return HttpResponseRedirect(reverse("admin:predictions_project_hub", args=[obj.pk]))

    response_post_save_add = response_post_save_change

    @admin.action(description="Mark all annotations as ground truth", permissions=["change"])
    def mark_annotations(
        self, request: HttpRequest, queryset: QuerySet[Project]
    ) -> TemplateResponse | None:
        """Those of the chosen projects that are not cancelled, after it was asked."""
        chosen = list(queryset)
        for project in chosen:
            forbid(self.has_change_permission(request, project))
        if request.POST.get("post") != "yes":
            return self._ask_to_mark(request, chosen)
        n = 0
        for project in chosen:
            access = access_of(request, project.workspace_id, field="project")
            marked = annotations.mark_all(project.pk, is_truth=True, access=access)
            text = f"{marked} annotations marked as ground truth."
            self.log_in_history(request, project, text)
            n += marked
        places = {project.workspace_id for project in chosen}
        audit.by_request(
            request,
            "annotations.marked",
            target=f"{n} annotations",
            workspace_id=places.pop() if len(places) == 1 else None,
            ground_truth=True,
            projects=[project.pk for project in chosen],
        )
        messages.success(request, f"{number(n)} {plural(n, 'annotation')} marked as ground truth.")
        return None

    def _ask_to_mark(self, request: HttpRequest, chosen: list[Project]) -> TemplateResponse:
        is_new = Q(was_cancelled=False, ground_truth=False)
        counted = {
            row["project"]: row
            for row in Annotation.objects.filter(project__in=chosen)
            .values("project")
            .annotate(new=Count("pk", is_new), marked=Count("pk", Q(ground_truth=True)))
        }
        none = {"new": 0, "marked": 0}
        return render_page(
            self,
            request,
            "desk/mark.html",
            title="Mark all annotations as ground truth",
            crumbs=[
                Crumb("Projects", reverse("admin:predictions_project_changelist")),
                Crumb("Mark annotations"),
            ],
            projects=[(project, counted.get(project.pk, none)) for project in chosen],
        )

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """With what goes along. A statement a project."""
        rows = list(objs)
        _, count, lacking, kept = super().get_deleted_objects(rows, request)
        return [hub.named(row) for row in rows], count, lacking, kept

    def delete_model(self, request: HttpRequest, obj: Project) -> None:
        """In one statement."""
        projects.delete_project(obj.pk)

    @admin.display(description="project")
    def name(self, project: Project) -> str:
        return str(project)

    @admin.display(description="created")
    def created(self, project: Project) -> SafeString | str:
        return time_ago(project.created_at)
