from django.apps import AppConfig

from predictions_api.cluster import tables

#: How the room's tables lie on a cluster.
TABLES = {
    "accounts_workspace": tables.EVERYWHERE,
    "accounts_user": tables.EVERYWHERE,
    "accounts_membership": tables.HERE,
    "accounts_apitoken": tables.HERE,
    "accounts_auditentry": tables.HERE,
    "accounts_user_groups": tables.HERE,
    "accounts_user_user_permissions": tables.HERE,
}


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Registers what the worker does for this room."""
        from accounts import audit
        from predictions_api.jobs import sweeps

        tables.register(TABLES)
        sweeps.register(audit.purge)
