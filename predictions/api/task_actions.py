"""Actions on many tasks of a project at once, as Label Studio's Data Manager asks for them."""

from __future__ import annotations  # `list` is a method here

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.http import HttpResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from accounts import audit
from accounts.authentication import access_of
from accounts.tokens import Access
from predictions.api.parameters import ActionListParameters, ActionParameters
from predictions.api.schema import tasks as docs
from predictions.api.serializers import TagsSerializer
from predictions.api.viewset import NO_PROJECT, Rows, json_response, validated
from predictions.db import prediction_batches, task_pages, tasks
from predictions.db.annotations import delete_annotations_of_tasks
from predictions.db.curation import tags
from predictions.db.curation.views import existing_view
from predictions.db.documents import Document
from predictions.db.places import project_exists
from predictions.db.reviews.accepting import accept_predictions, annotate_as_predicted
from predictions.filters import keys
from predictions.filters.tasks import TaskFilter, of_selection
from predictions.models import Task
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.http.storable import Refused, whole_within


def delete_tasks(ids: list[int], project_id: int, body: Any, access: Access) -> Document:
    """The tasks with everything on them. A client reads the whole list again where none is left."""
    n = tasks.delete_tasks(ids, project_id=project_id, access=access)
    reload = not tasks.count_tasks(project_id, most=1)
    return {"processed_items": n, "reload": reload, "detail": f"Deleted {n} tasks"}


def delete_annotations(ids: list[int], project_id: int, body: Any, access: Access) -> Document:
    """Every annotation of the tasks."""
    n = delete_annotations_of_tasks(ids, project_id=project_id, access=access)
    return {"processed_items": n, "detail": f"Deleted {n} annotations"}


def delete_predictions(ids: list[int], project_id: int, body: Any, access: Access) -> Document:
    """Every prediction of the tasks, or those of some model versions."""
    versions = _versions(body.get("model_version"))
    n = prediction_batches.delete_of_tasks(
        ids, project_id=project_id, versions=versions, access=access
    )
    return {"processed_items": n, "detail": f"Deleted {n} predictions"}


def annotate(ids: list[int], project_id: int, body: Any, access: Access) -> Document:
    """An annotation of each prediction of the tasks that has none yet."""
    versions = _versions(body.get("model_version"))
    n = annotate_as_predicted(ids, project_id=project_id, versions=versions, access=access)
    return {"detail": f"Created {n} annotations"}


def accept(ids: list[int], project_id: int, body: Any, access: Access) -> Document:
    """The newest prediction of each task as its ground truth."""
    versions = _versions(body.get("model_version"))
    n = accept_predictions(ids, project_id=project_id, versions=versions, access=access)
    return {"processed_items": n, "detail": f"Accepted {n} predictions as ground truth"}


def add_tags(ids: list[int], project_id: int, body: Any, access: Access) -> Document:
    """Tags on each of the tasks."""
    n = tags.add_tags(ids, validated(TagsSerializer, body)["tags"], project_id=project_id)
    return {"processed_items": n, "detail": f"Added {n} tags"}


def remove_tags(ids: list[int], project_id: int, body: Any, access: Access) -> Document:
    """Tags off the tasks that have them."""
    n = tags.remove_tags(ids, validated(TagsSerializer, body)["tags"], project_id=project_id)
    return {"processed_items": n, "detail": f"Removed {n} tags"}


def _versions(named: Any) -> list[str] | None:
    """One or several model versions, `""` the one without a name; None for all."""
    versions = named if isinstance(named, list) else [named]
    if named is None or named == []:
        return None
    if not all(isinstance(version, str) and "\0" not in version for version in versions):
        raise ValidationError({"model_version": ["A model version, or a list of them."]})
    return [version.strip() for version in versions]


#: What the body of each action may say, and what else that of some.
OF_BODY = (*keys.OF_QUERY, "project", "view")
OF_ACTION = {
    **dict.fromkeys(
        ("delete_tasks_predictions", "predictions_to_annotations", "predictions_to_ground_truth"),
        ("model_version",),
    ),
    **dict.fromkeys(("add_tags", "remove_tags"), ("tags",)),
}


def _refuse_unread(name: str, body: Any) -> None:
    """ValidationError for a key of the body that the action does not read: it would be done to more
    than was meant.
    """
    try:
        if isinstance(body, Mapping):
            keys.refuse_unread(body, (*OF_BODY, *OF_ACTION.get(name, ())), name)
    except Refused as exc:
        raise ValidationError([str(exc)]) from None


# What does it, how it is called, and what a person is asked before.
ACTIONS = {
    "delete_tasks": (
        delete_tasks,
        "Delete Tasks",
        "tasks.delete",
        "You are going to delete the selected tasks with their annotations and predictions.",
    ),
    "delete_tasks_annotations": (
        delete_annotations,
        "Delete Annotations",
        "annotations.delete",
        "You are going to delete all annotations from the selected tasks.",
    ),
    "delete_tasks_predictions": (
        delete_predictions,
        "Delete Predictions",
        "predictions.any",
        "You are going to delete all predictions from the selected tasks.",
    ),
    "predictions_to_annotations": (
        annotate,
        "Create Annotations From Predictions",
        "tasks.change",
        "Create annotations from the selected tasks' predictions: each prediction that has none"
        " yet becomes one.",
    ),
    "predictions_to_ground_truth": (
        accept,
        "Accept Predictions As Ground Truth",
        "tasks.change",
        "Make the newest prediction of each selected task its ground truth. What was ground truth"
        " before stays, but does not count any more.",
    ),
    "add_tags": (
        add_tags,
        "Add Tags",
        "tasks.change",
        "Add the tags to the selected tasks.",
    ),
    "remove_tags": (
        remove_tags,
        "Remove Tags",
        "tasks.change",
        "Remove the tags from the selected tasks.",
    ),
}


class RoomAction(NamedTuple):
    """An action of a room above this one. `answer` gets the request and the id of a project that
    the caller sees; it holds no transaction and no locks.
    """

    title: str
    order: int
    permission: str
    text: str
    answer: Callable[[Request, int], HttpResponse]


_of_rooms: dict[str, RoomAction] = {}


def register_action(name: str, action: RoomAction) -> None:
    """From now on listed and called."""
    _of_rooms[name] = action


def selection(request: Request, body: Any, project_id: int) -> TaskFilter:
    """The tasks that the body of an action chooses, of those of the saved view that the address or
    the body names, if one does. ValidationError for what cannot be read; NotFound for a view that
    the project does not have.
    """
    view_id, view = ActionParameters.read(request.query_params)["view"], None
    if view_id is None and isinstance(body, Mapping) and body.get("view") is not None:
        view_id = whole_within(body["view"], 1, MAX_BIGINT)
        if view_id is None:
            raise ValidationError({"view": ["Enter the id of a view."]})
    if view_id is not None:
        workspace_id = access_of(request).workspace_id
        view = existing_view(view_id, workspace_id=workspace_id, project_id=project_id).data
    return of_selection(body, project_id=project_id, view=view)


class TaskActionViewSet(Rows):
    """Actions on a selection of tasks."""

    queryset = Task.objects.none()
    serializer_class = Serializer

    @docs.ACTION_LIST
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        self._check(ActionListParameters.read(request.query_params)["project"])
        return json_response(
            [
                {
                    "id": name,
                    "title": action.title,
                    "order": action.order,
                    "permission": action.permission,
                    "experimental": False,
                    "dialog": {"text": action.text, "type": "confirm"},
                }
                for name, action in _of_rooms.items()
            ]
            + [
                {
                    "id": name,
                    "title": title,
                    "order": 100 + place,
                    "permission": permission,
                    "experimental": False,
                    "dialog": {"text": text, "type": "confirm"},
                }
                for place, (name, (_, title, permission, text)) in enumerate(ACTIONS.items())
            ]
        )

    @docs.ACTION_CREATE
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        asked = ActionParameters.read(request.query_params)
        name, project_id, body = asked["id"], asked["project"], request.data
        if name not in ACTIONS and name not in _of_rooms:
            known = ", ".join([*_of_rooms, *ACTIONS])
            raise ValidationError({"id": [f"There is none of that name, only {known}."]})
        self._check(project_id)
        if name in _of_rooms:
            return _of_rooms[name].answer(request, project_id)
        _refuse_unread(name, body)
        wanted = selection(request, body, project_id)
        act = ACTIONS[name][0]
        with transaction.atomic():
            ids = task_pages.locked(wanted, project_id=project_id)
            done = act(ids, project_id, body, self.access())
            audit.by_request(
                request, f"selection.{name}", target=f"project {project_id}", tasks=len(ids)
            )
            return json_response(done)

    def _check(self, project_id: int) -> None:
        """NotFound for a project that the caller does not see."""
        if not project_exists(project_id, workspace_id=self.access().workspace_id):
            raise NotFound(NO_PROJECT)
