"""Routes of webhooks and their deliveries."""

from backends.api.webhooks.webhooks import DeliveryViewSet, WebhookInfoView, WebhookViewSet
from predictions_api.http.routers import ID, Router, both

WEBHOOK = r"api/webhooks/(?P<webhook_pk>[^/.]+)"
router = Router()
router.register("api/webhooks", WebhookViewSet, basename="webhook")
router.register(f"{WEBHOOK}/deliveries", DeliveryViewSet, basename="webhook-delivery")

urlpatterns = [
    both("api/webhooks/info", WebhookInfoView.as_view(), "webhook-info"),
    both(f"api/webhooks/{ID}/test", WebhookViewSet.as_view({"post": "test"}), "webhook-test"),
    both(
        f"api/webhooks/{ID}/rotate-secret",
        WebhookViewSet.as_view({"post": "rotate_secret"}),
        "webhook-rotate-secret",
    ),
    both(
        f"api/webhooks/{ID}/redeliver",
        WebhookViewSet.as_view({"post": "redeliver"}),
        "webhook-redeliver",
    ),
    both(
        f"{WEBHOOK}/deliveries/{ID}/redeliver",
        DeliveryViewSet.as_view({"post": "redeliver"}),
        "webhook-delivery-redeliver",
    ),
    *router.urls,
]
