"""The page on which a person sets a password, reached by a link that works once."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy

from accounts import audit, logins
from accounts.models import AuditEntry
from accounts.sessions import place_of


class SetPassword(PasswordResetConfirmView):
    """Asks for a new password twice; says so where the link was used or is too old."""

    template_name = "desk/set_password.html"
    success_url = reverse_lazy("admin:login")
    title = "Set your password"

    def form_valid(self, form: Any) -> HttpResponse:
        """Stores the password, and forgets the failed logins before it."""
        answer: HttpResponseRedirect = super().form_valid(form)  # type: ignore[assignment]
        person = self.user
        assert person is not None  # the form is shown for a valid link alone
        logins.unlock(email=person.email)
        audit.by_request(
            self.request,
            "user.password_changed",
            workspace_id=place_of(person, None)[0],
            actor=person,
            via=AuditEntry.Via.NOBODY,
        )
        messages.success(self.request, "The password is set. Log in with it.")
        return answer
