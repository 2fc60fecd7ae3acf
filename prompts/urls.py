"""Routes of prompts, their versions, runs and provider connections."""

from typing import TYPE_CHECKING

from predictions_api.http.routers import ID, LIST, both
from prompts.api import prompts, runs

if TYPE_CHECKING:
    from predictions_api.http.routers import Actions

PROMPT = r"api/prompts/(?P<prompt_pk>[0-9]+)"
VERSION = rf"{PROMPT}/versions/(?P<version_pk>[0-9]+)"
RUN = rf"{VERSION}/inference-runs/{ID}"
MEASURES = rf"api/inference-runs/{ID}"
# Without PUT, which the peer's client does not send here.
EDITED: "Actions" = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    both("api/prompts", prompts.PromptViewSet.as_view(LIST), "prompt-list"),
    both(
        "api/prompts/compatible-projects",
        prompts.PromptViewSet.as_view({"get": "compatible_projects"}),
        "prompt-compatible-projects",
    ),
    both(PROMPT, prompts.PromptViewSet.as_view(EDITED), "prompt-detail"),
    both(
        f"{PROMPT}/duplicate",
        prompts.PromptViewSet.as_view({"post": "duplicate"}),
        "prompt-duplicate",
    ),
    both(
        f"{PROMPT}/get-default-version-name",
        prompts.PromptViewSet.as_view({"get": "default_version_name"}),
        "prompt-default-version-name",
    ),
    both(f"{PROMPT}/versions", prompts.VersionViewSet.as_view(LIST), "prompt-version-list"),
    both(VERSION, prompts.VersionViewSet.as_view(EDITED), "prompt-version-detail"),
    both(
        f"{VERSION}/cost-estimate",
        prompts.VersionViewSet.as_view({"get": "cost_estimate"}),
        "prompt-version-cost-estimate",
    ),
    both(
        f"{VERSION}/prediction-count",
        prompts.VersionViewSet.as_view({"get": "prediction_count"}),
        "prompt-version-prediction-count",
    ),
    both(
        f"{VERSION}/prompt-preview",
        prompts.VersionViewSet.as_view({"get": "prompt_preview"}),
        "prompt-version-preview",
    ),
    both(
        f"{VERSION}/try-task",
        prompts.VersionViewSet.as_view({"post": "try_task"}),
        "prompt-version-try-task",
    ),
    both(
        f"{VERSION}/few-shot-examples",
        prompts.VersionViewSet.as_view({"get": "few_shot_examples"}),
        "prompt-version-few-shot-examples",
    ),
    both(
        f"{VERSION}/few-shot-examples/reorder",
        prompts.VersionViewSet.as_view({"post": "reorder_examples"}),
        "prompt-version-reorder-examples",
    ),
    both(
        f"{VERSION}/refine",
        prompts.VersionViewSet.as_view({"get": "refined", "post": "refine"}),
        "prompt-version-refine",
    ),
    both(f"{VERSION}/inference-runs", runs.RunViewSet.as_view(LIST), "run-list"),
    both(RUN, runs.RunViewSet.as_view({"get": "retrieve"}), "run-detail"),
    both(f"{RUN}/cancel", runs.RunViewSet.as_view({"post": "cancel"}), "run-cancel"),
    both(
        "api/model-run/batch-predictions",
        runs.BatchViewSet.as_view({"post": "predictions"}),
        "batch-predictions",
    ),
    both(
        "api/model-run/batch-failed-predictions",
        runs.BatchViewSet.as_view({"post": "failures"}),
        "batch-failed-predictions",
    ),
    both(
        "api/inference-runs/bulk-indicators",
        runs.RunMeasuresViewSet.as_view({"get": "bulk"}),
        "run-bulk-indicators",
    ),
    both(
        f"{MEASURES}/indicators",
        runs.RunMeasuresViewSet.as_view({"get": "list"}),
        "run-indicators",
    ),
    both(
        rf"{MEASURES}/indicators/(?P<key>[a-z_]+)",
        runs.RunMeasuresViewSet.as_view({"get": "retrieve"}),
        "run-indicator",
    ),
    both(
        f"{MEASURES}/regressions",
        runs.RunMeasuresViewSet.as_view({"get": "regressions"}),
        "run-regressions",
    ),
    both(
        f"{MEASURES}/re-evaluate",
        runs.RunMeasuresViewSet.as_view({"post": "re_evaluate"}),
        "run-re-evaluate",
    ),
    both(
        f"api/projects/{ID}/subsets",
        runs.SubsetViewSet.as_view({"get": "list"}),
        "project-subsets",
    ),
    both(
        f"api/projects/{ID}/subset-tasks",
        runs.SubsetViewSet.as_view({"get": "tasks"}),
        "project-subset-tasks",
    ),
    both(
        "api/model-provider-connections",
        prompts.ProviderConnectionViewSet.as_view(LIST),
        "provider-connection-list",
    ),
    both(
        "api/model-provider-connections/provider-choices",
        prompts.ProviderConnectionViewSet.as_view({"get": "provider_choices"}),
        "provider-choices",
    ),
    both(
        f"api/model-provider-connections/{ID}",
        prompts.ProviderConnectionViewSet.as_view(EDITED),
        "provider-connection-detail",
    ),
]

# Below `/api/predictions/`, where the store would take the word for an id.
of_predictions = [
    both("failed", runs.BatchViewSet.as_view({"get": "failed"}), "failed-predictions"),
]
