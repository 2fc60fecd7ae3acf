"""The endpoints of webhooks: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from typing import Any

import orjson
from django.db import transaction
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit
from backends.api.webhooks import schema as docs
from backends.api.webhooks.parameters import (
    DeliveryListParameters,
    InfoParameters,
    WebhookListParameters,
)
from backends.api.webhooks.serializers import (
    DeliverySerializer,
    RedeliverSerializer,
    WebhookSerializer,
)
from backends.db.webhooks import deliveries, hooks
from backends.delivery import signatures, tasks
from backends.models import Delivery, Webhook
from backends.models.actions import ACTIONS
from predictions.api.viewset import Rows, validated
from predictions.db.places import project_exists
from predictions_api.http.fields import unknown_pk
from predictions_api.http.parameters import INVALID_CHOICE
from predictions_api.outbound import client

NO_WEBHOOK = "No Webhook matches the given query."
NO_DELIVERY = "No Delivery matches the given query."
NO_READERS = "A reader may not see webhooks: their headers may hold credentials."


def checked_url(url: str) -> str:
    """The address. PermissionDenied, with the reason, for one that is not called from here."""
    try:
        return client.check_url(url)
    except client.Blocked as blocked:
        raise PermissionDenied(str(blocked)) from None


class WebhookInfoView(APIView):
    """What webhooks can listen to; needs no key."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    @docs.INFO
    def get(self, request: Request, **kwargs: Any) -> Response:
        asked = InfoParameters.read(request.query_params)["organization-only"]
        return Response(
            {
                name: {
                    "name": action.name,
                    "description": action.description,
                    "key": action.key,
                    "organization-only": action.of_workspace,
                }
                for name, action in ACTIONS.items()
                if asked is None or (asked == "true") == action.of_workspace
            }
        )


class WebhookRows(Rows):
    """What the views of webhooks share: who may use them, and rows that are the caller's."""

    read_scope = "admin"
    write_scope = "admin"

    def check_permissions(self, request: Request) -> None:
        """A webhook reads everything, and its headers are answered: not for readers."""
        super().check_permissions(request)
        if not self.access().may_write:
            raise PermissionDenied(NO_READERS)

    def webhook(self, name: str = "pk") -> Webhook:
        """The webhook of the path. NotFound where the workspace has none of that id."""
        return self.row_of(hooks.webhooks(self.access().workspace_id), NO_WEBHOOK, name)


class WebhookViewSet(WebhookRows):
    """Webhooks."""

    queryset = Webhook.objects.none()
    serializer_class = WebhookSerializer
    pagination_class = None
    list_name = "Webhook List Api"
    detail_name = "Webhook Api"

    def get_object(self) -> Webhook:
        return self.webhook()

    @docs.LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        workspace_id = self.access().workspace_id
        project = WebhookListParameters.read(request.query_params)["project"]
        rows = hooks.webhooks(workspace_id)
        if project == "null":
            rows = rows.filter(project__isnull=True)
        elif project is not None:
            if not project_exists(project, workspace_id=workspace_id):
                raise ValidationError({"project": [INVALID_CHOICE]})
            rows = rows.filter(project_id=project)
        return Response(WebhookSerializer(rows, many=True).data)

    @docs.CREATE
    @audit.recorded("webhook.created")
    def create(self, request: Request, **kwargs: Any) -> Response:
        access = self.access()
        values = validated(WebhookSerializer, request.data)
        project_id = values["project_id"]
        if project_id is not None and not project_exists(
            project_id, workspace_id=access.workspace_id
        ):
            raise ValidationError({"project": [unknown_pk(project_id)]})
        checked_url(values["url"])
        secret = values.pop("signing_secret", None) or signatures.new_secret()
        webhook = hooks.create(values, access, secret=secret)
        audit.note(request, target=f"webhook {webhook.pk}", project=project_id)
        shown = {**WebhookSerializer(webhook).data, "signing_secret": secret}
        return Response(shown, status.HTTP_201_CREATED)

    @docs.GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(WebhookSerializer(self.webhook()).data)

    @docs.PUT
    @audit.recorded("webhook.changed", "webhook {pk}")
    def update(self, request: Request, **kwargs: Any) -> Response:
        return self._update(partial=False)

    @docs.PATCH
    @audit.recorded("webhook.changed", "webhook {pk}")
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        return self._update(partial=True)

    def _update(self, *, partial: bool) -> Response:
        webhook = self.webhook()
        serializer = WebhookSerializer(webhook, data=self.request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        if "url" in values:
            checked_url(values["url"])
        audit.note(self.request, changes=sorted(values))
        if secret := values.pop("signing_secret", None):
            hooks.rotate(webhook, secret=secret)
        hooks.update(webhook, values)
        if webhook.is_active:
            transaction.on_commit(tasks.wake, robust=True)
        return Response(WebhookSerializer(webhook).data)

    @docs.DELETE
    @audit.recorded("webhook.deleted", "webhook {pk}")
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        hooks.delete(self.webhook().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @docs.TEST
    @audit.recorded("webhook.tested", "webhook {pk}")
    def test(self, request: Request, **kwargs: Any) -> Response:
        made = deliveries.create_test(self.webhook(), message_id=signatures.new_message_id())
        transaction.on_commit(tasks.wake, robust=True)
        return Response(DeliverySerializer(made).data, status.HTTP_202_ACCEPTED)

    @docs.ROTATE
    @audit.recorded("webhook.secret_rotated", "webhook {pk}")
    def rotate_secret(self, request: Request, **kwargs: Any) -> Response:
        webhook, secret = self.webhook(), signatures.new_secret()
        until = hooks.rotate(webhook, secret=secret)
        return Response({"signing_secret": secret, "old_secret_expires_at": until})

    @docs.REDELIVER_MANY
    @audit.recorded("webhook.redelivered", "webhook {pk}")
    def redeliver(self, request: Request, **kwargs: Any) -> Response:
        webhook = self.webhook()
        asked = validated(RedeliverSerializer, request.data)
        n = deliveries.redeliver_all(
            webhook.pk,
            status=asked["status"],
            since=asked.get("since"),
            until=asked.get("until"),
        )
        audit.note(request, deliveries=n)
        transaction.on_commit(tasks.wake, robust=True)
        return Response({"redelivered": n}, status.HTTP_202_ACCEPTED)


class DeliveryViewSet(WebhookRows):
    """What was sent to a webhook, or waits to be."""

    queryset = Delivery.objects.none()
    serializer_class = DeliverySerializer
    pagination_class = None

    def delivery(self) -> Delivery:
        return self.row_of(deliveries.of_webhook(self.webhook("webhook_pk").pk), NO_DELIVERY)

    @docs.DELIVERIES
    def list(self, request: Request, **kwargs: Any) -> Response:
        rows = deliveries.of_webhook(self.webhook("webhook_pk").pk)
        asked = DeliveryListParameters.read(request.query_params)
        if asked["status"] is not None:
            rows = rows.filter(status=asked["status"])
        if asked["action"] is not None:
            rows = rows.filter(payload__action=asked["action"])
        if asked["after"] is not None:
            rows = rows.filter(pk__lt=asked["after"])
        return Response(DeliverySerializer(rows[: asked["limit"]], many=True).data)

    @docs.DELIVERY
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        found = self.delivery()
        body = deliveries.body_of(found)
        shown = {**DeliverySerializer(found).data, "payload": orjson.Fragment(body)}
        return Response({**shown, "log": found.log})

    @docs.REDELIVER
    @audit.recorded("webhook.redelivered", "webhook {webhook_pk}")
    def redeliver(self, request: Request, **kwargs: Any) -> Response:
        again = deliveries.redeliver(self.delivery())
        audit.note(request, deliveries=1)
        transaction.on_commit(tasks.wake, robust=True)
        return Response(DeliverySerializer(again).data, status.HTTP_202_ACCEPTED)
