from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "predictions_api.jobs"
    label = "jobs"
    verbose_name = "Background work"
