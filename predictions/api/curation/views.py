"""Saved views of a project's tasks, as Label Studio's clients keep them."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.curation import schema as docs
from predictions.api.curation.serializers import (
    ViewChangeSerializer,
    ViewOrderSerializer,
    ViewSerializer,
)
from predictions.api.parameters import ActionListParameters, ViewListParameters
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db.curation import views
from predictions.db.places import project_exists
from predictions.filters.tasks import of_view
from predictions.models import SavedView
from predictions_api.http.fields import unknown_pk


class ViewViewSet(Rows):
    """Saved views."""

    queryset = SavedView.objects.none()
    serializer_class = ViewSerializer

    def get_object(self) -> SavedView:
        return views.existing_view(self.row_id(), workspace_id=self.access().workspace_id)

    def _known(self, project_id: int) -> int:
        """The id. NotFound for a project that the caller does not see."""
        if not project_exists(project_id, workspace_id=self.access().workspace_id):
            raise NotFound(NO_PROJECT)
        return project_id

    @docs.VIEW_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        project = ViewListParameters.read(request.query_params)["project"]
        found = views.views_of(self.access().workspace_id, project_id=project)
        return json_response([views.view_document(view) for view in found])

    @docs.VIEW_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        access, values = self.access(), self.checked(ViewSerializer)
        project_id, data = values["project"], values.get("data", {})
        if not project_exists(project_id, workspace_id=access.workspace_id):
            raise ValidationError({"project": [unknown_pk(project_id)]})
        of_view(data, project_id=project_id)
        made = views.create_view(project_id, data, user_id=access.user_id)
        return json_response(views.view_document(made), status.HTTP_201_CREATED)

    @docs.VIEW_GET
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(views.view_document(self.get_object()))

    @docs.VIEW_PUT
    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(ViewSerializer)

    @docs.VIEW_PATCH
    def partial_update(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self._update(ViewChangeSerializer)

    def _update(self, serializer_class: type[ViewSerializer]) -> HttpResponse:
        view = self.get_object()
        values = self.checked(serializer_class)
        if values.pop("project", view.project_id) != view.project_id:
            raise ValidationError({"project": ["A view stays in its project."]})
        if "data" in values:
            of_view(values["data"], project_id=view.project_id)
        return json_response(views.view_document(views.update_view(view, values)))

    @docs.VIEW_DELETE
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        views.delete_view(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.VIEWS_RESET
    def reset(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Every view of a project goes."""
        views.delete_views(self._known(ActionListParameters.read(request.query_params)["project"]))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.VIEWS_ORDER
    def order(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Views of a project in a new order."""
        values = self.checked(ViewOrderSerializer)
        project_id = self._known(values["project"])
        views.order_views(project_id, values["ids"])
        found = views.views_of(self.access().workspace_id, project_id=project_id)
        return json_response([views.view_document(view) for view in found])
