"""The desk's pages of people, workspaces and their members, and API keys."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from rest_framework.exceptions import ValidationError as Refusal
from unfold.admin import TabularInline
from unfold.decorators import display as unfold_display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminTextInputWidget,
)

from accounts import members, tokens
from accounts.models import SCOPES, ApiToken, Membership, User, Workspace
from desk.workspace_admin import (
    OWNERS,
    DeskForm,
    WorkspaceAdmin,
    forbid,
    is_superuser,
    roles_of,
    time_ago,
    workspaces_of,
)

admin.site.unregister(Group)


class NewUserForm(UserCreationForm):  # type: ignore[misc]
    """The form of a new person."""

    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        """Lower case, as every address is stored."""
        email: str = self.cleaned_data["email"].lower()
        return email


class UserForm(UserChangeForm):  # type: ignore[misc]
    """The form of a person."""

    class Meta:
        model = User
        fields = "__all__"

    def clean_email(self) -> str:
        """Lower case, as every address is stored."""
        email: str = self.cleaned_data["email"].lower()
        return email


@admin.register(User)
class UserAdmin(DjangoUserAdmin, WorkspaceAdmin):  # type: ignore[misc,type-arg]
    """People. Superusers change them; others see those they share a workspace with."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "full_name", "is_active", "is_staff", "seen")
    list_filter = ()
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "first_name", "last_name")}),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    for_others = ((None, {"fields": ("email", "first_name", "last_name")}),)

    def scope(self, request: HttpRequest) -> Q:
        """Whoever shares a workspace with the caller, and the caller."""
        colleagues = Membership.objects.filter(workspace_id__in=list(roles_of(request)))
        return Q(pk__in=colleagues.values("user_id")) | Q(pk=request.user.pk)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Everything for superusers; name and address for others."""
        return super().get_fieldsets(request, obj) if is_superuser(request) else self.for_others

    def get_list_display(self, request: HttpRequest) -> Any:
        """Only superusers see the time of the last login."""
        return self.list_display if is_superuser(request) else ("email", "full_name")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) or bool(roles_of(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    @admin.display(description="name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "-"

    @admin.display(description="last login", ordering="last_login")
    def seen(self, user: User) -> SafeString | str:
        return time_ago(user.last_login)


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


class TokenForm(DeskForm):
    """The form of a new key."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What the key may do; none for everything.",
    )

    class Meta:
        model = ApiToken
        fields = ("user", "workspace", "name", "expires_at")
        widgets = {"name": UnfoldAdminTextInputWidget}

    def clean(self) -> dict[str, Any]:
        """Refuses owners who are no members, and an expiry in the past."""
        values = super().clean()
        user, workspace = values.get("user"), values.get("workspace")
        if user and workspace and not workspace.memberships.filter(user=user).exists():
            self.add_error("user", "Not a member of this workspace.")
        return values


@admin.register(ApiToken)
class ApiTokenDesk(WorkspaceAdmin):
    """API keys: created and revoked, never changed. Owners of a workspace see them."""

    writers = OWNERS
    form = TokenForm
    list_display = (
        "key", "user", "workspace", "name", "shown_scopes", "created", "used", "expires", "state",
    )  # fmt: skip
    list_select_related = ("user", "workspace")
    search_fields = ("name", "preview", "user__email", "workspace__slug")
    sortable_by = ()
    ordering = ("-id",)
    autocomplete_fields = ("user", "workspace")
    actions = ("revoke",)
    add_fields: ClassVar = ("workspace", "user", "name", "scopes", "expires_at")
    shown_fields: ClassVar = (
        "key", "kind", "user", "workspace", "name", "shown_scopes", "created", "used", "expires",
        "state",
    )  # fmt: skip

    def workspace_id_of(self, obj: ApiToken) -> int:
        return obj.workspace_id

    def scope(self, request: HttpRequest) -> Q:
        """Keys of the workspaces that the caller owns."""
        return Q(workspace_id__in=workspaces_of(request, OWNERS))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Keys with the columns that their state needs."""
        return tokens.with_state(super().get_queryset(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Fields to fill in for a new key, all fields to read for an existing one."""
        return self.add_fields if obj is None else self.shown_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All fields of an existing key."""
        return () if obj is None else self.shown_fields

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_role(request, obj, OWNERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)  # an owner revokes: who used what stays known

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return self._has_role(request, None, OWNERS)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Creates the key and shows it, this once: only its digest is stored."""
        forbid(not change and self._has_role(request, obj, OWNERS))
        values = form.cleaned_data
        try:
            token, key = tokens.issue(
                user=values["user"],
                workspace=values["workspace"],
                name=values["name"],
                scopes=values["scopes"],
                expires_at=values["expires_at"],
            )
        except ValidationError as error:
            raise Refusal(list(error.messages)) from None
        obj.__dict__.update(token.__dict__)
        messages.warning(request, f"The key, shown only this once: {key}")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Revokes the chosen keys."""
        for token in queryset:
            tokens.revoke(token)
            self.log_change(request, token, "Revoked.")
        messages.success(request, f"Revoked: {', '.join(token.preview for token in queryset)}")

    @admin.display(description="key")
    def key(self, token: ApiToken) -> str:
        return f"{token.preview}…"

    @admin.display(description="scopes")
    def shown_scopes(self, token: ApiToken) -> str:
        return ", ".join(token.scopes or ["everything"])

    @admin.display(description="created")
    def created(self, token: ApiToken) -> SafeString | str:
        return time_ago(token.created_at)

    @admin.display(description="last used")
    def used(self, token: ApiToken) -> SafeString | str:
        return time_ago(token.last_used_at)

    @admin.display(description="expires")
    def expires(self, token: ApiToken) -> SafeString | str:
        return time_ago(token.expires_at)

    @unfold_display(  # type: ignore[untyped-decorator]
        description="state",
        label={"works": "success", "revoked": "danger", "expired": "warning"},
    )
    def state(self, token: ApiToken) -> str:
        return tokens.state_of(token)
