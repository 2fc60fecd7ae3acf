from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class DeskAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with the site that the desk is."""

    default = False
    default_site = "desk.access.logins.DeskSite"


class DeskConfig(AppConfig):
    name = "desk"

    def ready(self) -> None:
        """Registers the cards of keys and memberships, and what Ctrl+K finds of people."""
        from desk import dashboard, keys_card, search
        from desk.access import cards, finding

        dashboard.register(keys_card.keys, place=4)
        dashboard.register(cards.memberships, place=5)
        search.register(finding.people, place=6)
        search.register(finding.workspaces, place=7)
