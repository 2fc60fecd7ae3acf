"""Routes of the store, in the order in which they are tried: what is asked for most comes first."""

from django.urls import re_path

from predictions.api.exports import ProjectExportViewSet
from predictions.api.imports import ImportViewSet, TaskImportViewSet
from predictions.api.predictions import PredictionViewSet
from predictions.api.projects import ProjectViewSet
from predictions.api.task_actions import TaskActionViewSet
from predictions.api.tasks import AnnotationViewSet, TaskViewSet
from predictions_api.http.routers import ID, ITEM, LIST, PROJECT_ID, TASK_ID, both

urlpatterns = [
    both(
        "api/predictions",
        PredictionViewSet.as_view(
            {**LIST, "delete": "destroy_version"}, name="Prediction Api List", description=""
        ),
        "prediction-list",
    ),
    # No suffix: `export.csv` would name the format twice.
    re_path(
        "^api/predictions/export/?$",
        PredictionViewSet.as_view({"get": "export"}, name="Prediction Export"),
        name="prediction-export",
    ),
    both(
        f"api/predictions/{ID}",
        PredictionViewSet.as_view(ITEM, name="Prediction Api Instance", description=""),
        "prediction-detail",
    ),
    both("api/tasks", TaskViewSet.as_view(LIST, name="Task List Api"), "task-list"),
    both(f"api/tasks/{ID}", TaskViewSet.as_view(ITEM, name="Task Api"), "task-detail"),
    both(
        f"api/tasks/{TASK_ID}/annotations",
        AnnotationViewSet.as_view(LIST, name="Annotations List Api"),
        "annotation-list",
    ),
    both(
        f"api/annotations/{ID}",
        AnnotationViewSet.as_view(ITEM, name="Annotation Api"),
        "annotation-detail",
    ),
    both("api/projects", ProjectViewSet.as_view(LIST, name="Project List Api"), "project-list"),
    both(f"api/projects/{ID}", ProjectViewSet.as_view(ITEM, name="Project Api"), "project-detail"),
    both(
        f"api/projects/{PROJECT_ID}/tasks",
        TaskViewSet.as_view({"get": "list_of_project"}, name="Project Task List Api"),
        "project-task-list",
    ),
    both(
        f"api/projects/{ID}/model-versions",
        ProjectViewSet.as_view({"get": "model_versions", "delete": "delete_model_version"}),
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
        ImportViewSet.as_view({"post": "import_predictions"}),
        name="project-import-predictions",
    ),
    re_path(
        f"^api/projects/{ID}/import$",
        TaskImportViewSet.as_view({"post": "import_tasks"}),
        name="project-import",
    ),
]
