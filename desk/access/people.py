"""The desk's pages of people."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.forms import (
    AdminPasswordChangeForm,
    UnfoldReadOnlyPasswordHashWidget,
    UserChangeForm,
    UserCreationForm,
)

from accounts import audit, logins, members, sessions
from accounts.models import Membership, User
from desk.page import Crumb, render_page
from desk.workspace_admin import (
    OWNERS,
    View,
    WorkspaceAdmin,
    forbid,
    is_superuser,
    owns_a_workspace,
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        by_link = self.fields["usable_password"]
        by_link.label = "Password"
        by_link.help_text = (
            "Enabled: the one you type below. Disabled: the person sets one, with a link that you "
            "make on the next page."
        )

    def clean_email(self) -> str:
        """Lower case, as every address is stored."""
        email: str = self.cleaned_data["email"].lower()
        return email


class PasswordState(UnfoldReadOnlyPasswordHashWidget):  # type: ignore[misc]
    """Whether a person has a password: of its hash nobody reads anything."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        is_set = bool(value) and is_password_usable(value)
        context["summary"] = [{"label": "A password is set." if is_set else "No password is set."}]
        return context


class UserForm(UserChangeForm):  # type: ignore[misc]
    """The form of a person."""

    class Meta:
        model = User
        fields = "__all__"
        labels: ClassVar[dict[str, str]] = {
            "is_staff": "May log in at the desk",
            "is_superuser": "Superuser",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "is_active": "Switched off, the person cannot log in, and their keys are refused.",
            "is_staff": "Switched off, the account is for the API alone.",
            "is_superuser": "Sees and changes everything in every workspace.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget = PasswordState()

    def clean_email(self) -> str:
        """Lower case, as every address is stored."""
        email: str = self.cleaned_data["email"].lower()
        return email


@admin.register(User)
class UserAdmin(DjangoUserAdmin, WorkspaceAdmin):  # type: ignore[misc,type-arg]
    """People. Superusers change them; others see those they share a workspace with."""

    audited = frozenset({"created", "changed", "deleted"})
    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "full_name", "is_service", "is_active", "at_desk", "seen")
    list_filter = ()
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("is_service", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "first_name", "last_name")}),
        ("What they may do", {"fields": ("is_service", "is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    for_others = ((None, {"fields": ("email", "first_name", "last_name", "is_service")}),)
    actions = ("unlock",)
    change_form_after_template = "desk/person.html"

    def scope(self, request: HttpRequest) -> Q:
        """Whoever shares a workspace with the caller, and the caller."""
        colleagues = Membership.objects.filter(workspace_id__in=list(roles_of(request)))
        return Q(pk__in=colleagues.values("user_id")) | Q(pk=request.user.pk)

    def audited_in(self, obj: Any) -> None:
        """A person may be in several workspaces: superusers read what happens to them."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Everything for superusers; name and address for others."""
        return super().get_fieldsets(request, obj) if is_superuser(request) else self.for_others

    def get_list_display(self, request: HttpRequest) -> Any:
        """Only superusers see the time of the last login."""
        return self.list_display if is_superuser(request) else ("email", "full_name", "is_service")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Of a new key's choices only those whom the caller makes keys for."""
        if request.GET.get("model_name") == "apitoken":
            queryset = queryset.filter(Q(is_service=True) | Q(pk=request.user.pk))
        found: tuple[QuerySet[Any], bool] = super().get_search_results(
            request, queryset, search_term
        )
        return found

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) or bool(roles_of(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        return owns_a_workspace(request)

    def pages(self) -> Mapping[str, tuple[str, View]]:
        """The page that makes a link with which a person sets a password."""
        return {"reset": ("<int:pk>/reset/", self.reset)}

    def reset(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks; a POST makes the link and shows it, this once."""
        person, by = self.found(request, pk=pk), request.user
        forbid(isinstance(by, User) and members.may_be_reset(person, by=by))
        link = ""
        if request.method == "POST":
            members.let_in(person)
            link = request.build_absolute_uri(members.password_link(person))
            audit.by_request(
                request,
                "user.password_link_made",
                target=person.email,
                workspace_id=sessions.place_of(person, None)[0],
            )
        return render_page(
            self,
            request,
            "desk/reset_password.html",
            title=f"Password of {person.email}",
            crumbs=[
                Crumb("People", reverse("admin:accounts_user_changelist")),
                Crumb(person.email, reverse("admin:accounts_user_change", args=[pk])),
                Crumb("Password"),
            ],
            person=person,
            link=link,
            days=settings.PASSWORD_RESET_TIMEOUT // 86_400,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the way to a new password, for those who may make the link."""
        more = dict(extra_context or {})
        by = request.user
        if object_id.isdecimal() and isinstance(by, User):
            person = self.get_queryset(request).filter(pk=object_id).first()
            more["may_reset"] = person is not None and members.may_be_reset(person, by=by)
        answer: HttpResponse = super().change_view(request, object_id, form_url, more)
        return answer

    @admin.action(description="Unlock logins", permissions=["unlock"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Forgets failed logins; owners do so for their members, superusers for everybody."""
        if not is_superuser(request):
            mine = Membership.objects.filter(workspace_id__in=workspaces_of(request, OWNERS))
            queryset = queryset.filter(pk__in=mine.values("user_id"), is_superuser=False)
        emails = sorted(user.email for user in queryset)
        for email in emails:
            logins.unlock(email=email)
        if emails:
            owned = workspaces_of(request, OWNERS)
            place = owned[0] if len(owned) == 1 else None
            audit.by_request(
                request, "login.unlocked", target=", ".join(emails), workspace_id=place
            )
            messages.success(request, f"May log in again: {', '.join(emails)}")
        else:
            messages.error(request, "Nobody among them is yours to unlock.")

    @admin.display(description="name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "-"

    @admin.display(description="at the desk", boolean=True)
    def at_desk(self, user: User) -> bool:
        return user.is_staff

    @admin.display(description="last login", ordering="last_login")
    def seen(self, user: User) -> SafeString | str:
        return time_ago(user.last_login)
