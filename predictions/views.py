"""The predictions' endpoints: parse, call, respond.

Answers leave as bytes made from rows (`documents`), not through the serializers, which say what a
request may hold and what the schema promises.
"""

from __future__ import annotations  # `list` is a method here

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from predictions import documents, filters, idempotency, ingest, queries
from predictions import schema as docs
from predictions.documents import Document
from predictions.filters import a_flag
from predictions.models import Prediction
from predictions.rows import Rows, json_response, validated
from predictions.serializers import PredictionSerializer


class PredictionViewSet(Rows):
    """Predictions, one by one and as lists."""

    queryset = Prediction.objects.none()
    serializer_class = PredictionSerializer

    def get_object(self) -> Document:
        found = queries.prediction(self.row_id(), workspace_id=self.access().workspace_id)
        if found is None:
            raise NotFound(ingest.NO_PREDICTION)
        return found

    @docs.PREDICTION_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        workspace_id = self.access().workspace_id
        wanted = filters.predictions(request.query_params, workspace_id=workspace_id)
        answer = self._streamed if wanted.is_whole_project else self._page
        response = answer(wanted)
        if wanted.wants_count:
            count = queries.count_predictions(wanted.clauses, wanted.params)
            response["X-Total-Count"] = str(count)
        return response

    def _streamed(self, wanted: filters.PredictionFilter) -> HttpResponseBase:
        """Chunk by chunk; a list that fits the first chunk goes out whole, with its length."""
        chunks = queries.stream_predictions(*wanted.sql())
        first = next(chunks, [])
        if len(first) < queries.CHUNK:
            chunks.close()
            return self._whole(first, wanted)
        return StreamingHttpResponse(json_array(first, chunks), content_type="application/json")

    def _page(self, wanted: filters.PredictionFilter) -> HttpResponseBase:
        rows = queries.predictions_page(*wanted.sql())
        if wanted.limit is None or len(rows) <= wanted.limit:
            return self._whole(rows, wanted)
        rows = rows[: wanted.limit]
        response = self._whole(rows, wanted)
        if wanted.ordering in {"id", "-id"}:
            response["Link"] = f'<{self._next_url(rows[-1]["id"])}>; rel="next"'
        return response

    def _next_url(self, after: int) -> str:
        query = self.request.query_params.copy()
        query["after"] = str(after)
        return self.request.build_absolute_uri(f"?{urlencode(list(query.items()))}")

    def _whole(self, rows: Sequence[Document], wanted: filters.PredictionFilter) -> HttpResponse:
        if not rows:
            filters.refuse_unknown(wanted, workspace_id=self.access().workspace_id)
        return json_response(rows)

    @docs.PREDICTION_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        return idempotency.once(request, self._create)

    def _create(self) -> HttpResponse:
        upsert = a_flag(self.request.query_params, "upsert")
        if isinstance(self.request.data, list):
            return self._create_many(upsert=upsert)
        values = self.checked(PredictionSerializer)
        store = ingest.replace if upsert else ingest.create
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
        stored = ingest.create_many(many, self.access(), upsert=upsert)
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
        target = queries.target_of_prediction(row_id, workspace_id=access.workspace_id)
        if target is None:
            raise NotFound(ingest.NO_PREDICTION)
        values = self.checked(PredictionSerializer, partial=partial)
        return json_response(ingest.update(row_id, values, access, target))

    @docs.PREDICTION_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        ingest.delete(self.row_id(), self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)


def json_array(first: list[Document], rest: Iterator[list[Document]]) -> Iterator[bytes]:
    """One JSON array in pieces, a piece a chunk."""
    yield documents.as_json(first)[:-1]
    for chunk in rest:
        yield b"," + documents.as_json(chunk)[1:-1]
    yield b"]"
