"""Pages of ML backends: what the form says goes through the API's serializer, and the backend is
asked before anything is stored.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework.exceptions import PermissionDenied, ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from backends.api.backend_documents import BackendSerializer, document
from backends.db import endpoints, jobs
from backends.delivery import signatures
from backends.jobs import start, state, training
from backends.models import Endpoint
from backends.reaching import checks, registration
from desk.page import Crumb, render_page
from desk.workspace_admin import DeskForm, PrettyJSONField, View, access_of, became, forbid
from predictions.desk.project_rows import LONG_COLUMNS, ProjectRows, checked
from predictions.models import MLBackend
from predictions_api.wording import number, when

LATEST = 10
TONES = {"CO": "desk-good", "DI": "desk-bad", "ER": "desk-bad"}
OF_ENDPOINT = (
    "description", "is_interactive", "auth_method", "basic_auth_user", "extra_params",
    "auto_update", "timeout", "batch_size", "max_concurrency", "send_access_token",
)  # fmt: skip


class BackendForm(DeskForm):
    """Where a model server listens, and how it is called."""

    basic_auth_pass = forms.CharField(
        label="Password",
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to keep what is stored, which is never shown.",
    )

    class Meta:
        model = MLBackend
        fields = ("project", "url", "title", "model_version")
        labels: ClassVar[dict[str, str]] = {"url": "URL"}
        widgets = {
            "title": UnfoldAdminTextInputWidget,
            "model_version": UnfoldAdminTextInputWidget,
        }

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        known = self.instance.pk is not None
        endpoint = endpoints.endpoint_of(self.instance) if known else Endpoint()
        for name in OF_ENDPOINT:
            if name in self.fields:
                self.fields[name].initial = getattr(endpoint, name)


WIDGETS: dict[str, Any] = {
    "description": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    "is_interactive": UnfoldBooleanSwitchWidget,
    "auth_method": UnfoldAdminSelectWidget,
    "basic_auth_user": UnfoldAdminTextInputWidget,
    "auto_update": UnfoldBooleanSwitchWidget,
    "timeout": UnfoldAdminDecimalFieldWidget,
    "batch_size": UnfoldAdminIntegerFieldWidget,
    "max_concurrency": UnfoldAdminIntegerFieldWidget,
    "send_access_token": UnfoldBooleanSwitchWidget,
}
LABELS = {
    "auth_method": "Authentication",
    "basic_auth_user": "User name",
    "extra_params": "Extra parameters",
}
HELP = {
    "auth_method": "Whether it asks for a user name and a password.",
    "timeout": "How many seconds a whole answer may take.",
}
# The endpoint's fields as its table describes them.
declared: dict[str, forms.Field] = BackendForm.declared_fields
declared |= forms.fields_for_model(
    Endpoint, OF_ENDPOINT, widgets=WIDGETS, labels=LABELS, help_texts=HELP
)
declared["extra_params"] = PrettyJSONField(
    required=False,
    label=LABELS["extra_params"],
    widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
    help_text="JSON, sent with /setup; 2.x backends expect text.",
)
BackendForm.base_fields |= declared


@admin.register(MLBackend)
class BackendDesk(ProjectRows):
    """Model servers that are asked for predictions."""

    form = BackendForm
    when_empty = (
        "An ML backend is a running model server, as Label Studio's are. Add its address to a"
        " project, and it is asked for predictions."
    )
    list_display = ("__str__", "project", "state", "address", "model_version", "created")
    autocomplete_fields = ("project",)
    fields = (
        "project", "url", "title", *OF_ENDPOINT[:4], "basic_auth_pass", *OF_ENDPOINT[4:6],
        "model_version", *OF_ENDPOINT[6:], "state", "created", "updated",
    )  # fmt: skip
    belongs_to = "project"
    audited_as = "backend"
    audited = frozenset({"created", "changed", "deleted"})
    readonly_fields = ("state", "created", "updated")

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("endpoint").defer(*LONG_COLUMNS)

    def audit_target(self, obj: MLBackend) -> str:
        return f"ML backend {obj.pk}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By title or address: there are few."""
        text = search_term.replace("\0", "").strip()
        return queryset.filter(Q(title__icontains=text) | Q(url__icontains=text)), False

    def pages(self) -> Mapping[str, tuple[str, View]]:
        return {
            "page": ("<int:pk>/jobs/", self.page),
            "predict": ("<int:pk>/predict/", self.predict),
            "train": ("<int:pk>/train/", self.train),
        }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """For whoever only reads, without what is no column of the row; a new one's is asked."""
        if obj is None:
            return self.fields[: -len(self.readonly_fields)]
        if self.has_change_permission(request, obj):
            return self.fields
        return [*BackendForm.Meta.fields, *self.readonly_fields]

    def save_model(self, request: HttpRequest, obj: MLBackend, form: Any, change: bool) -> None:
        """Asks the backend, and stores what the API would; ValidationError for what it refuses."""
        access = access_of(request, obj.project.workspace_id, field="project")
        stored = MLBackend.objects.select_related("project", "endpoint").filter(pk=obj.pk).first()
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        values |= {"project": obj.project_id, "url": obj.url}
        if not values.get("basic_auth_pass"):
            values.pop("basic_auth_pass", None)
        try:
            accepted = checked(BackendSerializer(stored, data=values, partial=change))
            accepted.pop("project", None)
            if stored is None:
                found = registration.for_new(obj.project, accepted)
                secret = signatures.new_secret()
                became(obj, endpoints.create(obj.project, found, access, secret=secret).pk)
            else:
                found, is_moved = registration.for_change(stored, accepted)
                endpoints.update(stored, found, access, secret=signatures.new_secret())
                if is_moved:
                    endpoints.note(stored.pk, Endpoint.State.CONNECTED)
        except (checks.Unfit, PermissionDenied) as refused:
            raise ValidationError({"url": [str(refused)]}) from None

    def delete_model(self, request: HttpRequest, obj: MLBackend) -> None:
        """With its jobs; its predictions stay."""
        state.cancel_all(obj.pk)
        endpoints.delete(obj)

    def page(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """How the backend is, what it was asked, and what to ask it."""
        self.found(request, pk=pk)
        backend = endpoints.with_activity().filter(pk=pk).get()
        shown = document(backend)
        every = reverse("admin:backends_predictionjob_changelist")
        return render_page(
            self,
            request,
            "backends/backend.html",
            title=str(backend),
            crumbs=[
                Crumb("ML backends", reverse("admin:predictions_mlbackend_changelist")),
                Crumb(str(backend), reverse("admin:predictions_mlbackend_change", args=[pk])),
                Crumb("Jobs"),
            ],
            shown=shown,
            tone=TONES.get(shown["state"], "desk-warn"),
            facts=[
                ("Address", backend.url),
                ("Project", str(backend.project)),
                ("Model version", backend.model_version or "-"),
                ("Looked at", when(shown["checked_at"])),
                (
                    "Tasks in one request",
                    number(shown["batch_size"] or settings.ML_BATCH_SIZE),
                ),
                ("Requests at once", number(shown["max_concurrency"])),
            ],
            jobs=[_listed(job) for job in jobs.of_backend(pk)[:LATEST]],
            may_edit=self.has_change_permission(request, backend),
            predict_url=reverse("admin:predictions_mlbackend_predict", args=[pk]),
            train_url=reverse("admin:predictions_mlbackend_train", args=[pk]),
            every_url=f"{every}?backend={pk}",
        )

    def predict(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A job over all tasks, by POST."""
        backend = self.found(request, pk=pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        forbid(self.has_change_permission(request, backend))
        access = access_of(request, backend.project.workspace_id, field="project")
        every = jobs.every_task(backend.project_id)
        job = start.create(backend, every, user_id=access.user_id)
        self.record(request, backend, "asked", job=job.pk)
        messages.success(request, f"The backend is asked about {number(job.total_tasks)} tasks.")
        return redirect("admin:backends_predictionjob_page", job.pk)

    def train(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks for a training, by POST."""
        backend = self.found(request, pk=pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        forbid(self.has_change_permission(request, backend))
        access = access_of(request, backend.project.workspace_id, field="project")
        training.ask(backend.pk, user_id=access.user_id)
        self.record(request, backend, "trained")
        messages.success(request, "The backend is asked to train.")
        return redirect("admin:predictions_mlbackend_page", pk)

    @admin.display(description="address")
    def address(self, row: MLBackend) -> str:
        return row.url

    @admin.display(description="state")
    def state(self, row: MLBackend) -> SafeString | str:
        if row.pk is None:
            return "-"
        found = Endpoint.State(endpoints.endpoint_of(row).state)
        return format_html(
            '<a class="desk-link" href="{}"><span class="{}">{}</span></a>',
            reverse("admin:predictions_mlbackend_page", args=[row.pk]),
            TONES[found],
            found.label,
        )


def _listed(job: Any) -> dict[str, Any]:
    done = job.done_tasks + job.skipped_tasks + job.failed_tasks
    return {
        "name": f"Job {job.pk}",
        "url": reverse("admin:backends_predictionjob_page", args=[job.pk]),
        "status": job.status,
        "done": f"{number(done)} of {number(job.total_tasks)}",
        "failed": number(job.failed_tasks) if job.failed_tasks else "",
        "made": when(job.created_at),
    }
