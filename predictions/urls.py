"""Routes of the store, in the order in which they are tried: what is asked for most comes first."""

from django.urls import re_path

from predictions.api.curation.tags import TagViewSet
from predictions.api.curation.views import ViewViewSet
from predictions.api.exports import ProjectExportViewSet
from predictions.api.imports import ImportViewSet, TaskImportViewSet
from predictions.api.loads import LoadViewSet
from predictions.api.pictures import LocalFileView, ThumbnailView
from predictions.api.predictions import PredictionViewSet
from predictions.api.projects import ProjectViewSet
from predictions.api.reviews.discussion import CommentViewSet, ReviewViewSet
from predictions.api.storages.listing import (
    EveryExportStorageViewSet,
    EveryImportStorageViewSet,
    ExportStorageTypesViewSet,
    ImportStorageTypesViewSet,
)
from predictions.api.storages.local import LocalExportViewSet, LocalImportViewSet
from predictions.api.storages.resolving import ObjectView, PresignedObjectView
from predictions.api.storages.s3 import S3ExportViewSet, S3ImportViewSet
from predictions.api.task_actions import TaskActionViewSet
from predictions.api.tasks import (
    AnnotationViewSet,
    ProjectTaskViewSet,
    TaskAnnotationViewSet,
    TaskViewSet,
)
from predictions_api.http.routers import ID, PREDICTION_ID, PROJECT_ID, TASK_ID, Router, both

router = Router()
router.register("api/predictions", PredictionViewSet, basename="prediction")
router.register(
    f"api/predictions/{PREDICTION_ID}/comments", CommentViewSet, basename="prediction-comment"
)
router.register(
    f"api/predictions/{PREDICTION_ID}/reviews", ReviewViewSet, basename="prediction-review"
)
router.register("api/tasks", TaskViewSet, basename="task")
router.register(f"api/tasks/{TASK_ID}/annotations", TaskAnnotationViewSet, basename="annotation")
router.register("api/annotations", AnnotationViewSet, basename="annotation")
router.register("api/projects", ProjectViewSet, basename="project")
router.register(f"api/projects/{PROJECT_ID}/tasks", ProjectTaskViewSet, basename="project-task")
router.register(f"api/projects/{PROJECT_ID}/tags", TagViewSet, basename="project-tag")
router.register("api/dm/views", ViewViewSet, basename="view")
router.register("api/storages/localfiles", LocalImportViewSet, basename="import-storage")
router.register("api/storages/s3", S3ImportViewSet, basename="s3-import-storage")
router.register("api/storages/export/localfiles", LocalExportViewSet, basename="export-storage")
router.register("api/storages/export/s3", S3ExportViewSet, basename="s3-export-storage")

urlpatterns = [
    # Before the ids of views.
    both("api/dm/views/reset", ViewViewSet.as_view({"delete": "reset"}), "views-reset"),
    both("api/dm/views/order", ViewViewSet.as_view({"post": "order"}), "views-order"),
    # No suffix: `export.csv` would name the format twice. Before the ids, where it would be one.
    re_path(
        "^api/predictions/export/?$",
        PredictionViewSet.as_view({"get": "export"}, name="Prediction Export"),
        name="prediction-export",
    ),
    *router.urls,
    both(
        "api/annotations",
        AnnotationViewSet.as_view({"patch": "mark"}, name="Annotation Marks Api"),
        "annotation-marks",
    ),
    both(
        "api/dm/actions",
        TaskActionViewSet.as_view({"get": "list", "post": "create"}, name="Project Actions Api"),
        "task-actions",
    ),
    both(
        "api/storages",
        EveryImportStorageViewSet.as_view({"get": "list"}, name="Import Storages Api"),
        "import-storages-all",
    ),
    both(
        "api/storages/export",
        EveryExportStorageViewSet.as_view({"get": "list"}, name="Export Storages Api"),
        "export-storages-all",
    ),
    both(
        "api/storages/types",
        ImportStorageTypesViewSet.as_view({"get": "list"}, name="Import Storage Types Api"),
        "import-storage-types",
    ),
    both(
        "api/storages/export/types",
        ExportStorageTypesViewSet.as_view({"get": "list"}, name="Export Storage Types Api"),
        "export-storage-types",
    ),
    both("api/load", LoadViewSet.as_view({"post": "create"}, name="Load Api"), "load"),
    both(
        f"api/projects/{PROJECT_ID}/exports/{ID}",
        ProjectExportViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        "project-export-status",
    ),
    both(
        f"api/projects/{PROJECT_ID}/exports",
        ProjectExportViewSet.as_view({"get": "list", "post": "create"}),
        "project-export-list",
    ),
    # Label Studio's routes without a slash.
    re_path(
        f"^api/projects/{PROJECT_ID}/export$",
        ProjectExportViewSet.as_view({"get": "export"}),
        name="project-export",
    ),
    re_path(
        f"^api/projects/{PROJECT_ID}/export/formats$",
        ProjectExportViewSet.as_view({"get": "formats"}),
        name="project-export-formats",
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
    # Label Studio's addresses of objects of buckets, two names for one thing.
    re_path(
        "^tasks/(?P<task_id>[0-9]{1,19})/resolve/?$", ObjectView.as_view(), name="resolved-object"
    ),
    re_path(
        "^tasks/(?P<task_id>[0-9]{1,19})/presign/?$",
        PresignedObjectView.as_view(),
        name="presigned-object",
    ),
    # Label Studio's address of files on the server's disk.
    re_path("^data/local-files/?$", LocalFileView.as_view(), name="local-file"),
    re_path("^data/local-files/thumbnail/?$", ThumbnailView.as_view(), name="local-thumbnail"),
]
