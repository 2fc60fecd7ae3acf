from django.apps import AppConfig

from predictions_api.cluster import tables


class JobsConfig(AppConfig):
    name = "predictions_api.jobs"
    label = "jobs"
    verbose_name = "Background work"

    def ready(self) -> None:
        """Registers how its table lies on a cluster."""
        tables.register({"jobs_worker": tables.HERE})
