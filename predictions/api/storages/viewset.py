"""What the endpoints of all types of storages do: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from abc import abstractmethod
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpResponse
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from accounts import audit
from predictions.api.parameters import StorageListParameters
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db.places import project_exists
from predictions.db.storages import rows
from predictions.models import ExportStorage, ImportStorage
from predictions_api.http.fields import MAX_BIGINT, unknown_pk
from predictions_api.http.parameters import ordered

STAYS = "A storage stays in its project; make another one there."
Columns = dict[str, Any]


class StorageViewSet(Rows):
    """Storages of one type and direction.

    Buckets are asked before the transaction begins, so that none waits for them.
    """

    model: ClassVar[type[ImportStorage] | type[ExportStorage]]
    kind: ClassVar[str]
    #: In Label Studio's words.
    missing: ClassVar[str]

    @staticmethod
    @abstractmethod
    def synchronize(storage_id: int) -> bool:
        """Asks for a synchronisation; False where one is under way."""

    @abstractmethod
    def columns(self, values: Columns, kept: Any) -> Columns:
        """The columns for validated values; `kept` is the storage that they change. ValidationError
        and PermissionDenied for a place that cannot be used.
        """

    @abstractmethod
    def document(self, storage: Any) -> Columns:
        """The storage as it is answered."""

    @property
    def _noun(self) -> str:
        return "import storage" if self.model is ImportStorage else "export storage"

    def _rows(self) -> Any:
        return rows.storages(self.model, self.access().workspace_id, self.kind)

    def storage(self) -> Any:
        """The one in the path. NotFound where the workspace has none of that id."""
        return self.row_of(self._rows(), self.missing)

    def _asked(self, kept: Any, *, partial: bool) -> Columns:
        """The columns that the body asks for, `project` among them. ValidationError."""
        serializer: Any = self.serializer_class
        values = self.checked(serializer, partial=partial)
        project_id = values.pop("project", kept.project_id if kept else 0)
        if kept is not None and project_id != kept.project_id:
            raise ValidationError({"project": [STAYS]})
        if not project_exists(project_id, workspace_id=self.access().workspace_id):
            raise ValidationError({"project": [unknown_pk(project_id)]})
        return {**self.columns(values, kept), "project": project_id}

    def _record(self, act: str, storage: Any, **details: Any) -> None:
        action_name = f"{self._noun.replace(' ', '_')}.{act}"
        target = f"{self._noun} {storage.pk}"
        audit.by_request(self.request, action_name, target=target, **details)

    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        asked = StorageListParameters.read(request.query_params)
        project_id = asked["project"]
        if not project_exists(project_id, workspace_id=self.access().workspace_id):
            raise NotFound(NO_PROJECT)
        found = ordered(self._rows().filter(project_id=project_id), asked["ordering"])
        return json_response([self.document(row) for row in found])

    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        values = self._asked(None, partial=False)
        project_id = values.pop("project")
        with transaction.atomic():
            made = rows.create(
                self.model, project_id, {**values, "kind": self.kind}, user_id=self.access().user_id
            )
            self._record("created", made, project=project_id)
        return json_response(self.document(made), status.HTTP_201_CREATED)

    @action(detail=False, methods=["post"])
    def validate(self, request: Request, **kwargs: Any) -> HttpResponse:
        known = request.data.get("id") if isinstance(request.data, dict) else None
        kept = None
        if known is not None:
            is_id = isinstance(known, int) and 0 < known <= MAX_BIGINT
            kept = self._rows().filter(pk=known).first() if is_id else None
            if kept is None:
                raise ValidationError({"id": [unknown_pk(known)]})
        self._asked(kept, partial=kept is not None)
        return HttpResponse()

    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(self.document(self.storage()))

    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        storage = self.storage()
        values = self._asked(storage, partial=partial)
        values.pop("project")
        with transaction.atomic():
            rows.update(storage, values)
            self._record("changed", storage)
        return json_response(self.document(storage))

    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        storage = self.storage()
        with transaction.atomic():
            self._record("deleted", storage)
            rows.delete(storage)
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)

    @action(detail=True, methods=["post"])
    def sync(self, request: Request, **kwargs: Any) -> HttpResponse:
        storage = self.storage()
        with transaction.atomic():
            self.synchronize(storage.pk)
            self._record("synchronized", storage)
        storage.refresh_from_db()
        return json_response(self.document(storage))
