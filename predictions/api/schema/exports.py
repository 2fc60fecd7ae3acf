"""Exports of projects."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers

from predictions.api.parameters import (
    ExportListParameters,
    ExportTypeParameters,
    ProjectExportParameters,
)
from predictions.exports.project import SOURCES, TYPES
from predictions_api.http.fields import JSONObjectField, StrictSerializer
from predictions_api.http.openapi import answer_header, error_responses

JOB = inline_serializer(
    "ProjectExportJob",
    {
        "id": serializers.IntegerField(),
        "title": serializers.CharField(),
        "project": serializers.IntegerField(),
        "exportType": serializers.CharField(),
        "source": serializers.CharField(),
        "ids": serializers.ListField(
            child=serializers.IntegerField(), allow_null=True, help_text="Null for all tasks."
        ),
        "download_all_tasks": serializers.BooleanField(),
        "model_version": serializers.CharField(allow_null=True, help_text="Null for all."),
        "status": serializers.CharField(help_text="in_progress, completed, failed"),
        "progress": serializers.FloatField(help_text="From 0 to 1."),
        "error": serializers.CharField(help_text="Why it failed."),
        "created_at": serializers.DateTimeField(),
        "updated_at": serializers.DateTimeField(),
        "finished_at": serializers.DateTimeField(allow_null=True),
        "converted_formats": serializers.ListField(
            child=JSONObjectField(), help_text="Empty: an export has one type."
        ),
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
ALL_ANNOTATIONS = (
    "An export has the annotations of all kinds: leave these options out, or all of them true."
)
#: What Label Studio's clients send besides, without effect.
WITHOUT_EFFECT = frozenset(
    {
        "id", "project", "converted_formats", "counters", "created_at", "created_by",
        "finished_at", "md5", "serialization_options", "status",
    }
)  # fmt: skip
NOT_FILTERED = "Tasks are not chosen by this: save a view, and name it as `view`."


class TaskChoiceSerializer(StrictSerializer[Any]):
    """Which tasks are exported."""

    passes_nulls = True

    view = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1,
        help_text="Those that a saved view of the project shows when the export is made.",
    )  # fmt: skip
    only_with_annotations = serializers.BooleanField(required=False, allow_null=True)
    skipped = serializers.CharField(required=False, allow_null=True, help_text="Null alone.")
    finished = serializers.CharField(required=False, allow_null=True, help_text="Null alone.")
    annotated = serializers.CharField(required=False, allow_null=True, help_text="Null alone.")
    reviewed = serializers.CharField(required=False, allow_null=True, help_text="Null alone.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = ("skipped", "finished", "annotated", "reviewed")
        if errors := {name: [NOT_FILTERED] for name in given if attrs.get(name) is not None}:
            raise serializers.ValidationError(errors)
        return attrs


class AnnotationChoiceSerializer(StrictSerializer[Any]):
    """Which annotations are exported: all."""

    passes_nulls = True

    usual = serializers.BooleanField(required=False, allow_null=True)
    ground_truth = serializers.BooleanField(required=False, allow_null=True)
    skipped = serializers.BooleanField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [one for one in attrs.values() if one is not None]
        # Where one is asked for, those that are not named are left out.
        if given and given != [True, True, True]:
            raise serializers.ValidationError(ALL_ANNOTATIONS)
        return attrs


class SnapshotSerializer(StrictSerializer[Any]):
    """What Label Studio's clients ask for; `exportType` and `source` are ours. Everything else of
    theirs is taken without effect: objects are exported whole.
    """

    passes_nulls = True
    without_effect = WITHOUT_EFFECT

    title = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=2048
    )
    exportType = serializers.ChoiceField(required=False, choices=list(TYPES), default="JSON")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field of that name
        required=False, choices=SOURCES, default="annotations"
    )
    task_filter_options = TaskChoiceSerializer(required=False, allow_null=True)
    annotation_filter_options = AnnotationChoiceSerializer(required=False, allow_null=True)


FORMAT = inline_serializer(
    "ProjectExportFormat",
    {
        "title": serializers.CharField(),
        "description": serializers.CharField(),
        "tags": serializers.ListField(child=serializers.CharField(), help_text="What it is for."),
        "name": serializers.CharField(help_text="What `exportType` takes."),
        "disabled": serializers.BooleanField(
            required=False, help_text="True where the project's labelling config has nothing of it."
        ),
    },
)
EXPORT_FORMATS = extend_schema(
    operation_id="list_project_export_formats",
    summary="List the types a project can be exported as",
    responses={200: serializers.ListSerializer(child=FORMAT), **error_responses()},
)
EXPORT_LIST = extend_schema(
    operation_id="list_project_exports",
    summary="List a project's exports",
    description="Those made in the background, the newest first; each is kept for a week.",
    parameters=[ExportListParameters],
    responses={200: serializers.ListSerializer(child=JOB), **error_responses()},
)
EXPORT_CREATE = extend_schema(
    operation_id="create_project_export",
    summary="Export a project in the background",
    description="A file of the tasks as they are when it is made, those without annotations"
    " among them unless `only_with_annotations` is true. While the same is made already, that"
    " export is answered.",
    request=SnapshotSerializer,
    responses={201: JOB, **error_responses()},
)
EXPORT_DELETE = extend_schema(
    operation_id="delete_project_export",
    summary="Delete an export and its file",
    responses={204: None, **error_responses()},
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
