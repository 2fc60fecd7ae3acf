"""Routes of prompts, their versions, runs and provider connections."""

from predictions_api.http.routers import Router, both
from prompts.api.prompts import PromptViewSet, ProviderConnectionViewSet, VersionViewSet
from prompts.api.runs import BatchViewSet, RunMeasuresViewSet, RunViewSet, SubsetViewSet

PROMPT = r"api/prompts/(?P<prompt_pk>[0-9]+)"
VERSION = rf"{PROMPT}/versions/(?P<version_pk>[0-9]+)"

router = Router()
router.register("api/prompts", PromptViewSet, basename="prompt")
router.register(f"{PROMPT}/versions", VersionViewSet, basename="prompt-version")
router.register(f"{VERSION}/inference-runs", RunViewSet, basename="run")
router.register("api/model-run", BatchViewSet, basename="batch")
router.register("api/inference-runs", RunMeasuresViewSet, basename="run")
router.register("api/projects", SubsetViewSet, basename="project")
router.register(
    "api/model-provider-connections", ProviderConnectionViewSet, basename="provider-connection"
)

urlpatterns = [
    both(
        "api/model-provider-connections/provider-choices",
        ProviderConnectionViewSet.as_view({"get": "provider_choices"}),
        "provider-choices",
    ),
    *router.urls,
]

# Below `/api/predictions/`, where the store would take the word for an id.
of_predictions = [
    both("failed", BatchViewSet.as_view({"get": "failed"}), "failed-predictions"),
]
