"""Pages of provider connections. Keys go in and never come out."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordWidget

from desk.workspace_admin import DeskForm, access_of, became
from predictions.desk.project_rows import checked
from predictions_api.wording import spent_of
from prompts.api.serializers.providers import SECRETS, ProviderConnectionSerializer
from prompts.db import prompts
from prompts.desk.filters import CreatedFilter, ProviderFilter
from prompts.desk.rows import EditedRows, changed_values
from prompts.models import ProviderConnection


def _key(label: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to keep what is stored, which is never shown.",
    )


class ConnectionForm(DeskForm):
    """How to reach a provider; keys can be entered, and are not shown."""

    api_key = _key("API key")
    auth_token = _key("Auth token")
    google_application_credentials = _key("Google application credentials")

    class Meta:
        model = ProviderConnection
        fields = (
            "workspace", "provider", "endpoint", "deployment_name", "google_project_id",
            "google_location", "budget_limit", "budget_reset_period", "budget_alert_threshold",
            "prompt_price_usd_per_million", "completion_price_usd_per_million", "request_params",
            "max_concurrency",
        )  # fmt: skip


@admin.register(ProviderConnection)
class ConnectionDesk(EditedRows):
    """Connections to providers."""

    form = ConnectionForm
    when_empty = (
        "A provider connection is the address and key of a service that runs language models,"
        " such as OpenAI, Ollama or vLLM. Prompts are run by one."
    )
    list_display = ("name", "workspace", "spent", "max_concurrency", "created", "updated")
    list_filter = (ProviderFilter, CreatedFilter)
    list_select_related = ("workspace",)
    search_fields = ("endpoint", "deployment_name")
    belongs_to = "workspace"
    audited_as = "connection"
    audited = frozenset({"created", "changed", "deleted"})
    readonly_fields: ClassVar[tuple[str, ...]] = ("spent", "created", "created_by")
    fields = (
        *ConnectionForm.Meta.fields[:3], *SECRETS, *ConnectionForm.Meta.fields[3:],
        "spent", "created", "created_by",
    )  # fmt: skip

    def workspace_id_of(self, obj: ProviderConnection) -> int:
        return obj.workspace_id

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without places for keys, for whoever only reads."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fields
        return [name for name in self.fields if name not in SECRETS]

    def save_model(
        self, request: HttpRequest, obj: ProviderConnection, form: Any, change: bool
    ) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, obj.workspace_id, field="workspace")
        values = changed_values(form)
        values.pop("workspace", None)
        stored = ProviderConnection.objects.get(pk=obj.pk) if change else None
        accepted = checked(ProviderConnectionSerializer(stored, data=values, partial=change))
        if stored is not None:
            prompts.update_connection(stored, accepted)
        else:
            became(obj, prompts.create_connection(accepted, access).pk)

    @admin.display(description="connection")
    def name(self, row: ProviderConnection) -> str:
        return str(row)

    @admin.display(description="spent in the period")
    def spent(self, row: ProviderConnection) -> str:
        return spent_of(row.spent_in_period, row.budget_limit)
