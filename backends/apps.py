from django.apps import AppConfig


class BackendsConfig(AppConfig):
    name = "backends"
    verbose_name = "ML backends and webhooks"

    def ready(self) -> None:
        """Registers who listens to what is recorded, and what the worker does for this room."""
        from backends.delivery import listening

        listening.register()
