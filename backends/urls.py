"""Routes of ML backends and webhooks."""

from backends.api.backends import BackendViewSet
from backends.api.jobs import JobViewSet
from predictions_api.http.routers import ID, Router, both

router = Router()
router.register("api/ml", BackendViewSet, basename="ml-backend")
router.register(
    r"api/ml/(?P<backend_pk>[^/.]+)/prediction-jobs", JobViewSet, basename="prediction-job"
)

urlpatterns = [
    *router.urls,
    both(
        f"api/ml/{ID}/predict",
        JobViewSet.as_view({"post": "predict"}, name="ML Backend Predict"),
        "ml-backend-predict",
    ),
]
