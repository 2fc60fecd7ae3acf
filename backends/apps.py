from django.apps import AppConfig

from predictions_api.cluster import tables

#: How the room's tables lie on a cluster.
TABLES = {
    "backends_predictionjob": tables.EVERYWHERE,
    "backends_jobshare": tables.EVERYWHERE,
    "backends_jobitem": tables.SLOT,
    "backends_answeredtasks": tables.SLOT,
    "backends_endpoint": tables.HERE,
    "backends_training": tables.HERE,
    "backends_webhook": tables.HERE,
    "backends_payload": tables.HERE,
    "backends_delivery": tables.HERE,
}


class BackendsConfig(AppConfig):
    name = "backends"
    verbose_name = "ML backends and webhooks"

    def ready(self) -> None:
        """Registers who listens to what is recorded, what the worker does for this room, and its
        part of a project's page.
        """
        from backends.api import retrieval
        from backends.db import jobs as ended
        from backends.db import told
        from backends.delivery import fanning, listening
        from backends.desk import project_part
        from backends.jobs import automatic, tasks, training
        from backends.models import PredictionJob
        from predictions.api import task_actions
        from predictions.desk.hub import parts
        from predictions_api.jobs import kinds, sharing, sweeps
        from predictions_api.outbound.events import payloads

        tables.register(TABLES)
        listening.register()
        fanning.register_follower(training.follow)
        payloads.register(told.ENDED, told.job_ended)
        sharing.register(tasks.JOB, sharing.Kind(tasks.due, tasks.work))
        sharing.register(training.TRAINING, sharing.Kind(training.due, training.work))
        sweeps.register(tasks.requeue_stalled)
        sweeps.register(training.requeue_stalled)
        sweeps.register(automatic.start_jobs)
        sweeps.register(ended.purge)
        kinds.register("prediction job", PredictionJob)
        parts.register(project_part.part, place=4)
        kinds.preload("backends.jobs.executor")
        task_actions.register_action(retrieval.NAME, retrieval.ACTION)
