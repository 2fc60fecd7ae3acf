"""The endpoints of import storages of local files: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.http import HttpResponse
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from accounts import audit
from predictions.api.parameters import ActionListParameters
from predictions.api.storages import schema as docs
from predictions.api.storages.serializers import TYPE, ImportStorageSerializer, document, placed
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db.pictures import storages
from predictions.db.places import project_exists
from predictions.imports.folders import start
from predictions.models import ImportStorage
from predictions_api.http.fields import unknown_pk

NO_STORAGE = "No LocalFilesImportStorage matches the given query."
STAYS = "A storage stays in its project; make another one there."


class ImportStorageViewSet(Rows):
    """Folders whose files become tasks."""

    queryset = ImportStorage.objects.none()
    serializer_class = ImportStorageSerializer

    def storage(self) -> ImportStorage:
        """The one in the path. NotFound where the workspace has none of that id."""
        return self.row_of(storages.storages(self.access().workspace_id), NO_STORAGE)

    def _columns(self, kept: ImportStorage | None, *, partial: bool) -> dict[str, Any]:
        """The columns that the body asks for, `project` among them. ValidationError."""
        values = self.checked(ImportStorageSerializer, partial=partial)
        workspace_id = self.access().workspace_id
        project_id = values.get("project", kept.project_id if kept else 0)
        if kept is not None and project_id != kept.project_id:
            raise ValidationError({"project": [STAYS]})
        if not project_exists(project_id, workspace_id=workspace_id):
            raise ValidationError({"project": [unknown_pk(project_id)]})
        return placed(values, workspace_id=workspace_id)

    @docs.LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        project_id = ActionListParameters.read(request.query_params)["project"]
        workspace_id = self.access().workspace_id
        if not project_exists(project_id, workspace_id=workspace_id):
            raise NotFound(NO_PROJECT)
        rows = storages.storages(workspace_id).filter(project_id=project_id)
        return json_response([document(row) for row in rows])

    @docs.CREATE
    @audit.recorded("import_storage.created")
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        values = self._columns(None, partial=False)
        project_id = values.pop("project")
        made = storages.create(project_id, values, user_id=self.access().user_id)
        audit.note(request, target=f"import storage {made.pk}", project=project_id)
        return json_response(document(made), status.HTTP_201_CREATED)

    @docs.VALIDATE
    @action(detail=False, methods=["post"])
    def validate(self, request: Request, **kwargs: Any) -> HttpResponse:
        known = request.data.get("id") if isinstance(request.data, dict) else None
        kept = None
        if known is not None:
            rows = storages.storages(self.access().workspace_id)
            kept = rows.filter(pk=known).first() if isinstance(known, int) else None
            if kept is None:
                raise ValidationError({"id": [unknown_pk(known)]})
        self._columns(kept, partial=kept is not None)
        return HttpResponse()

    @docs.GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(document(self.storage()))

    @docs.PUT
    @audit.recorded("import_storage.changed", "import storage {pk}")
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=False)

    @docs.PATCH
    @audit.recorded("import_storage.changed", "import storage {pk}")
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> HttpResponse:
        storage = self.storage()
        values = self._columns(storage, partial=partial)
        values.pop("project", None)
        storages.update(storage, values)
        return json_response(document(storage))

    @docs.DELETE
    @audit.recorded("import_storage.deleted", "import storage {pk}")
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        storages.delete(self.storage().pk)
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)

    @docs.SYNC
    @action(detail=True, methods=["post"])
    @audit.recorded("import_storage.synchronized", "import storage {pk}")
    def sync(self, request: Request, **kwargs: Any) -> HttpResponse:
        storage = self.storage()
        start.synchronize(storage.pk)
        storage.refresh_from_db()
        return json_response(document(storage))


class ImportStorageTypesViewSet(Rows):
    """The types that are served."""

    queryset = ImportStorage.objects.none()
    serializer_class = ImportStorageSerializer

    @docs.TYPES
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response([{"name": TYPE, "title": "Local files"}])
