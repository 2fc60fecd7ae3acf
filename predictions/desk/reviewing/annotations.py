"""Stores what a person corrected on the page of a task: an annotation, made by the same code as
`POST /api/tasks/{id}/annotations/`. What it is made of must not have changed meanwhile.
"""

import json
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

from accounts.authentication import WorkspaceSessionAuthentication
from accounts.tokens import Access
from predictions.api.serializers import AnnotationSerializer
from predictions.api.viewset import Rows, json_response, validated
from predictions.db.annotations import accept_prediction, create_annotation, update_annotation
from predictions.db.documents import Document
from predictions.db.reviews.corrections import Kind, merged
from predictions.models import Annotation
from predictions_api.http.fields import PkField, StorableJSONField

CHANGED = "{what} was changed meanwhile: nothing is stored."
GONE = "{what} is gone meanwhile: nothing is stored."
NO_REGION = "{what} has no region at one of these places."
OTHER_TRUTH = "The task has another ground truth meanwhile: nothing is stored."
ENTRY = (
    'Each region is {"from": place}, {"from": place, "value": {...}} or {"region": {...}},'
    " and each place stands once."
)


class Changed(APIException):
    """What a correction is made of is no more what the page showed."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class CorrectionSerializer(serializers.Serializer[Any]):
    """What the page sends."""

    prediction = PkField(required=False, allow_null=True)
    annotation = PkField(required=False, allow_null=True)
    #: When what it is made of had last changed, as the page showed it.
    updated_at = serializers.DateTimeField(required=False, allow_null=True)
    regions = StorableJSONField()
    #: Of a corrected annotation: another one is made, it stays as it is.
    as_new = serializers.BooleanField(required=False, default=False)
    ground_truth = serializers.BooleanField(required=False, default=False)
    #: The newest ground truth that the page knew.
    instead_of = PkField(required=False, allow_null=True, default=None)

    def validate_regions(self, entries: Any) -> list[dict[str, Any]]:
        """Places are told apart, and new regions say what they are of."""
        if not isinstance(entries, list) or not all(map(_is_entry, entries)):
            raise ValidationError(ENTRY)
        places = [entry["from"] for entry in entries if "from" in entry]
        if len(places) != len(set(places)):
            raise ValidationError(ENTRY)
        return entries

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Places are those of one prediction, or of one annotation."""
        sources = [name for name in ("prediction", "annotation") if attrs.get(name) is not None]
        has_places = any("from" in entry for entry in attrs["regions"])
        if len(sources) > 1 or (has_places and not sources):
            raise ValidationError("Name one prediction or one annotation.")
        if has_places and not attrs.get("updated_at"):
            raise ValidationError({"updated_at": ["This field is required."]})
        return attrs


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    keys = set(entry)
    if keys == {"region"}:
        region = entry["region"]
        return (
            isinstance(region, dict)
            and all(isinstance(region.get(key), str) for key in ("from_name", "to_name", "type"))
            and isinstance(region.get("value"), dict)
        )
    place = entry.get("from")
    if type(place) is not int or not 0 <= place < 2**31:
        return False
    return keys == {"from"} or (keys == {"from", "value"} and isinstance(entry["value"], dict))


class PageCorrections(Rows):
    """Corrections of the page: by the session of the desk, never by a key."""

    queryset = Annotation.objects.none()
    serializer_class = CorrectionSerializer
    authentication_classes = [WorkspaceSessionAuthentication]

    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        """The annotation as it is stored. 409 where it cannot be what the page showed."""
        asked = self.checked(CorrectionSerializer)
        with transaction.atomic():
            return json_response(_stored(self.row_id("task_pk"), asked, self.access()))


def _stored(task_id: int, asked: dict[str, Any], access: Access) -> Document:
    is_changed = asked.get("annotation") is not None and not asked["as_new"]
    kind: Kind = "prediction" if asked.get("prediction") is not None else "annotation"
    pk, entries, text = asked.get(kind), asked["regions"], None
    if pk is not None and (is_changed or any("from" in entry for entry in entries)):
        text = _merged(kind, pk, asked, task_id)
    values: dict[str, Any] = {
        "result": [entry.get("region") for entry in entries] if text is None else json.loads(text),
        "ground_truth": asked["ground_truth"],
    }
    if is_changed:
        return update_annotation(int(pk or 0), _checked(values, text, partial=True), access)
    if pk is not None:
        values[f"parent_{kind}"] = pk
    checked = _checked(values, text)
    if not asked["ground_truth"]:
        return create_annotation(task_id, checked, access)
    stored = accept_prediction(task_id, checked, access, instead_of=asked["instead_of"])
    if stored is None:
        raise Changed(OTHER_TRUTH)
    return stored


def _merged(kind: Kind, pk: int, asked: dict[str, Any], task_id: int) -> str:
    """The corrected result as text. Changed where it cannot be made of what the page showed."""
    made = merged(kind, pk, asked["regions"], task_id=task_id)
    what = f"{kind.capitalize()} {pk}"
    if made is None:
        raise Changed(GONE.format(what=what))
    if made.updated_at != asked.get("updated_at"):
        raise Changed(CHANGED.format(what=what))
    if not made.has_all:
        raise ValidationError({"regions": [NO_REGION.format(what=what)]})
    return made.text


def _checked(values: dict[str, Any], text: str | None, *, partial: bool = False) -> dict[str, Any]:
    """What the API makes of the values; regions that were stored already keep all their digits."""
    checked = validated(AnnotationSerializer, values, partial=partial)
    return checked if text is None else {**checked, "result_text": text}


_correct = PageCorrections.as_view({"post": "create"})


def correct(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Stores the correction. Http404 for a task that the caller does not see; the view refuses
    readers, and requests without the token of the page.
    """
    task = desk.found(request, pk=pk)
    workspace = task.project.workspace.slug
    answer: HttpResponse = _correct(request, workspace=workspace, task_pk=str(pk))
    if answer.status_code != status.HTTP_200_OK:
        return answer
    stored = json.loads(answer.content)["id"]
    desk.log_change(request, task, f"Corrected as annotation {stored}.")
    messages.success(request, f"Saved as annotation {stored}.")
    page = reverse("admin:predictions_task_review", args=[pk])
    return json_response({"id": stored, "url": f"{page}?edit=annotation-{stored}"})
