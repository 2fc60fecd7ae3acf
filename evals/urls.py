"""Routes of the evaluation client: no slash at the end, `compare` and `import` before the ids."""

from django.urls import path, register_converter

from evals.api import evaluations, images, panels
from predictions_api.http.paths import WorkspaceConverter

register_converter(WorkspaceConverter, "workspace")

EVALS = "<workspace:workspace>/model-evals"
ONE_EVAL = f"{EVALS}/<slug:eval_id>"

urlpatterns = [
    path("", evaluations.LoginView.as_view(), name="evaluation-login"),
    path("<workspace:workspace>", evaluations.WorkspaceView.as_view(), name="workspace"),
    path(EVALS, evaluations.EvaluationListView.as_view(), name="evaluation-list"),
    path(f"{EVALS}/compare", evaluations.CompareView.as_view(), name="evaluation-compare"),
    path(f"{EVALS}/import", evaluations.ImportView.as_view(), name="evaluation-import"),
    path(ONE_EVAL, evaluations.EvaluationView.as_view(), name="evaluation-detail"),
    path(f"{ONE_EVAL}/rerun", evaluations.RerunView.as_view(), name="evaluation-rerun"),
    path(f"{ONE_EVAL}/cancel", evaluations.CancelView.as_view(), name="evaluation-cancel"),
    path(f"{ONE_EVAL}/map-results", panels.MapResultsView.as_view(), name="evaluation-map"),
    path(
        f"{ONE_EVAL}/confidence-sweep",
        panels.ConfidenceSweepView.as_view(),
        name="evaluation-sweep",
    ),
    path(
        f"{ONE_EVAL}/performance-by-class",
        panels.PerformanceByClassView.as_view(),
        name="evaluation-performance",
    ),
    path(
        f"{ONE_EVAL}/confusion-matrix",
        panels.ConfusionMatrixView.as_view(),
        name="evaluation-matrix",
    ),
    path(
        f"{ONE_EVAL}/vector-analysis",
        panels.VectorAnalysisView.as_view(),
        name="evaluation-vectors",
    ),
    path(
        f"{ONE_EVAL}/image-predictions",
        images.ImagePredictionsView.as_view(),
        name="evaluation-images",
    ),
    path(
        f"{ONE_EVAL}/image-predictions/<path:image_id>",
        images.ImageView.as_view(),
        name="evaluation-image",
    ),
    path(
        f"{ONE_EVAL}/recommendations",
        panels.RecommendationsView.as_view(),
        name="evaluation-recommendations",
    ),
    path(f"{ONE_EVAL}/source", evaluations.SourceView.as_view(), name="evaluation-source"),
    path(f"{ONE_EVAL}/coco", images.CocoView.as_view(), name="evaluation-coco"),
    path(
        f"{ONE_EVAL}/diff/<slug:other_id>", evaluations.DiffView.as_view(), name="evaluation-diff"
    ),
]
