"""`manage.py password`: a new password for somebody who forgot theirs, or never had one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit, logins, members
from accounts.models import User


class Command(BaseCommand):
    help = (
        "Give a person a new random password, and print it and nothing else. Sessions with the old"
        " one end, failed logins are forgotten, and the person may log in at the desk."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="of the person")

    def handle(self, *, email: str, **options: Any) -> None:
        """CommandError for an address nobody has, and for a service account."""
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError(f"Nobody has the address {email!r}.")
        if user.is_service:
            raise CommandError("A service account has keys and no password: manage.py token.")
        if not user.is_active:
            raise CommandError(f"{user.email} is deactivated.")
        password = members.new_password(user)
        logins.unlock(email=user.email)
        audit.by_command("user.password_reset", target=user.email)
        self.stdout.write(password)
