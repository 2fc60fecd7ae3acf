"""Whole projects as files: at once when small, otherwise by a job with a status and a download."""

import tempfile
from pathlib import Path
from typing import Any

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from accounts import audit
from predictions.api.parameters import ProjectExportParameters
from predictions.api.schema import exports as docs
from predictions.api.serializers import ProjectSerializer
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db.documents import Document
from predictions.db.tasks import count_tasks
from predictions.exports import project as project_export
from predictions.exports import start, state
from predictions.exports.project import CONTENT_TYPES, TYPES
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
        """The file itself where the project is small, else 202 and the job."""
        project = self._project()
        wanted = ProjectExportParameters.read(request.query_params)
        export_type, source = wanted["exportType"], wanted["source"]
        project_export.check(project, export_type)
        limit = project_export.AT_ONCE_TASKS
        if count_tasks(project.pk, most=limit + 1) > limit:
            job = start.start(project, export_type, source)
            return json_response(job_document(job), status.HTTP_202_ACCEPTED)
        return self._at_once(project, export_type, source)

    def _at_once(self, project: Project, export_type: str, source: str) -> HttpResponseBase:
        suffix = TYPES[export_type]
        if export_type == "JSON":
            pieces = project_export.json_pieces(project, source)
            response: HttpResponseBase = StreamingHttpResponse(pieces)
        else:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "export")
                try:
                    project_export.write(project, export_type, source, path)
                except Exception as exc:  # the converter raises whatever a result makes it
                    message = f"The results cannot be converted to {export_type}."
                    raise ValidationError({"exportType": [message]}) from exc
                # Open files outlive their names.
                response = FileResponse(path.open("rb"))
        return as_file(response, suffix, f"project-{project.pk}-{source}.{suffix}")

    @docs.EXPORT_STATUS
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """How far a job is."""
        return json_response(job_document(self._job()))

    @docs.EXPORT_DOWNLOAD
    @audit.recorded("export.downloaded", "export {pk} of project {project_pk}", reads=True)
    def download(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """A completed job's file."""
        job = self._job()
        storage = state.storage()
        if job.status != ProjectExport.Status.COMPLETED or not storage.exists(job.file_name):
            raise NotFound("There is no file: see the export's status.")
        suffix = TYPES[job.export_type]
        name = f"project-{job.project_id}-{job.source}.{suffix}"
        return as_file(FileResponse(storage.open(job.file_name, "rb")), suffix, name)


def as_file(response: HttpResponseBase, suffix: str, name: str) -> HttpResponseBase:
    """The response as a download of that name."""
    response["Content-Type"] = CONTENT_TYPES[suffix]
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
        "status": job.status,
        "progress": job.progress,
        "error": job.error,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "url": f"{place}/",
        "download": f"{place}/download" if is_done else None,
    }
