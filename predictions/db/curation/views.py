"""Reads and writes of saved views of a project's tasks. Cold: by the ORM."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max
from rest_framework.exceptions import NotFound, ValidationError

from predictions.db.documents import Document
from predictions.models import Project, SavedView
from predictions_api.http.fields import unknown_pk

NO_VIEW = "No View matches the given query."
MOST_VIEWS = 500


def view_document(view: SavedView) -> Document:
    """A view as Label Studio's clients see it."""
    return {
        "id": view.pk,
        "data": view.data,
        "order": view.order,
        "user": view.user_id,
        "project": view.project_id,
    }


def views_of(workspace_id: int, *, project_id: int | None = None) -> list[SavedView]:
    """The views of a project in their order, or of all projects of the workspace."""
    mine = SavedView.objects.filter(project__workspace_id=workspace_id)
    if project_id is not None:
        mine = mine.filter(project_id=project_id)
    return list(mine.order_by("project_id", "order", "pk")[:MOST_VIEWS])


def existing_view(view_id: int, *, workspace_id: int, project_id: int | None = None) -> SavedView:
    """The view. NotFound where the workspace, or the project if one is named, has none of that
    id.
    """
    view = SavedView.objects.filter(pk=view_id, project__workspace_id=workspace_id).first()
    if view is None or project_id not in (None, view.project_id):
        raise NotFound(NO_VIEW)
    return view


@transaction.atomic
def create_view(project_id: int, data: Document, *, user_id: int | None) -> SavedView:
    """A new view, the last one of its project. ValidationError where it has MOST_VIEWS."""
    # Whoever adds one to the same project waits here.
    Project.objects.select_for_update(no_key=True).only("pk").get(pk=project_id)
    mine = SavedView.objects.filter(project_id=project_id)
    if mine.count() >= MOST_VIEWS:
        raise ValidationError({"project": [f"A project has {MOST_VIEWS} views at most."]})
    last = mine.aggregate(last=Max("order"))["last"]
    order = 0 if last is None else last + 1
    return SavedView.objects.create(project_id=project_id, data=data, order=order, user_id=user_id)


def update_view(view: SavedView, values: dict[str, Any]) -> SavedView:
    """Writes only what `values` names, `data` or `order`."""
    for name, value in values.items():
        setattr(view, name, value)
    view.save(update_fields=[*values, "updated_at"])
    return view


def delete_view(view: SavedView) -> None:
    """Removes it; no task is touched."""
    SavedView.objects.filter(pk=view.pk).delete()


def delete_views(project_id: int) -> None:
    """Removes every view of a project."""
    SavedView.objects.filter(project_id=project_id).delete()


@transaction.atomic
def order_views(project_id: int, ids: Sequence[int]) -> None:
    """Puts views of the project in this order; others keep theirs, behind. ValidationError under
    `ids` for one that the project does not have.
    """
    mine = {view.pk: view for view in SavedView.objects.filter(project_id=project_id)}
    if unknown := [one for one in ids if one not in mine]:
        raise ValidationError({"ids": [unknown_pk(one) for one in unknown[:20]]})
    first = list(dict.fromkeys(ids))
    rest = sorted((v for pk, v in mine.items() if pk not in set(first)), key=lambda v: v.order)
    for place, view in enumerate([*(mine[pk] for pk in first), *rest]):
        view.order = place
    SavedView.objects.bulk_update(mine.values(), ["order"])
