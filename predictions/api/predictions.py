"""The predictions' endpoints: parse, call, respond.

Answers are bytes made from rows (`predictions.db.documents`). The serializers only check requests
and describe the schema.
"""

from __future__ import annotations  # `list` is a method here

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework import status
from rest_framework.exceptions import MethodNotAllowed, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from predictions.api import idempotency
from predictions.api.parameters import (
    PredictionExportParameters,
    PredictionListParameters,
    UpsertParameters,
    VersionDeleteParameters,
)
from predictions.api.schema import predictions as docs
from predictions.api.serializers import PredictionSerializer
from predictions.api.viewset import REQUIRED, Rows, json_response, validated
from predictions.db import places, prediction_batches, prediction_lists, predictions, versions
from predictions.db.documents import Document
from predictions.db.versions import OneVersion
from predictions.exports import dataset, formats
from predictions.filters.predictions import PredictionFilter, filter_of
from predictions.models import Prediction, Project
from predictions_api.http.pagination import page_url
from predictions_api.http.parameters import INVALID_CHOICE, NOT_TAKEN
from predictions_api.http.rendering import OrjsonRenderer, accepts_gzip

NULL_ALONE = "Goes without model_version__isnull."
ONE_VERSION = "A data set has one version, which `false` does not name."


class LinesRenderer(OrjsonRenderer):
    """application/x-ndjson, which lists offer beside JSON. What is no list is JSON all the same."""

    media_type = "application/x-ndjson"
    format = "ndjson"


def wants_gzip(request: Request) -> bool:
    """Whether the caller takes it."""
    return accepts_gzip(request.headers.get("Accept-Encoding", ""))


def streamed(
    request: Request, pieces: Iterator[bytes], content_type: str, *, compressed: bool = False
) -> HttpResponseBase:
    """A streamed answer, gzipped for a caller that takes it."""
    squeeze = not compressed and wants_gzip(request)
    response = StreamingHttpResponse(
        formats.gzipped(pieces) if squeeze else pieces, content_type=content_type
    )
    if not compressed:
        patch_vary_headers(response, ["Accept-Encoding"])
    if squeeze:
        response["Content-Encoding"] = "gzip"
    return response


def _asked_version(asked: Mapping[str, Any]) -> OneVersion | None:
    if asked["model_version__isnull"]:
        return OneVersion(None)
    version = asked["model_version"]
    return None if version is None else OneVersion(version.strip())


class PredictionViewSet(Rows):
    """Predictions, one by one, as lists and as files."""

    queryset = Prediction.objects.none()
    list_name = "Prediction Api List"
    detail_name = "Prediction Api Instance"
    serializer_class = PredictionSerializer

    def get_view_description(self, html: bool = False) -> str:
        """Label Studio's has none."""
        return ""

    def get_renderers(self) -> list[Any]:
        """The list comes as JSON or as lines; everything else as JSON."""
        lines = [LinesRenderer()] if self.action == "list" else []
        return [OrjsonRenderer(), *lines]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """The export reads `format` itself, and what it sends is named by that alone."""
        if self.action == "export":
            return OrjsonRenderer(), OrjsonRenderer.media_type
        negotiated: tuple[Any, str] = super().perform_content_negotiation(request, force)
        return negotiated

    @property
    def allowed_methods(self) -> list[str]:
        """Label Studio's verbs: a DELETE of the bare list is none of them (see `destroy_many`)."""
        hidden = "destroy_many" in self.action_map.values()
        return [verb for verb in super().allowed_methods if not (hidden and verb == "DELETE")]

    def handle_exception(self, exc: Exception) -> Response:
        """An error is one JSON document, for those who asked for lines, too."""
        if hasattr(self.request, "accepted_renderer"):
            self.request.accepted_renderer = OrjsonRenderer()
            self.request.accepted_media_type = OrjsonRenderer.media_type
        return super().handle_exception(exc)

    def get_object(self) -> Document:
        found = prediction_lists.prediction(self.row_id(), workspace_id=self.access().workspace_id)
        if found is None:
            raise NotFound(predictions.NO_PREDICTION)
        return found

    @docs.PREDICTION_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        workspace_id = self.access().workspace_id
        wanted = filter_of(request.query_params, workspace_id=workspace_id)
        answer = self._streamed if wanted.is_whole_project else self._page
        response = answer(wanted)
        if wanted.wants_count:
            count = prediction_lists.count(wanted)
            response["X-Total-Count"] = str(count)
        return response

    def _streamed(self, wanted: PredictionFilter) -> HttpResponseBase:
        """Chunk by chunk; a list that fits the first chunk goes out whole, with its length."""
        first, rest = prediction_lists.begin(wanted)
        wants_lines = self.request.accepted_renderer.format == LinesRenderer.format
        if rest is None:
            self._refuse_unknown(first, wanted)
            if not wants_lines:
                return json_response(first)
        write, content_type = formats.WRITERS["ndjson" if wants_lines else "json"]
        pieces = write(chain([first], rest or ()))
        return streamed(self.request, pieces, content_type)

    def _page(self, wanted: PredictionFilter) -> HttpResponseBase:
        rows = prediction_lists.page(wanted)
        if wanted.limit is None or len(rows) <= wanted.limit:
            return self._whole(rows, wanted)
        rows = rows[: wanted.limit]
        response = self._whole(rows, wanted)
        if wanted.ordering in {"id", "-id"}:
            response["Link"] = f'<{page_url(self.request, after=rows[-1]["id"])}>; rel="next"'
        return response

    def _whole(self, rows: Sequence[Document], wanted: PredictionFilter) -> HttpResponse:
        self._refuse_unknown(rows, wanted)
        if self.request.accepted_renderer.format == LinesRenderer.format:
            lines = b"".join(formats.json_lines([list(rows)]))
            return HttpResponse(lines, content_type=LinesRenderer.media_type)
        return json_response(rows)

    def _refuse_unknown(self, rows: Sequence[Document], wanted: PredictionFilter) -> None:
        if not rows:
            prediction_lists.refuse_unknown(wanted, workspace_id=self.access().workspace_id)

    @docs.PREDICTION_EXPORT
    @audit.recorded("predictions.exported", reads=True)
    def export(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """Every row the filters let through, as a file; `limit` and `after` cut it as the list."""
        query = request.query_params
        asked = PredictionExportParameters.read_strictly(query)
        name = asked["format"]
        if name in dataset.FORMATS:
            return self._data_set(asked)
        if asked["ground_truth"]:
            raise ValidationError({"ground_truth": [f"Goes with {', '.join(dataset.FORMATS)}."]})
        wanted = filter_of(query, workspace_id=self.access().workspace_id)
        if wanted.limit is not None:
            wanted.limit -= 1  # no page follows, so none is looked for
        if name == "parquet":
            formats.parquet_schema()  # refused before a row is read
        first, rest = prediction_lists.begin(wanted)
        self._refuse_unknown(first, wanted)
        write, content_type = formats.WRITERS[name]
        if name == "csv" and asked["escape"]:
            write = partial(formats.csv_rows, escape=True)
        pieces = write(chain([first], rest or ()))
        response = streamed(request, pieces, content_type, compressed=name == "parquet")
        project_id = wanted.named.get("project")
        audit.note(
            request, target="" if project_id is None else f"project {project_id}", format=name
        )
        stem = "predictions" if project_id is None else f"project-{project_id}-predictions"
        response["Content-Disposition"] = f'attachment; filename="{stem}.{name}"'
        return response

    def _data_set(self, asked: Mapping[str, Any]) -> HttpResponseBase:
        """What one version said, or the ground truth, as another tool's data set."""
        request = self.request
        taken = {"project", "model_version", "model_version__isnull"}
        others = PredictionListParameters().fields.keys() - taken
        if asked["ground_truth"]:
            others |= taken - {"project"}
        errors = {name: [NOT_TAKEN] for name in sorted(request.query_params.keys() & others)}
        if (is_null := asked["model_version__isnull"]) is False:
            errors["model_version__isnull"] = [ONE_VERSION]
        if is_null and asked["model_version"] is not None:
            errors["model_version"] = [NULL_ALONE]
        mine = Project.objects.filter(workspace_id=self.access().workspace_id)
        project = mine.filter(pk=asked["project"]).first()
        if asked["project"] is None:
            errors["project"] = [REQUIRED]
        elif project is None:
            errors["project"] = [INVALID_CHOICE]
        if project is None or errors:
            raise ValidationError(errors)
        version = None
        if not asked["ground_truth"]:
            version = dataset.version_of(project, _asked_version(asked))
        wanted = dataset.DataSet(project, asked["format"], version, asked["escape"])
        squeeze = not wanted.is_folder and wants_gzip(request)
        file = dataset.open_file(wanted, compressed=squeeze)
        response = StreamingHttpResponse(dataset.Pieces(file), content_type=wanted.content_type)
        if not wanted.is_folder:
            patch_vary_headers(response, ["Accept-Encoding"])
        if squeeze:
            response["Content-Encoding"] = "gzip"
        audit.note(request, target=f"project {project.pk}", **wanted.details)
        name = f"{wanted.name}.{wanted.suffix}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    @docs.PREDICTION_LIST_DELETE
    @audit.recorded("version.deleted")
    def destroy_many(self, request: Request, **kwargs: Any) -> HttpResponse:
        """What a project and a version (`model_version`, or null by `model_version__isnull`) name
        together, never more: any other parameter would narrow a list, so here it is refused.
        """
        query = request.query_params
        names = {"project", "model_version", "model_version__isnull"}
        if not names & query.keys():
            raise MethodNotAllowed("DELETE")
        asked = VersionDeleteParameters.read(query)
        project_id, is_null = asked["project"], asked["model_version__isnull"]
        errors = {name: ["Not taken by a delete."] for name in sorted(query.keys() - names)}
        if not places.project_exists(project_id, workspace_id=self.access().workspace_id):
            errors["project"] = [INVALID_CHOICE]
        if is_null and "model_version" in query:
            errors["model_version"] = [NULL_ALONE]
        elif not is_null and "model_version" not in query:
            errors["model_version"] = [REQUIRED]
        if errors:
            raise ValidationError(errors)
        version = None if is_null else asked["model_version"].strip()
        deleted = versions.delete_version(project_id, version, self.access())
        audit.note(request, target=f"project {project_id}", version=version, predictions=deleted)
        return json_response({"deleted_predictions": deleted})

    @docs.PREDICTION_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        return idempotency.once(request, self._create)

    def _create(self) -> HttpResponse:
        upsert = UpsertParameters.read(self.request.query_params)["upsert"]
        if isinstance(self.request.data, list):
            return self._create_many(upsert=upsert)
        values = self.checked(PredictionSerializer)
        store = predictions.replace if upsert else predictions.create
        return json_response(store(values, self.access()), status.HTTP_201_CREATED)

    def _create_many(self, *, upsert: bool) -> HttpResponse:
        many: list[dict[str, Any]] = []
        errors: list[Any] = []
        for body in self.request.data:
            try:
                many.append(validated(PredictionSerializer, body))
                errors.append({})
            except ValidationError as exc:
                errors.append(exc.detail)
        if any(errors):
            raise ValidationError(errors)
        stored = prediction_batches.create_many(many, self.access(), upsert=upsert)
        return json_response(stored, status.HTTP_201_CREATED)

    @docs.PREDICTION_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(self.get_object())

    @docs.PREDICTION_PUT
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    @docs.PREDICTION_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        access, row_id = self.access(), self.row_id()
        target = places.target_of_prediction(row_id, workspace_id=access.workspace_id)
        if target is None:
            raise NotFound(predictions.NO_PREDICTION)
        values = self.checked(PredictionSerializer, partial=partial)
        return json_response(predictions.update(row_id, values, access, target))

    @docs.PREDICTION_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        predictions.delete(self.row_id(), self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)
