"""What the OpenAPI document says of webhooks beyond the serializers."""

from drf_spectacular.utils import extend_schema, inline_serializer

from backends.api.webhooks.parameters import (
    DeliveryListParameters,
    InfoParameters,
    WebhookListParameters,
)
from backends.api.webhooks.serializers import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    MadeWebhookSerializer,
    RedeliveredSerializer,
    RedeliverSerializer,
    RotatedSerializer,
    WebhookActionSerializer,
    WebhookSerializer,
)
from backends.models.actions import ACTIONS
from predictions_api.http.openapi import error_responses, public_errors

READ = error_responses(404)
WRITE = error_responses(400, 404, 413, 415)

INFO = extend_schema(
    operation_id="list_webhook_actions",
    summary="What webhooks can listen to",
    parameters=[InfoParameters],
    auth=[],
    responses={
        200: inline_serializer(
            "WebhookActions", {name: WebhookActionSerializer(required=False) for name in ACTIONS}
        ),
        **public_errors(),
    },
)
LIST = extend_schema(
    operation_id="list_webhooks",
    summary="List webhooks",
    parameters=[WebhookListParameters],
    responses={200: WebhookSerializer(many=True), **error_responses(400)},
)
CREATE = extend_schema(
    operation_id="create_webhook",
    summary="Create a webhook",
    description="The answer holds the signing secret, for the only time. An address on a private"
    " network, or with a user in it, is refused with 403.",
    responses={201: MadeWebhookSerializer, **error_responses(400, 413, 415)},
)
GET = extend_schema(
    operation_id="get_webhook",
    summary="Get a webhook",
    responses={200: WebhookSerializer, **READ},
)
PATCH = extend_schema(
    operation_id="update_webhook",
    summary="Change a webhook",
    responses={200: WebhookSerializer, **WRITE},
)
PUT = extend_schema(
    operation_id="replace_webhook",
    summary="Replace a webhook's settings",
    responses={200: WebhookSerializer, **WRITE},
)
DELETE = extend_schema(
    operation_id="delete_webhook",
    summary="Delete a webhook and its deliveries",
    responses={204: None, **READ},
)
DELIVERIES = extend_schema(
    operation_id="list_webhook_deliveries",
    summary="List a webhook's deliveries, newest first",
    parameters=[DeliveryListParameters],
    responses={200: DeliverySerializer(many=True), **error_responses(400, 404)},
)
DELIVERY = extend_schema(
    operation_id="get_webhook_delivery",
    summary="Get a delivery, what it sends, and its attempts",
    responses={200: DeliveryDetailSerializer, **READ},
)
REDELIVER = extend_schema(
    operation_id="redeliver_webhook_delivery",
    summary="Attempt a delivery again",
    request=None,
    responses={202: DeliverySerializer, **READ},
)
REDELIVER_MANY = extend_schema(
    operation_id="redeliver_webhook_deliveries",
    summary="Attempt deliveries again",
    request=RedeliverSerializer,
    responses={202: RedeliveredSerializer, **WRITE},
)
TEST = extend_schema(
    operation_id="test_webhook",
    summary="Send a test",
    description='A delivery of `{"action": "TEST"}`, also to a webhook that is not active.',
    request=None,
    responses={202: DeliverySerializer, **READ},
)
ROTATE = extend_schema(
    operation_id="rotate_webhook_secret",
    summary="Make a new signing secret",
    description="For a day deliveries carry a signature by the old one, too.",
    request=None,
    responses={200: RotatedSerializer, **READ},
)
