"""Whole projects as files: a stream, or a job with a status and a download.

Label Studio's clients call a job a snapshot.
"""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from predictions.api.parameters import (
    ExportJobParameters,
    ExportListParameters,
    ExportTypeParameters,
    ProjectExportParameters,
)
from predictions.api.schema import exports as docs
from predictions.api.serializers import ProjectSerializer
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db import task_pages
from predictions.db.curation.views import existing_view
from predictions.db.documents import Document
from predictions.db.versions import OneVersion
from predictions.exports import project as project_export
from predictions.exports import start, state
from predictions.exports.offered import offered
from predictions.exports.project import CONTENT_TYPES, Wanted
from predictions.filters.tasks import of_view
from predictions.models import Project, ProjectExport
from predictions_api.http.parameters import ordered_documents

#: Of tasks that are none, nothing is exported: no task has this id.
NO_TASKS = (0,)
OF_PREDICTIONS = "Goes with source=predictions."
NO_EXPORT = "No ProjectExport matches the given query."
IN_PROGRESS = "in_progress"


class ProjectExportViewSet(Rows):
    """`/api/projects/{id}/export` and the jobs it starts."""

    queryset = ProjectExport.objects.none()
    serializer_class = ProjectSerializer

    def _project(self) -> Project:
        mine = Project.objects.filter(workspace_id=self.access().workspace_id)
        project = mine.filter(pk=self.row_id("project_pk")).first()
        if project is None:
            raise NotFound(NO_PROJECT)
        return project

    def _job(self) -> ProjectExport:
        job = ProjectExport.objects.filter(project=self._project(), pk=self.row_id()).first()
        if job is None:
            raise NotFound(NO_EXPORT)
        return job

    @docs.PROJECT_EXPORT
    @audit.recorded("project.exported", "project {project_pk}", reads=True)
    def export(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """The file itself, as a stream; 202 and a job where that is asked for."""
        project = self._project()
        asked = ProjectExportParameters.read(request.query_params)
        if asked["model_version"] is not None and asked["source"] != "predictions":
            raise ValidationError({"model_version": [OF_PREDICTIONS]})
        ids = () if asked["ids"] is None else tuple(sorted({*asked["ids"]})) or NO_TASKS
        wanted = Wanted(
            asked["exportType"] or "JSON",
            asked["source"],
            ids,
            asked["download_all_tasks"],
            None if asked["model_version"] is None else OneVersion(asked["model_version"].strip()),
            asked["escape"],
        )
        project_export.check(project, wanted.export_type)
        if asked["background"]:
            job = start.start(project, wanted)
            return json_response(job_document(job), status.HTTP_202_ACCEPTED)
        response = StreamingHttpResponse(project_export.pieces(project, wanted))
        return as_file(response, wanted, project.pk)

    @docs.EXPORT_FORMATS
    def formats(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """The types; those that do not suit the project's labelling config are disabled."""
        return json_response(offered(self._project()))

    @docs.EXPORT_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """The project's jobs, the newest first."""
        jobs = ProjectExport.objects.filter(project=self._project()).order_by("id")
        wanted = ExportListParameters.read(request.query_params)["ordering"] or "-id"
        return json_response(ordered_documents([job_document(job) for job in jobs], wanted))

    @docs.EXPORT_CREATE
    @audit.recorded("project.exported", "project {project_pk}")
    def create(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """A job, by the body of Label Studio's clients."""
        project = self._project()
        ExportJobParameters.read_strictly(request.query_params)
        asked = self.checked(docs.SnapshotSerializer)
        tasks = asked.get("task_filter_options") or {}
        wanted = Wanted(
            asked["exportType"],
            asked["source"],
            self._tasks_of_view(tasks.get("view"), project),
            not tasks.get("only_with_annotations"),
        )
        project_export.check(project, wanted.export_type)
        job = start.start(project, wanted, title=asked.get("title") or "")
        return json_response(job_document(job), status.HTTP_201_CREATED)

    def _tasks_of_view(self, view_id: int | None, project: Project) -> tuple[int, ...]:
        """The tasks that a saved view of the project shows now; empty, for all, without a view."""
        if view_id is None:
            return ()
        view = existing_view(view_id, workspace_id=project.workspace_id, project_id=project.pk)
        shown = of_view(view.data, project_id=project.pk)
        return tuple(task_pages.ids_of(shown, project_id=project.pk)) or NO_TASKS

    @docs.EXPORT_DELETE
    @audit.recorded("export.deleted", "export {pk} of project {project_pk}")
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """Forgets a job, with its file."""
        state.delete(self._job())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.EXPORT_STATUS
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """How far a job is."""
        return json_response(job_document(self._job()))

    @docs.EXPORT_DOWNLOAD
    @audit.recorded("export.downloaded", "export {pk} of project {project_pk}", reads=True)
    def download(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """A completed job's file."""
        job = self._job()
        asked = ExportTypeParameters.read(request.query_params)["exportType"]
        if asked not in (None, job.export_type):
            raise NotFound(f"This export is {job.export_type}: ask for another one.")
        file = state.opened(job)
        if file is None:
            raise NotFound("There is no file: see the export's status.")
        response = FileResponse(file)
        return as_file(response, state.wanted_by(job), job.project_id)


def as_file(response: HttpResponseBase, wanted: Wanted, project_id: int) -> HttpResponseBase:
    """The response as a download."""
    name = f"project-{project_id}-{wanted.source}.{wanted.suffix}"
    response["Content-Type"] = CONTENT_TYPES[wanted.suffix]
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def job_document(job: ProjectExport) -> Document:
    """A job as its clients see it."""
    is_done = job.status == ProjectExport.Status.COMPLETED
    has_ended = is_done or job.status == ProjectExport.Status.FAILED
    place = f"/api/projects/{job.project_id}/exports/{job.pk}"
    return {
        "id": job.pk,
        "title": job.title,
        "project": job.project_id,
        "exportType": job.export_type,
        "source": job.source,
        "ids": job.task_ids or None,
        "download_all_tasks": job.all_tasks,
        "model_version": job.model_version,
        # What Label Studio's clients wait for the end of.
        "status": job.status if has_ended else IN_PROGRESS,
        "progress": job.progress,
        "error": job.error,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "finished_at": job.updated_at if has_ended else None,
        "converted_formats": [],
        "url": f"{place}/",
        "download": f"{place}/download" if is_done else None,
    }
