from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "predictions_api.outbound.events"
    label = "events"
    verbose_name = "Outbox"
