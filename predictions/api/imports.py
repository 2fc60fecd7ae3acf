"""The import endpoints: many rows in one request."""

import time
from typing import Any

from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from accounts import audit
from predictions.api import idempotency, loads
from predictions.api.parameters import PredictionImportParameters, TaskImportParameters
from predictions.api.schema import imports as docs
from predictions.api.serializers import TaskDetailSerializer
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.imports import files, predictions, tasks
from predictions.imports.bodies import (
    BulkJSONParser,
    FieldsParser,
    LinesParser,
    UploadParser,
    incoming,
)
from predictions.models import Project
from predictions.regions.config import read_config
from predictions_api.http.rendering import FormatIsOurs


class ImportViewSet(Rows):
    """Predictions of one project."""

    queryset = Project.objects.none()
    parser_classes = [BulkJSONParser, LinesParser]
    serializer_class = TaskDetailSerializer

    def _project(self) -> Project:
        found = Project.objects.filter(
            pk=self.row_id(), workspace_id=self.access().workspace_id
        ).first()
        if found is None:
            raise NotFound(NO_PROJECT)
        return found

    @docs.IMPORT_PREDICTIONS
    @audit.recorded("predictions.imported", "project {pk}")
    def import_predictions(self, request: Request, **kwargs: Any) -> HttpResponse:
        project = self._project()
        wanted = PredictionImportParameters.read(request.query_params)
        skip_bad, upsert = wanted["on_error"] == "skip", wanted["upsert"]
        body = incoming(request)
        is_heard = self.access().is_heard

        def store() -> HttpResponse:
            # An upsert locks the tasks it names, if they can be known beforehand.
            batches = None if upsert and body.array else body.batches()
            if batches is None:
                answer = predictions.store(
                    project, body.whole(), skip_bad=skip_bad, upsert=upsert, is_heard=is_heard
                )
            else:
                answer = predictions.store_batches(
                    project, batches, skip_bad=skip_bad, upsert=upsert, is_heard=is_heard
                )
            return json_response(answer, status.HTTP_201_CREATED)

        return idempotency.once(request, store, digest=body.digest)


class TaskImportViewSet(ImportViewSet):
    """Whole tasks, also from files."""

    parser_classes = [BulkJSONParser, LinesParser, UploadParser, FieldsParser]
    content_negotiation_class = FormatIsOurs

    @docs.IMPORT_TASKS
    @audit.recorded("tasks.imported", "project {pk}")
    def import_tasks(self, request: Request, **kwargs: Any) -> HttpResponse:
        project = self._project()
        wanted = TaskImportParameters.read(request.query_params)
        fields = wanted["preannotated_from_fields"] or []
        body = incoming(request)
        if wanted["format"] is not None:
            return loads.answer(request, body, wanted, project)

        def store() -> HttpResponse:
            started = time.perf_counter()
            upload = files.read(body.form, project, fields) if body.form else None
            items = files.batches(body, upload, fields, read_config(project.label_config))
            done = tasks.store_batches(
                project, items, self.access(), commits=wanted["commit_to_project"]
            )
            task_ids = done.pop("task_ids")
            answer = {
                **done,
                "duration": time.perf_counter() - started,
                # No file is kept.
                "file_upload_ids": [],
                "could_be_tasks_list": bool(upload and upload.could_be_tasks_list),
                # As Label Studio: an object of counts for files, else an empty list.
                "found_formats": upload.formats if upload else [],
                "data_columns": upload.columns if upload else [],
            }
            if wanted["return_task_ids"]:
                answer["task_ids"] = task_ids
            return json_response(answer, status.HTTP_201_CREATED)

        try:
            return idempotency.once(request, store, digest=body.digest)
        finally:
            body.close()
