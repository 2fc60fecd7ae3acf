"""Routes of ML backends and their jobs, of webhooks and their deliveries."""

from backends.api.backends import BackendViewSet
from backends.api.jobs import JobViewSet
from backends.api.webhooks.webhooks import DeliveryViewSet, WebhookInfoView, WebhookViewSet
from predictions_api.http.routers import ID, Router, both

BACKEND = r"api/ml/(?P<backend_pk>[^/.]+)"
WEBHOOK = r"api/webhooks/(?P<webhook_pk>[^/.]+)"
router = Router()
router.register("api/ml", BackendViewSet, basename="ml-backend")
router.register(f"{BACKEND}/prediction-jobs", JobViewSet, basename="prediction-job")
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
    both(
        f"api/ml/{ID}/predict",
        JobViewSet.as_view({"post": "predict"}, name="ML Backend Predict"),
        "ml-backend-predict",
    ),
]
