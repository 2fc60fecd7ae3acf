"""The whole route table.

The peer's viewset routes answer with and without a trailing slash and with `.json`, for every
verb, without a redirect; its plain routes (import, whoami, ...) have no slash and take none.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpResponseBase
from django.urls import path, re_path, register_converter
from django.urls.resolvers import URLPattern
from drf_spectacular.views import SpectacularAPIView

from accounts import views as accounts
from desk import error_pages
from evals.api import evaluations as evals
from evals.api import images as eval_images
from evals.api import panels as eval_panels
from predictions.api.exports import ProjectExportViewSet
from predictions.api.imports import ImportViewSet, TaskImportViewSet
from predictions.api.predictions import PredictionViewSet
from predictions.api.projects import ProjectViewSet
from predictions.api.task_actions import TaskActionViewSet
from predictions.api.tasks import AnnotationViewSet, TaskViewSet
from predictions_api import docs
from predictions_api.http.paths import WorkspaceConverter
from predictions_api.operations import observability
from prompts.api import prompts
from prompts.api import runs as prompt_runs

if TYPE_CHECKING:
    from rest_framework.decorators import ViewSetAction

    Actions = dict[str, str | ViewSetAction[Any]]

handler400 = "desk.error_pages.bad_request"
handler403 = "desk.error_pages.permission_denied"
handler404 = "desk.error_pages.not_found"
handler500 = "desk.error_pages.server_error"

register_converter(WorkspaceConverter, "workspace")

# Any text: what is no id is answered by the view, to callers it knows.
ID = r"(?P<pk>[^/.]+)"
TASK_ID = r"(?P<task_pk>[^/.]+)"
PROJECT_ID = r"(?P<project_pk>[^/.]+)"
EVALS = "<workspace:workspace>/model-evals"
ONE_EVAL = f"{EVALS}/<slug:eval_id>"
LIST: "Actions" = {"get": "list", "post": "create"}
ITEM: "Actions" = {
    "get": "retrieve",
    "put": "update",
    "patch": "partial_update",
    "delete": "destroy",
}


def both(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """A route with or without a trailing slash, or with a format suffix."""
    return re_path(rf"^{route}(?:\.(?P<format>[a-z0-9]+))?/?$", view, name=name)


predictions = PredictionViewSet
tasks = TaskViewSet
annotations = AnnotationViewSet
projects = ProjectViewSet
imports = ImportViewSet

PROMPT = r"api/prompts/(?P<prompt_pk>[0-9]+)"
VERSION = rf"{PROMPT}/versions/(?P<version_pk>[0-9]+)"
RUN = rf"{VERSION}/inference-runs/{ID}"
MEASURES = rf"api/inference-runs/{ID}"
# Without PUT, which the peer's client does not send here.
EDITED: "Actions" = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

prompt_urlpatterns = [
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
    both(f"{VERSION}/inference-runs", prompt_runs.RunViewSet.as_view(LIST), "run-list"),
    both(RUN, prompt_runs.RunViewSet.as_view({"get": "retrieve"}), "run-detail"),
    both(f"{RUN}/cancel", prompt_runs.RunViewSet.as_view({"post": "cancel"}), "run-cancel"),
    both(
        "api/model-run/batch-predictions",
        prompt_runs.BatchViewSet.as_view({"post": "predictions"}),
        "batch-predictions",
    ),
    both(
        "api/model-run/batch-failed-predictions",
        prompt_runs.BatchViewSet.as_view({"post": "failures"}),
        "batch-failed-predictions",
    ),
    both(
        "api/inference-runs/bulk-indicators",
        prompt_runs.RunMeasuresViewSet.as_view({"get": "bulk"}),
        "run-bulk-indicators",
    ),
    both(
        f"{MEASURES}/indicators",
        prompt_runs.RunMeasuresViewSet.as_view({"get": "list"}),
        "run-indicators",
    ),
    both(
        rf"{MEASURES}/indicators/(?P<key>[a-z_]+)",
        prompt_runs.RunMeasuresViewSet.as_view({"get": "retrieve"}),
        "run-indicator",
    ),
    both(
        f"{MEASURES}/regressions",
        prompt_runs.RunMeasuresViewSet.as_view({"get": "regressions"}),
        "run-regressions",
    ),
    both(
        f"{MEASURES}/re-evaluate",
        prompt_runs.RunMeasuresViewSet.as_view({"post": "re_evaluate"}),
        "run-re-evaluate",
    ),
    both(
        f"api/projects/{ID}/subsets",
        prompt_runs.SubsetViewSet.as_view({"get": "list"}),
        "project-subsets",
    ),
    both(
        f"api/projects/{ID}/subset-tasks",
        prompt_runs.SubsetViewSet.as_view({"get": "tasks"}),
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

# In the order in which they are tried: what is asked for most comes first.
urlpatterns = [
    both(
        "api/predictions",
        predictions.as_view(
            {**LIST, "delete": "destroy_version"}, name="Prediction Api List", description=""
        ),
        "prediction-list",
    ),
    # No suffix: `export.csv` would name the format twice.
    re_path(
        "^api/predictions/export/?$",
        predictions.as_view({"get": "export"}, name="Prediction Export"),
        name="prediction-export",
    ),
    # Before the ids: the prompts' other routes, which are asked for less, follow the store's.
    both(
        "api/predictions/failed",
        prompt_runs.BatchViewSet.as_view({"get": "failed"}),
        "failed-predictions",
    ),
    both(
        f"api/predictions/{ID}",
        predictions.as_view(ITEM, name="Prediction Api Instance", description=""),
        "prediction-detail",
    ),
    both("api/tasks", tasks.as_view(LIST, name="Task List Api"), "task-list"),
    both(f"api/tasks/{ID}", tasks.as_view(ITEM, name="Task Api"), "task-detail"),
    both(
        f"api/tasks/{TASK_ID}/annotations",
        annotations.as_view(LIST, name="Annotations List Api"),
        "annotation-list",
    ),
    both(
        f"api/annotations/{ID}",
        annotations.as_view(ITEM, name="Annotation Api"),
        "annotation-detail",
    ),
    both("api/projects", projects.as_view(LIST, name="Project List Api"), "project-list"),
    both(f"api/projects/{ID}", projects.as_view(ITEM, name="Project Api"), "project-detail"),
    both(
        f"api/projects/{PROJECT_ID}/tasks",
        tasks.as_view({"get": "list_of_project"}, name="Project Task List Api"),
        "project-task-list",
    ),
    both(
        f"api/projects/{ID}/model-versions",
        projects.as_view({"get": "model_versions", "delete": "delete_model_version"}),
        "project-model-versions",
    ),
    both(
        "api/dm/actions",
        TaskActionViewSet.as_view(LIST, name="Project Actions Api"),
        "task-actions",
    ),
    re_path(
        f"^api/projects/{PROJECT_ID}/export$",
        ProjectExportViewSet.as_view({"get": "export"}),
        name="project-export",
    ),
    both(
        f"api/projects/{PROJECT_ID}/exports/{ID}",
        ProjectExportViewSet.as_view({"get": "retrieve"}),
        "project-export-status",
    ),
    re_path(
        f"^api/projects/{PROJECT_ID}/exports/{ID}/download$",
        ProjectExportViewSet.as_view({"get": "download"}),
        name="project-export-download",
    ),
    re_path(
        f"^api/projects/{ID}/import/predictions$",
        imports.as_view({"post": "import_predictions"}),
        name="project-import-predictions",
    ),
    re_path(
        f"^api/projects/{ID}/import$",
        TaskImportViewSet.as_view({"post": "import_tasks"}),
        name="project-import",
    ),
    *prompt_urlpatterns,
    path("api/current-user/whoami", accounts.WhoamiView.as_view(), name="whoami"),
    path("api/current-user/token", accounts.CurrentTokenView.as_view(), name="current-token"),
    both("api/current-user/reset-token", accounts.ResetTokenView.as_view(), "reset-token"),
    both("api/token", accounts.RefreshTokensView.as_view(), "token-list"),
    both("api/token/refresh", accounts.AccessTokenView.as_view(), "token-refresh"),
    both("api/token/blacklist", accounts.BlacklistTokenView.as_view(), "token-blacklist"),
    both("api/token/rotate", accounts.RotateTokenView.as_view(), "token-rotate"),
    path("api/jwt/settings", accounts.JwtSettingsView.as_view(), name="jwt-settings"),
    both("api/version", accounts.VersionView.as_view(), "version"),
    # The same as /api/version, which is the one documented.
    re_path("^version/?$", accounts.VersionView.as_view(schema=None), name="plain-version"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    re_path("^docs/?$", docs.swagger, name="docs"),
    re_path("^docs/redoc/?$", docs.redoc, name="redoc"),
    re_path("^health/?$", observability.health, name="health"),
    re_path("^ready/?$", observability.ready, name="ready"),
    path("metrics", observability.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("admin", error_pages.desk, name="desk"),
    path("favicon.ico", error_pages.favicon, name="favicon"),
    # The evaluation client's: no slash at the end, `compare` and `import` before the ids.
    path("", evals.LoginView.as_view(), name="evaluation-login"),
    path("<workspace:workspace>", evals.WorkspaceView.as_view(), name="workspace"),
    path(EVALS, evals.EvaluationListView.as_view(), name="evaluation-list"),
    path(f"{EVALS}/compare", evals.CompareView.as_view(), name="evaluation-compare"),
    path(f"{EVALS}/import", evals.ImportView.as_view(), name="evaluation-import"),
    path(ONE_EVAL, evals.EvaluationView.as_view(), name="evaluation-detail"),
    path(f"{ONE_EVAL}/rerun", evals.RerunView.as_view(), name="evaluation-rerun"),
    path(f"{ONE_EVAL}/cancel", evals.CancelView.as_view(), name="evaluation-cancel"),
    path(f"{ONE_EVAL}/map-results", eval_panels.MapResultsView.as_view(), name="evaluation-map"),
    path(
        f"{ONE_EVAL}/confidence-sweep",
        eval_panels.ConfidenceSweepView.as_view(),
        name="evaluation-sweep",
    ),
    path(
        f"{ONE_EVAL}/performance-by-class",
        eval_panels.PerformanceByClassView.as_view(),
        name="evaluation-performance",
    ),
    path(
        f"{ONE_EVAL}/confusion-matrix",
        eval_panels.ConfusionMatrixView.as_view(),
        name="evaluation-matrix",
    ),
    path(
        f"{ONE_EVAL}/vector-analysis",
        eval_panels.VectorAnalysisView.as_view(),
        name="evaluation-vectors",
    ),
    path(
        f"{ONE_EVAL}/image-predictions",
        eval_images.ImagePredictionsView.as_view(),
        name="evaluation-images",
    ),
    path(
        f"{ONE_EVAL}/image-predictions/<path:image_id>",
        eval_images.ImageView.as_view(),
        name="evaluation-image",
    ),
    path(
        f"{ONE_EVAL}/recommendations",
        eval_panels.RecommendationsView.as_view(),
        name="evaluation-recommendations",
    ),
    path(f"{ONE_EVAL}/source", evals.SourceView.as_view(), name="evaluation-source"),
    path(f"{ONE_EVAL}/coco", eval_images.CocoView.as_view(), name="evaluation-coco"),
    path(f"{ONE_EVAL}/diff/<slug:other_id>", evals.DiffView.as_view(), name="evaluation-diff"),
]
