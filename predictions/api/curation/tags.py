"""The tags of a project's tasks."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from predictions.api.curation import schema as docs
from predictions.api.viewset import NO_PROJECT, Rows, json_response
from predictions.db.curation import tags
from predictions.db.places import project_exists
from predictions.models import Task


class TagViewSet(Rows):
    """Tags under their project."""

    queryset = Task.objects.none()
    serializer_class = Serializer

    @docs.TAG_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        project_id = self.row_id("project_pk")
        if not project_exists(project_id, workspace_id=self.access().workspace_id):
            raise NotFound(NO_PROJECT)
        return json_response([one._asdict() for one in tags.tag_counts(project_id)])
