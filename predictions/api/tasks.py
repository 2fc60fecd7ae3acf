"""The endpoints of tasks and of the annotations on them: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from predictions.api import idempotency
from predictions.api.parameters import (
    AnnotationListParameters,
    TaskListParameters,
    TaskPageParameters,
)
from predictions.api.schema import tasks as docs
from predictions.api.serializers import AnnotationSerializer, MarkSerializer, TaskSerializer
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db import task_pages, tasks
from predictions.db.annotations import (
    annotations_of_tasks,
    create_annotation,
    delete_annotation,
    existing_annotation,
    mark_all,
    mark_chosen,
    update_annotation,
)
from predictions.db.curation.views import existing_view
from predictions.db.documents import Document
from predictions.db.places import project_exists
from predictions.filters.tasks import TaskFilter, of_list
from predictions.models import Annotation, Task
from predictions_api.http.fields import unknown_pk
from predictions_api.http.parameters import NoParameters, ordered_documents

STAYS = "An annotation stays on its task; make another one there."
ALL_TASKS = (
    "All tasks of the project are deleted: leave the body out. "
    "POST /api/dm/actions?id=delete_tasks deletes those that are chosen."
)
IMPORTED = "A task with these inside is imported: POST /api/projects/{id}/import."
NO_PROJECT_NAMED = {"detail": "Neither project nor view id specified"}


class TaskPages(Rows):
    """Pages of a project's tasks, with what was predicted and annotated on them."""

    queryset = Task.objects.none()
    serializer_class = TaskSerializer

    def known_project(self, project_id: int) -> int:
        """The id. NotFound for a project that the caller does not see."""
        if not project_exists(project_id, workspace_id=self.access().workspace_id):
            raise NotFound(NO_PROJECT)
        return project_id

    def page(
        self, project_id: int, wanted: TaskFilter, asked: Mapping[str, Any], *, bare: bool = False
    ) -> HttpResponse:
        workspace_id = self.access().workspace_id
        size, page = asked["page_size"], asked["page"]
        rows = task_pages.page(
            wanted,
            workspace_id=workspace_id,
            project_id=project_id,
            limit=size,
            offset=(page - 1) * size,
        )
        if not rows and page > 1:
            # Label Studio's client reads pages until it meets this.
            raise NotFound("Invalid page.")
        shown = self._shown(rows, asked)
        if bare:
            return json_response(shown)
        totals = task_pages.totals(wanted, project_id=project_id)
        return json_response({**totals, "tasks": shown})

    def _shown(self, rows: Sequence[Document], asked: Mapping[str, Any]) -> Sequence[Document]:
        """Full tasks with `fields=all`; only the keys that `include` names, where it names any."""
        wants_children = asked["fields"] == "all"
        include = asked["include"]
        if wants_children or include:
            shown = task_pages.with_children(rows)
        else:
            # Nobody drafts here; Label Studio's lists have the key.
            shown = [{**task, "drafts": []} for task in rows]
        if not include:
            return shown
        return [{name: task[name] for name in include if name in task} for task in shown]


class ProjectTaskViewSet(TaskPages):
    """Tasks under their project: a page is an array."""

    list_name = "Project Task List Api"

    @docs.PROJECT_TASK_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        project_id = self.known_project(self.row_id("project_pk"))
        asked = TaskPageParameters.read(request.query_params)
        return self.page(project_id, TaskFilter(), asked, bare=True)

    @docs.PROJECT_TASKS_DELETE
    @audit.recorded("selection.delete_tasks", "project {project_pk}")
    def destroy_many(self, request: Request, **kwargs: Any) -> HttpResponse:
        project_id = self.known_project(self.row_id("project_pk"))
        NoParameters.read_strictly(request.query_params)
        if request.data:
            raise ValidationError([ALL_TASKS])
        tasks.delete_all_tasks(project_id, self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)


class TaskViewSet(TaskPages):
    """Tasks: a page has the totals of the project."""

    list_name = "Task List Api"
    detail_name = "Task Api"

    def get_object(self) -> Document:
        return tasks.existing_task(self.row_id(), self.access())

    @docs.TASK_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        asked = TaskListParameters.read(request.query_params)
        project_id, view = asked["project"], None
        if asked["view"] is not None:
            view = existing_view(
                asked["view"], workspace_id=self.access().workspace_id, project_id=project_id
            )
            project_id = view.project_id
        if project_id is None:
            return json_response(NO_PROJECT_NAMED, status.HTTP_404_NOT_FOUND)
        wanted = of_list(
            asked["query"],
            project_id=self.known_project(project_id),
            view=None if view is None else view.data,
            selected=asked["selectedItems"],
            only_annotated=asked["only_annotated"],
        )
        return self.page(project_id, wanted, asked)

    @docs.TASK_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        return idempotency.once(request, self._create)

    def _create(self) -> HttpResponse:
        body = self.request.data if isinstance(self.request.data, Mapping) else {}
        if inside := [name for name in ("predictions", "annotations") if body.get(name)]:
            raise ValidationError({name: [IMPORTED] for name in inside})
        task = tasks.create_task(self.checked(TaskSerializer), self.access())
        return json_response(task, status.HTTP_201_CREATED)

    @docs.TASK_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(task_pages.with_children([self.get_object()])[0])

    @docs.TASK_PUT
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    @docs.TASK_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        self.get_object()
        values = self.checked(TaskSerializer, partial=partial)
        return json_response(tasks.update_task(self.row_id(), values, self.access()))

    @docs.TASK_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        tasks.delete_task(self.row_id(), self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)


class TaskAnnotationViewSet(Rows):
    """What people drew, under its task."""

    queryset = Annotation.objects.none()
    serializer_class = AnnotationSerializer
    list_name = "Annotations List Api"

    @docs.ANNOTATION_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        task = tasks.existing_task(self.row_id("task_pk"), self.access())
        asked = AnnotationListParameters.read(request.query_params)
        # As Label Studio: those that were cancelled are on the task's own document alone.
        found = [one for one in annotations_of_tasks([task["id"]]) if not one["was_cancelled"]]
        return json_response(ordered_documents(found, asked["ordering"]))

    @docs.ANNOTATION_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        return idempotency.once(request, self._create)

    def _create(self) -> HttpResponse:
        access, task_id = self.access(), self.row_id("task_pk")
        tasks.existing_task(task_id, access)
        annotation = create_annotation(task_id, self.checked(AnnotationSerializer), access)
        return json_response(annotation, status.HTTP_201_CREATED)


class AnnotationViewSet(Rows):
    """What people drew, by its own id."""

    queryset = Annotation.objects.none()
    serializer_class = AnnotationSerializer
    detail_name = "Annotation Api"

    def get_object(self) -> Document:
        return existing_annotation(self.row_id(), self.access())

    @docs.ANNOTATION_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(self.get_object())

    @docs.ANNOTATION_PUT
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    @docs.ANNOTATION_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        kept, body = self.get_object(), self.request.data
        values = self.checked(AnnotationSerializer, partial=partial)
        given = {n: body.get(n) for n in ("task", "project")} if isinstance(body, Mapping) else {}
        if moved := [n for n, v in given.items() if v is not None and str(v) != str(kept[n])]:
            raise ValidationError({name: [STAYS] for name in moved})
        return json_response(update_annotation(self.row_id(), values, self.access()))

    @docs.ANNOTATION_MARK
    @audit.recorded("annotations.marked")
    def mark(self, request: Request, **kwargs: Any) -> HttpResponse:
        access, asked = self.access(), self.checked(MarkSerializer)
        NoParameters.read_strictly(request.query_params)
        is_truth, project_id = asked["ground_truth"], asked.get("project")
        if project_id is None:
            n = mark_chosen(asked["ids"], is_truth=is_truth, access=access)
        elif project_exists(project_id, workspace_id=access.workspace_id):
            n = mark_all(project_id, is_truth=is_truth, access=access)
        else:
            raise ValidationError({"project": [unknown_pk(project_id)]})
        target = f"{n} annotations" + ("" if project_id is None else f" of project {project_id}")
        audit.note(request, target=target, ground_truth=is_truth)
        return json_response({"updated": n})

    @docs.ANNOTATION_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        delete_annotation(self.row_id(), self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)
