from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "desk"

    def ready(self) -> None:
        """Registers the cards of keys and memberships."""
        from desk import dashboard, keys_card
        from desk.access import cards

        dashboard.register(keys_card.keys, place=4)
        dashboard.register(cards.memberships, place=5)
