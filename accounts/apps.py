from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Registers what the worker does for this room."""
        from accounts import audit
        from predictions_api.jobs import sweeps

        sweeps.register(audit.purge)
