"""Exports of projects."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers

from predictions.api.parameters import ExportTypeParameters, ProjectExportParameters
from predictions.models import ProjectExport
from predictions_api.http.fields import JSONObjectField
from predictions_api.http.openapi import answer_header, error_responses

JOB = inline_serializer(
    "ProjectExportJob",
    {
        "id": serializers.IntegerField(),
        "project": serializers.IntegerField(),
        "exportType": serializers.CharField(),
        "source": serializers.CharField(),
        "ids": serializers.ListField(
            child=serializers.IntegerField(), allow_null=True, help_text="Null for all tasks."
        ),
        "download_all_tasks": serializers.BooleanField(),
        "model_version": serializers.CharField(allow_null=True, help_text="Null for all."),
        "status": serializers.CharField(help_text=", ".join(ProjectExport.Status.values)),
        "progress": serializers.FloatField(help_text="From 0 to 1."),
        "error": serializers.CharField(help_text="Why it failed."),
        "created_at": serializers.DateTimeField(),
        "updated_at": serializers.DateTimeField(),
        "url": serializers.CharField(help_text="Where its status is."),
        "download": serializers.CharField(allow_null=True, help_text="Where its file is."),
    },
)
FILE = {
    (200, "application/json"): serializers.ListSerializer(child=JSONObjectField()),
    (200, "text/csv"): OpenApiTypes.STR,
    (200, "text/tab-separated-values"): OpenApiTypes.STR,
    (200, "application/zip"): OpenApiTypes.BINARY,
}
PROJECT_EXPORT = extend_schema(
    operation_id="export_project",
    summary="Export a project",
    description="The file itself, whatever the size: a stream. `background=true` answers a job"
    " instead. JSON has tasks with full predictions or annotations; the other types are called as"
    " Label Studio calls them. Tasks that have nothing of the source are left out unless"
    " `download_all_tasks` asks for them. No image is fetched or read: the files name images after"
    " their task.",
    parameters=[
        ProjectExportParameters,
        answer_header("Content-Disposition", 200, "The file's name.", required=True),
    ],
    responses={**FILE, 202: JOB, **error_responses()},
)
EXPORT_STATUS = extend_schema(
    operation_id="get_project_export",
    summary="Get an export's status",
    responses={200: JOB, **error_responses()},
)
EXPORT_DOWNLOAD = extend_schema(
    operation_id="download_project_export",
    summary="Download a finished export",
    description="404 where another type is asked for than the export has.",
    parameters=[
        ExportTypeParameters,
        answer_header("Content-Disposition", 200, "The file's name.", required=True),
    ],
    responses={**FILE, **error_responses()},
)
