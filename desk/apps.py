from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "desk"

    def ready(self) -> None:
        """Registers the card of keys."""
        from desk import dashboard, keys_card

        dashboard.register(keys_card.keys, place=4)
