"""The desk's pages of workspaces and their members."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from accounts import audit, members
from accounts.models import Membership, User, Workspace
from desk.access import cards
from desk.page import Crumb, render_page
from desk.workspace_admin import (
    OWNERS,
    View,
    WorkspaceAdmin,
    forbid,
    is_owner,
    is_superuser,
    roles_of,
    time_ago,
)


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """A member, added by e-mail address, so that no list of all people is shown; or a service
    account, made by its name.
    """

    #: Who is at the desk; the page sets it.
    by: ClassVar[User]

    email = forms.CharField(
        max_length=254,
        label="E-mail, or a service account's name",
        widget=UnfoldAdminTextInputWidget,
    )
    is_service = forms.BooleanField(
        required=False, label="Service account", widget=UnfoldBooleanSwitchWidget
    )

    class Meta:
        model = Membership
        fields = ("role",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The heads of the table's columns are no labels.
        for field in self.fields.values():
            field.widget.attrs.setdefault("aria-label", field.label)
        if self.instance.pk:
            email = self.instance.user.email
            self.fields["email"].initial = email
            # A long one does not fit into its box.
            self.fields["email"].widget.attrs["title"] = email
            self.fields["is_service"].initial = self.instance.user.is_service
            self.fields["email"].disabled = self.fields["is_service"].disabled = True

    def clean(self) -> dict[str, Any]:
        """Refuses somebody who is a member already or may not be one."""
        values = self.cleaned_data
        if values.get("is_service") and values.get("role") == Membership.Role.OWNER:
            self.add_error("role", "A service account does not own a workspace.")
        if values.get("email") and not self.instance.pk:
            try:
                self._check_new(values["email"], is_service=bool(values.get("is_service")))
            except ValidationError as error:
                self.add_error("email", error)
        return values

    def _check_new(self, text: str, *, is_service: bool) -> None:
        if is_service:
            members.check_service_name(text)
            matches = Q(user__is_service=True, user__first_name=text)
        else:
            validate_email(text)
            members.check_invited(text, by=self.by)
            matches = Q(user__email__iexact=text)
        mine = Membership.objects.filter(workspace_id=self.instance.workspace_id)
        if mine.filter(matches).exists():
            raise ValidationError("Already a member.")

    def save(self, commit: bool = True) -> Any:
        """Saves the membership, creating the person or the service account if they are new."""
        if self.instance.user_id is None:
            text = self.cleaned_data["email"]
            is_service = self.cleaned_data["is_service"]
            workspace = self.instance.workspace
            self.instance.user = (
                members.service_account(text, workspace) if is_service else members.person(text)
            )
            self.instance.added_by = self.by
        return super().save(commit=commit)


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A workspace, its fields named for whoever reads them here."""

    class Meta:
        model = Workspace
        fields = ("slug", "title", "legacy_api_tokens_enabled")
        labels: ClassVar[dict[str, str]] = {"legacy_api_tokens_enabled": "Accept API keys"}
        help_texts: ClassVar[dict[str, str]] = {
            "legacy_api_tokens_enabled": "Switched off, every key of the workspace is refused; "
            "access tokens, which end after minutes, still work."
        }


class MembershipFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """All members of a workspace."""

    def clean(self) -> None:
        """Refuses to remove the last owner and to add somebody twice."""
        super().clean()
        kept = [f for f in self.initial_forms + self.extra_forms if self._stays(f)]
        addresses = [form.cleaned_data["email"].lower() for form in kept]
        if len(set(addresses)) < len(addresses):
            raise ValidationError("Somebody is named twice.")
        if not any(form.cleaned_data["role"] == Membership.Role.OWNER for form in kept):
            raise ValidationError("A workspace needs an owner.")

    def _stays(self, form: Any) -> bool:
        values = getattr(form, "cleaned_data", {})
        return bool(values.get("email") and values.get("role")) and not values.get("DELETE")


class MembershipInline(TabularInline):  # type: ignore[misc]
    """Members on the page of their workspace; its owners change them."""

    model = Membership
    fk_name = "workspace"
    form = MembershipForm
    formset = MembershipFormSet
    fields = ("email", "is_service", "role")
    extra = 0
    hide_title = True
    verbose_name = "member"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Memberships joined with their people: one statement."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("user", "workspace").order_by("user__email")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """The forms, which know who fills them in."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.by = request.user
        return formset

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """E-mail addresses are plain text for those who may not change members."""
        return self.fields if self.has_change_permission(request, obj) else ("user", "role")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # whoever sees the workspace sees its members

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) or (obj is not None and is_owner(request, obj.pk))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)


def _say_next(request: HttpRequest, text: str, name: str, step: str, url: str) -> None:
    link = format_html('<a class="desk-link" href="{}">{}</a>', url, step)
    messages.info(request, format_html(text, name, link))


@admin.register(Workspace)
class WorkspaceDesk(WorkspaceAdmin):
    """Workspaces. Superusers create them, owners manage the members, who may leave, and delete
    the workspace.
    """

    form = WorkspaceForm
    writers = OWNERS
    audited = frozenset({"created", "changed", "deleted"})
    inlines = (MembershipInline,)
    change_form_after_template = "desk/workspace_access.html"
    list_display = ("slug", "title", "created")
    search_fields = ("slug", "title")
    ordering = ("slug",)
    fields = ("slug", "title", "legacy_api_tokens_enabled", "created")
    readonly_fields = ("created",)

    def workspace_id_of(self, obj: Workspace) -> int:
        return obj.pk

    def scope(self, request: HttpRequest) -> Q:
        """The caller's own."""
        return Q(pk__in=list(roles_of(request)))

    def pages(self) -> Mapping[str, tuple[str, View]]:
        """The pages on which a member leaves, and on which an owner deletes it."""
        return {
            "leave": ("<int:pk>/leave/", self.leave),
            "remove": ("<int:pk>/remove/", self.remove),
        }

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Stores the members, and says what somebody new needs next."""
        super().save_related(request, form, formsets, change)
        by = request.user
        assert isinstance(by, User)  # the site lets nobody else in
        for member in (row.user for formset in formsets for row in formset.new_objects):
            if member.is_service:
                url = f"{reverse('admin:accounts_apitoken_add')}?user={member.pk}"
                text = "{} is a member, and has no key yet: {}."
                _say_next(request, text, member.first_name, "make one", url)
            elif not member.has_usable_password() and members.may_be_reset(member, by=by):
                url = reverse("admin:accounts_user_reset", args=[member.pk])
                text = "{} is a member, and has no password yet: {}, and give it to them."
                _say_next(request, text, member.email, "make a link to set one", url)

    def leave(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks whether the caller wants to leave the workspace; a POST does it."""
        mine = Membership.objects.filter(workspace_id=pk, user_id=request.user.pk or 0)
        membership = mine.select_related("workspace", "added_by").first()
        if membership is None:
            raise Http404
        home = HttpResponseRedirect(reverse("admin:index"))
        if request.method == "POST":
            if members.leave(membership):
                audit.by_request(request, "member.left", target=f"workspace {pk}", workspace_id=pk)
                messages.success(request, f"You left {membership.workspace}.")
            else:
                messages.error(request, "You are its only owner: make somebody else one first.")
            return home
        lists = reverse("admin:accounts_workspace_changelist")
        return render_page(
            self,
            request,
            "desk/leave.html",
            title=f"Leave {membership.workspace}?",
            crumbs=[Crumb("Workspaces", lists), Crumb("Leave")],
            membership=membership,
        )

    def remove(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks an owner for the workspace's name; a POST that has it deletes the workspace."""
        workspace = self.found(request, pk=pk)
        forbid(self._has_role(request, workspace, OWNERS))
        error = ""
        if request.method == "POST":
            if request.POST.get("slug", "").strip() == workspace.slug:
                named = self.audit_target(workspace)
                members.delete_workspace(workspace)
                audit.by_request(request, "workspace.deleted", target=named)
                messages.success(request, f"{workspace.slug} and all in it is deleted.")
                return HttpResponseRedirect(reverse("admin:index"))
            error = f"Not deleted: that is not its name, {workspace.slug}."
        return render_page(
            self,
            request,
            "desk/delete_workspace.html",
            title=f"Delete {workspace.slug}?",
            crumbs=[
                Crumb("Workspaces", reverse("admin:accounts_workspace_changelist")),
                Crumb(str(workspace), reverse("admin:accounts_workspace_change", args=[pk])),
                Crumb("Delete"),
            ],
            workspace=workspace,
            n_projects=workspace.projects.count(),
            n_keys=workspace.api_tokens.filter(revoked_at=None).count(),
            n_members=workspace.memberships.count(),
            error=error,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Members, and below them for owners the workspace's keys and its audit trail."""
        more = dict(extra_context or {})
        if object_id.isdecimal() and is_owner(request, int(object_id)):
            more["access_cards"] = cards.of_workspace(int(object_id))
            more["may_delete_workspace"] = True
        answer: HttpResponse = super().change_view(request, object_id, form_url, more)
        return answer

    def record(self, request: HttpRequest, obj: Any, act: str, **details: Any) -> None:
        """Says whether members were changed, or only settings."""
        changes = [change for entry in details.get("changes", ()) for change in entry.values()]
        if act == "changed" and any(change.get("name") == "membership" for change in changes):
            act = "members_changed"
        super().record(request, obj, act, **details)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The slug of an existing workspace: it is part of URLs that others use."""
        return ("slug", "created") if obj is not None else ("created",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # only by its page, which asks for its name

    @admin.display(description="created", ordering="created_at")
    def created(self, workspace: Workspace) -> SafeString | str:
        return time_ago(workspace.created_at)
