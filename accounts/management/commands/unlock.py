"""`manage.py unlock`: lets people log in again before the time is over."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit, logins


class Command(BaseCommand):
    help = "Forget failed logins and unknown keys, so that nobody has to wait."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", help="Of this account; at every address without --address.")
        parser.add_argument("--address", help="Of this IP address; all accounts without --email.")
        parser.add_argument("--all", action="store_true", help="Of everybody.")

    def handle(self, *, email: str | None, address: str | None, **options: Any) -> None:
        if options["all"] == (email is not None or address is not None):
            raise CommandError("Name --email, --address or both, or --all.")
        try:
            n = logins.unlock(email=email, address=address)
        except ValueError as error:
            raise CommandError(str(error)) from None
        target = " at ".join(filter(None, [email, address])) or "everybody"
        audit.by_command("login.unlocked", target=target, pairs=n)
        self.stdout.write(f"Unlocked {n} pairs of account and address.")
