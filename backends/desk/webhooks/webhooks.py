"""Pages of webhooks. Secrets are shown once, to whoever makes one; headers can be entered."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework.exceptions import ValidationError
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from backends.api.webhooks.serializers import WebhookSerializer
from backends.db.webhooks import deliveries, hooks
from backends.delivery import signatures, tasks
from backends.models import Delivery, Webhook
from backends.models.actions import ACTIONS
from desk.workspace_admin import (
    DeskForm,
    PrettyJSONField,
    WorkspaceAdmin,
    access_of,
    became,
    time_ago,
    workspaces_of,
)
from predictions.desk.project_rows import checked
from predictions_api.outbound import client
from predictions_api.wording import number

#: Deliveries that a webhook's page shows.
SHOWN = 20
WHY = {
    Webhook.DisabledReason.GONE: "its receiver said that it is gone (410)",
    Webhook.DisabledReason.FAILING: "nothing but failures for days",
}
NEW_SECRET = "Its signing secret, shown only now: {}"  # noqa: S105 - what is said about one


class WebhookForm(DeskForm):
    """Where to send what. Headers go in and come out; they may hold credentials."""

    actions = forms.MultipleChoiceField(
        choices=[(name, action.name) for name, action in ACTIONS.items()],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Which actions are sent, if not everything is.",
    )
    headers = PrettyJSONField(
        required=False,
        initial=dict,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
        help_text='Up to ten, sent with each delivery: {"Authorization": "Bearer ..."}.',
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["headers"] = hooks.headers_of(self.instance)

    class Meta:
        model = Webhook
        fields = (
            "workspace", "project", "url", "is_active", "send_payload", "send_for_all_actions",
        )  # fmt: skip
        labels = {"url": "URL", "send_for_all_actions": "Send everything"}
        help_texts = {
            "project": "Leave it empty for what happens in all projects of the workspace.",
            "send_payload": "Sends what was changed, too; otherwise only the name of the action.",
        }


def _shown(n: int) -> str:
    """A count, or that there are more than are counted."""
    most = deliveries.MOST_COUNTED
    return f"over {number(most)}" if n > most else number(n)


@admin.register(Webhook)
class WebhookDesk(WorkspaceAdmin):
    """Webhooks, and how what was sent to them fared."""

    form = WebhookForm
    when_empty = (
        "A webhook tells another program, by HTTP, what changes here: new annotations, "
        "finished evaluations and others."
    )
    list_display = ("address", "place", "state", "waiting", "failed", "changed")
    list_filter = ()
    search_fields = ("url",)
    ordering = ("-id",)
    sortable_by = ()
    belongs_to = "workspace"
    audited_as = "webhook"
    audited = frozenset({"created", "changed", "deleted"})
    actions = ("send_test", "send_failed")
    readonly_fields: ClassVar[tuple[str, ...]] = ("state", "recent")
    fields = (*WebhookForm.Meta.fields, "actions", "headers", "state", "recent")

    def workspace_id_of(self, obj: Webhook) -> int:
        return obj.workspace_id

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not for readers: headers may hold credentials."""
        return self._has_role(request, obj, self.writers)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the project, which is chosen once."""
        found = super().get_readonly_fields(request, obj)
        return found if obj is None else ("project", *found)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """How an existing one fares stands first."""
        asked = self.fields[: -len(self.readonly_fields)]
        return asked if obj is None else (*self.readonly_fields, *asked)

    def listed(self, rows: QuerySet[Webhook]) -> QuerySet[Webhook]:
        """With what waits and what failed, each counted by its index and no further than shown."""
        return rows.select_related("workspace", "project").annotate(
            n_pending=deliveries.counted(Delivery.Status.PENDING),
            n_failed=deliveries.counted(Delivery.Status.FAILED),
        )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """With the workspace, for whoever may write in one alone."""
        found: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        writable = workspaces_of(request, self.writers)
        return {"workspace": writable[0], **found} if len(writable) == 1 else found

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, obj.workspace_id, field="workspace")
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        values.pop("workspace", None)
        if "project" in values:
            project = values["project"]
            if project is not None and project.workspace_id != obj.workspace_id:
                raise ValidationError({"project": ["It is in another workspace."]})
            values["project"] = None if project is None else project.pk
        if values.get("headers", 0) is None:
            values["headers"] = {}
        stored = Webhook.objects.get(pk=obj.pk) if change else None
        accepted = checked(WebhookSerializer(stored, data=values, partial=change))
        if "url" in accepted:
            try:
                client.check_url(accepted["url"])
            except client.Blocked as blocked:
                raise ValidationError({"url": [str(blocked)]}) from None
        if stored is not None:
            hooks.update(stored, accepted)
            transaction.on_commit(tasks.wake, robust=True)
            return
        secret = signatures.new_secret()
        became(obj, hooks.create(accepted, access, secret=secret).pk)
        messages.info(request, NEW_SECRET.format(secret))

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        """With its deliveries, in one statement."""
        hooks.delete(obj.pk)

    @admin.action(description="Send a test", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Sends `TEST` to each, also to those that are not active."""
        for row in queryset:
            access_of(request, row.workspace_id, field="workspace")
            deliveries.create_test(row, message_id=signatures.new_message_id())
        transaction.on_commit(tasks.wake, robust=True)
        messages.info(request, "A test is on its way; the webhook's page lists it.")

    @admin.action(description="Send failed deliveries again", permissions=["change"])
    def send_failed(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """All that was given up is due again."""
        n = 0
        for row in queryset:
            access_of(request, row.workspace_id, field="workspace")
            n += deliveries.redeliver_all(
                row.pk, status=Delivery.Status.FAILED, since=None, until=None
            )
        transaction.on_commit(tasks.wake, robust=True)
        messages.info(request, f"Sent again: {n}.")

    @admin.display(description="address")
    def address(self, row: Webhook) -> str:
        return row.url

    @admin.display(description="told of")
    def place(self, row: Webhook) -> str:
        return f"workspace {row.workspace}" if row.project is None else str(row.project)

    @admin.display(description="state")
    def state(self, row: Webhook) -> str:
        """Whether it is told anything, and why not."""
        if row.disabled_reason:
            return f"switched off: {WHY[Webhook.DisabledReason(row.disabled_reason)]}"
        if not row.is_active:
            return "inactive"
        n = row.consecutive_failures
        return f"failing, {n} in a row" if n else "active"

    @admin.display(description="waiting")
    def waiting(self, row: Any) -> str:
        return _shown(row.n_pending)

    @admin.display(description="failed")
    def failed(self, row: Any) -> str:
        return _shown(row.n_failed)

    @admin.display(description="changed")
    def changed(self, row: Webhook) -> SafeString | str:
        return time_ago(row.updated_at)

    @admin.display(description="last deliveries")
    def recent(self, row: Webhook) -> SafeString | str:
        """A line each, newest first: what, how it fared, when."""
        lines = [
            format_html(
                "<li>{} <b>{}</b> {}, {} {}</li>",
                delivery.pk,
                delivery.payload.action,
                delivery.status.lower(),
                time_ago(delivery.created_at),
                f"({delivery.last_error})" if delivery.last_error else "",
            )
            for delivery in deliveries.of_webhook(row.pk)[:SHOWN]
        ]
        if not lines:
            return "None yet. Its list has the action to send a test."
        return format_html("<ul>{}</ul>", SafeString("".join(lines)))
