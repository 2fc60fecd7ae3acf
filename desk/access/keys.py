"""The desk's pages of API keys."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from rest_framework.exceptions import ValidationError as Refusal
from unfold.decorators import display as unfold_display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from accounts import audit, tokens
from accounts.models import SCOPES, ApiToken, Membership, User
from desk.workspace_admin import (
    OWNERS,
    DeskForm,
    WorkspaceAdmin,
    forbid,
    is_superuser,
    time_ago,
    workspaces_of,
)

OTHERS = (
    "Keys are for yourself or a service account. Others make their own;"
    " manage.py token create makes them for anybody."
)


class TokenForm(DeskForm):
    """The form of a new key."""

    #: Who is at the desk; the page sets it.
    by: ClassVar[User]

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What the key may do. Choose none, and it may do all that its owner may.",
    )

    class Meta:
        model = ApiToken
        fields = ("user", "workspace", "name", "expires_at")
        widgets = {"name": UnfoldAdminTextInputWidget}

    def clean(self) -> dict[str, Any]:
        """Refuses whoever is no member, and other people: nobody acts in another's name."""
        values = super().clean()
        user, workspace = values.get("user"), values.get("workspace")
        if not user or not workspace:
            return values
        if user.pk != self.by.pk and not user.is_service:
            self.add_error("user", OTHERS)
        elif not workspace.memberships.filter(user=user).exists():
            self.add_error("user", "Not a member of this workspace.")
        elif user.is_service and not self.by.is_superuser:
            owned = Membership.objects.filter(user=self.by, role__in=OWNERS)
            if not owned.filter(workspace=workspace).exists():
                self.add_error("user", "Only owners make keys of service accounts.")
        return values


@admin.register(ApiToken)
class ApiTokenDesk(WorkspaceAdmin):
    """API keys: created and revoked, never changed. Everybody sees and makes their own, owners see
    those of their workspace and make those of its service accounts.
    """

    writers = frozenset(Membership.Role.values)
    audited = frozenset({"created", "deleted"})
    audited_as = "key"
    form = TokenForm
    when_empty = (
        "Programs send a key with each request. Add one for each program: it is shown once."
    )
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
        """The caller's own keys, and those of the workspaces that the caller owns."""
        return Q(workspace_id__in=workspaces_of(request, OWNERS)) | Q(user_id=request.user.pk)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Keys with the columns that their state needs."""
        return tokens.with_state(super().get_queryset(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Fields to fill in for a new key, all fields to read for an existing one."""
        return self.add_fields if obj is None else self.shown_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All fields of an existing key."""
        return () if obj is None else self.shown_fields

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form, which knows who fills it in."""
        form = super().get_form(request, *args, **kwargs)
        form.by = request.user
        return form

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.user_id == request.user.pk:
            return True
        return self._has_role(request, obj, self.writers if obj is None else OWNERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)  # an owner revokes: who used what stays known

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return self._has_role(request, None, self.writers)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Creates the key and shows it, this once: only its digest is stored."""
        forbid(not change and self._has_role(request, obj, self.writers))
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
        revoked = [token for token in queryset if tokens.revoke(token)]
        for token in revoked:
            self.log_change(request, token, "Revoked.")
        if revoked:
            places = {token.workspace_id for token in revoked}
            audit.by_request(
                request,
                "key.revoked",
                target=", ".join(f"key {token.pk} of {token.user.email}" for token in revoked),
                workspace_id=places.pop() if len(places) == 1 else None,
            )
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
