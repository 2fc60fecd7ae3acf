from django.apps import AppConfig

from predictions_api.cluster import tables


class EventsConfig(AppConfig):
    name = "predictions_api.outbound.events"
    label = "events"
    verbose_name = "Outbox"

    def ready(self) -> None:
        """Registers how its table lies on a cluster: who tells of events takes the oldest of all
        projects, which spread over nodes would be a question to each of them.
        """
        tables.register({"events_event": tables.HERE})
