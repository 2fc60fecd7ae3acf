"""Whole projects as files: a stream, or a job with a status and a download."""

from typing import Any

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from accounts import audit
from predictions.api.parameters import ExportTypeParameters, ProjectExportParameters
from predictions.api.schema import exports as docs
from predictions.api.serializers import ProjectSerializer
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db.documents import Document
from predictions.db.versions import OneVersion
from predictions.exports import project as project_export
from predictions.exports import start, state
from predictions.exports.project import CONTENT_TYPES, Wanted
from predictions.models import Project, ProjectExport

NO_EXPORT = "No ProjectExport matches the given query."


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
        # No task has the id 0: of ids that are none, nothing is exported.
        ids = () if asked["ids"] is None else tuple(sorted({*asked["ids"]})) or (0,)
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
        storage = state.storage()
        if job.status != ProjectExport.Status.COMPLETED or not storage.exists(job.file_name):
            raise NotFound("There is no file: see the export's status.")
        response = FileResponse(storage.open(job.file_name, "rb"))
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
    place = f"/api/projects/{job.project_id}/exports/{job.pk}"
    return {
        "id": job.pk,
        "project": job.project_id,
        "exportType": job.export_type,
        "source": job.source,
        "ids": job.task_ids or None,
        "download_all_tasks": job.all_tasks,
        "model_version": job.model_version,
        "status": job.status,
        "progress": job.progress,
        "error": job.error,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "url": f"{place}/",
        "download": f"{place}/download" if is_done else None,
    }
