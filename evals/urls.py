"""Routes of the evaluation client: no slash at the end."""

from django.urls import path, register_converter

from evals.api.evaluations import EvaluationViewSet
from evals.api.images import ImageViewSet
from evals.api.panels import PanelViewSet
from evals.api.router import EvaluationRouter
from evals.api.workspaces import LoginViewSet, WorkspaceViewSet
from predictions_api.http.paths import WorkspaceConverter

register_converter(WorkspaceConverter, "workspace")

EVALUATIONS = "<workspace:workspace>/model-evals"

router = EvaluationRouter()
router.register("", WorkspaceViewSet, basename="workspace")
router.register(EVALUATIONS, EvaluationViewSet, basename="evaluation")
router.register(EVALUATIONS, PanelViewSet, basename="panel")
router.register(EVALUATIONS, ImageViewSet, basename="evaluated")

urlpatterns = [
    path("", LoginViewSet.as_view({"post": "create"}), name="login"),
    *router.urls,
]
