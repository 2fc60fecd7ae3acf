"""How people log in at the desk and out of it, and how they change their own password."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from accounts import audit
from accounts.models import AuditEntry, User
from accounts.sessions import place_of
from desk import search

NOT_AT_THE_DESK = (
    "The password is right, and this account is for the API alone. An owner of your workspace lets"
    " you in at the desk (People, your name, Password), as does whoever runs this service."
)

WRONG = (
    "This email and password do not belong together. Capital letters of the password count. If it"
    " is lost, an owner of your workspace makes a link with which you set a new one."
)


class LoginForm(AuthenticationForm):  # type: ignore[misc]  # the theme has no types
    """Takes an address in any case, and records each login and each failure once."""

    error_messages: ClassVar[dict[str, str]] = {
        **AuthenticationForm.error_messages,
        "invalid_login": WRONG,
    }

    def confirm_login_allowed(self, user: Any) -> None:
        """Says what is wrong to people who may not use the desk, once their password is right."""
        if user.is_active and not user.is_staff:
            raise ValidationError(NOT_AT_THE_DESK, code="not_at_the_desk")
        super().confirm_login_allowed(user)

    def clean_username(self) -> str:
        """Lower case, as every address is stored."""
        name: str = self.cleaned_data["username"].lower()
        return name

    def clean(self) -> Any:
        """Records the attempt, unless it was not even tried because the login is locked."""
        try:
            values = super().clean()
        except ValidationError:
            # Set where django-axes counted the failure.
            if getattr(self.request, "axes_failures_since_start", None) is not None:
                name = self.cleaned_data.get("username", "")
                audit.by_request(
                    self.request,
                    "login.failed",
                    workspace_id=_home(User.objects.filter(email=name).first()),
                    named=name,
                    locks=bool(self.request.axes_locked_out),
                )
            raise
        user = self.get_user()
        audit.by_request(
            self.request,
            "login.succeeded",
            workspace_id=_home(user),
            actor=user,
            via=AuditEntry.Via.SESSION,
        )
        return values


class DeskSite(UnfoldAdminSite):  # type: ignore[misc]
    """The theme's site; it records logouts and changes of one's own password, too."""

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """What Ctrl+K finds; see `desk.search`. The theme's own keeps answers for five minutes,
        also for whoever left a workspace meanwhile.
        """
        return search.answer(request)

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Ends the session."""
        user = request.user
        if request.method == "POST" and isinstance(user, User):
            audit.by_request(request, "login.ended", workspace_id=_home(user))
        response: HttpResponse = super().logout(request, extra_context)
        return response

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Asks for the old password and a new one twice; a redirect says that it is changed."""
        response: HttpResponse = super().password_change(request, extra_context)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            audit.by_request(request, "user.password_changed")
        return response


def _home(user: User | None) -> int | None:
    """The workspace an account joined first: its owners read of its logins."""
    return None if user is None else place_of(user, None)[0]
