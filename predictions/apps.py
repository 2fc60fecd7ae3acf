from django.apps import AppConfig

from predictions_api.cluster import tables
from predictions_api.postgres.spread.slots import SLOTS

#: How the room's tables lie on a cluster.
TABLES = {
    "predictions_project": tables.EVERYWHERE,
    "predictions_mlbackend": tables.EVERYWHERE,
    "predictions_imageroot": tables.EVERYWHERE,
    "predictions_importstorage": tables.EVERYWHERE,
    "predictions_task": tables.SLOT,
    "predictions_projectcounter": tables.SLOT,
    "predictions_annotation": tables.SLOT,
    "predictions_prediction": tables.SLOT,
    "predictions_tasktag": tables.SLOT,
    "predictions_predictioncomment": tables.SLOT,
    "predictions_predictionreview": tables.SLOT,
    "predictions_importedfile": tables.SLOT,
    "predictions_exportstorage": tables.EVERYWHERE,
    "predictions_exportedannotation": tables.SLOT,
    "predictions_savedview": tables.EVERYWHERE,
    "predictions_idempotentrequest": tables.HERE,
    "predictions_importcheckpoint": tables.HERE,
    "predictions_projectexport": tables.EVERYWHERE,
}
# What a process that has not heard of slots would store is refused.
CHECKS = {
    "predictions_task": tables.LEADS,
    "predictions_annotation": tables.LEADS,
    # One that was moved keeps its id.
    "predictions_prediction": f"{tables.LEADS} OR mod(id, {SLOTS}) <> 0 OR updated_at > created_at",
}

LARGER_FILES = "On the server, `manage.py load` takes files of any size."


class PredictionsConfig(AppConfig):
    name = "predictions"
    verbose_name = "Store"

    def ready(self) -> None:
        """Registers what the worker does for this room, its card, what Ctrl+K finds,
        and the way in of large files."""
        from desk import dashboard, search
        from predictions.db import idempotency
        from predictions.desk import card
        from predictions.desk.finding import projects
        from predictions.desk.finding import tasks as task_names
        from predictions.desk.grid import acts
        from predictions.desk.hub import parts, store
        from predictions.events import payloads
        from predictions.exports import state, tasks
        from predictions.exports.storages import tasks as written
        from predictions.imports.folders import tasks as folders
        from predictions.models import ExportStorage, ImportStorage, ProjectExport
        from predictions_api.http import errors
        from predictions_api.jobs import kinds, sweeps

        tables.register(TABLES)
        tables.register_checks(CHECKS)
        payloads.register()
        sweeps.register(tasks.requeue_stalled)
        sweeps.register(folders.requeue_stalled)
        sweeps.register(written.requeue_stalled)
        sweeps.register(idempotency.purge)
        sweeps.register(state.purge)
        kinds.register("export", ProjectExport)
        kinds.register("folder", ImportStorage)
        kinds.register("export storage", ExportStorage)
        kinds.preload("label_studio_sdk.label_interface")
        dashboard.register(card.projects, place=1)
        parts.register(store.part, place=1)
        search.register(projects.projects, place=1)
        search.register(task_names.tasks, place=2)
        search.register(projects.versions, place=3)
        acts.register()
        for route in (r"/api/(load|projects/\d+/import)/?", "/admin/predictions/project/load-.*"):
            errors.register_larger(route, LARGER_FILES)
