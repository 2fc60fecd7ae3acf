"""The desk's pages of workspaces and their members."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminEmailInputWidget

from accounts import members
from accounts.models import Membership, Workspace
from desk.workspace_admin import (
    OWNERS,
    WorkspaceAdmin,
    is_superuser,
    roles_of,
    time_ago,
    workspaces_of,
)


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """A member, added by e-mail address, so that no list of all people is shown."""

    email = forms.EmailField(widget=UnfoldAdminEmailInputWidget)

    class Meta:
        model = Membership
        fields = ("role",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["email"].initial = self.instance.user.email
            self.fields["email"].disabled = True

    def clean_email(self) -> str:
        """Refuses somebody who is a member already."""
        email: str = self.cleaned_data["email"]
        others = Membership.objects.filter(
            workspace_id=self.instance.workspace_id, user__email__iexact=email
        )
        if others.exclude(pk=self.instance.pk).exists():
            raise ValidationError("Already a member.")
        return email

    def save(self, commit: bool = True) -> Any:
        """Saves the membership, creating the person if they are new."""
        if self.instance.user_id is None:
            self.instance.user = members.person(self.cleaned_data["email"])
        return super().save(commit=commit)


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
    form = MembershipForm
    formset = MembershipFormSet
    fields = ("email", "role")
    extra = 0
    hide_title = True
    verbose_name = "member"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Memberships joined with their people: one statement."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("user", "workspace").order_by("user__email")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """E-mail addresses are plain text for those who may not change members."""
        return self.fields if self.has_change_permission(request, obj) else ("user", "role")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # whoever sees the workspace sees its members

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        owned = workspaces_of(request, OWNERS)
        return is_superuser(request) or (obj is not None and obj.pk in owned)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)


@admin.register(Workspace)
class WorkspaceDesk(WorkspaceAdmin):
    """Workspaces. Superusers create and delete them, owners manage the members."""

    writers = OWNERS
    inlines = (MembershipInline,)
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

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The slug of an existing workspace: it is part of URLs that others use."""
        return ("slug", "created") if obj is not None else ("created",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def delete_model(self, request: HttpRequest, obj: Workspace) -> None:
        """Deletes the workspace with everything in it."""
        members.delete_workspace(obj)

    @admin.display(description="created", ordering="created_at")
    def created(self, workspace: Workspace) -> SafeString | str:
        return time_ago(workspace.created_at)
