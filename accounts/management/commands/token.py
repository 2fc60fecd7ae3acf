"""`manage.py token create|list|revoke`: manages API keys.

`create` prints the key and nothing else, so that a script can keep it: it is never shown again.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DataError, transaction

from accounts import audit, tokens
from accounts.models import SCOPES, ApiToken, Membership
from predictions_api.wording import when

MAX_DAYS = 36_500
COLUMNS = (
    "id", "key", "user", "workspace", "name", "scopes", "created", "last used", "expires", "state",
)  # fmt: skip


class Command(BaseCommand):
    help = "Create, list and revoke API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|list|revoke")
        create = verbs.add_parser(
            "create",
            help="Print a new key, and nothing else. Makes the user if needed.",
        )
        whose = create.add_mutually_exclusive_group(required=True)
        whose.add_argument("--email", help="Whose key it is.")
        whose.add_argument(
            "--service",
            metavar="NAME",
            help="Or a service account of the workspace: a member that is no person.",
        )
        create.add_argument("--workspace", required=True, help="Slug of the workspace it opens.")
        create.add_argument(
            "--create-workspace",
            action="store_true",
            help="Make the workspace if there is none of that name.",
        )
        create.add_argument("--name", default="", help="What it is for.")
        create.add_argument(
            "--scopes", default="", help=f"Comma-separated; none for all: {', '.join(SCOPES)}."
        )
        create.add_argument(
            "--role",
            choices=Membership.Role.values,
            help="Role of a new member (default: member); refused when it differs from a member's.",
        )
        create.add_argument(
            "--expires-in-days", type=int, metavar="N", help="Whole days; default: never."
        )
        verbs.add_parser("list", help="A table of all keys; only their first characters are kept.")
        revoke = verbs.add_parser("revoke", help="End a key at once.")
        revoke.add_argument("id", type=int, help="From `token list`.")

    def handle(self, *, verb: str, **options: Any) -> None:
        match verb:
            case "create":
                self.stdout.write(_create(**options))
            case "list":
                self._list()
            case _:
                self._revoke(options["id"])

    def _list(self) -> None:
        stored = tokens.with_state(ApiToken.objects.all())
        rows = [_cells(token) for token in stored]
        for line in _table([COLUMNS, *rows]):
            self.stdout.write(line)

    def _revoke(self, token_id: int) -> None:
        token = ApiToken.objects.filter(pk=token_id).select_related("user").first()
        if token is None:
            raise CommandError(f"There is no token {token_id}; `token list` shows them.")
        if tokens.revoke(token):
            audit.by_command(
                "key.revoked",
                target=f"key {token.pk} of {token.user.email}",
                workspace_id=token.workspace_id,
            )
        self.stdout.write(f"Token {token_id} ({token}) no longer works.")


def _create(
    *,
    email: str | None,
    service: str | None,
    workspace: str,
    create_workspace: bool,
    name: str,
    scopes: str,
    role: str | None,
    expires_in_days: int | None,
    **_: Any,
) -> str:
    """The new key. CommandError, and nothing stored, for anything that is wrong."""
    try:
        with transaction.atomic():
            token, key = tokens.create(
                email=email or "",
                service=service or "",
                workspace_slug=workspace,
                create_workspace=create_workspace,
                name=name,
                scopes=[scope.strip() for scope in scopes.split(",") if scope.strip()],
                role=role or Membership.Role.MEMBER,
                expires_at=_expiry(expires_in_days),
            )
            held = _check_role(token, role)
            audit.by_command(
                "key.created",
                target=f"key {token.pk} of {token.user.email}",
                workspace_id=token.workspace_id,
                scopes=token.scopes,
                role=held,
            )
    except ValidationError as error:
        words = _words(error)
        if not create_workspace and "There is no workspace" in words:
            words += " To make it, add --create-workspace."
        raise CommandError(words) from None
    except (DataError, ValueError) as error:
        raise CommandError(f"That cannot be stored: {error}") from None
    return key


def _expiry(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= MAX_DAYS:
        raise CommandError(f"--expires-in-days takes 1 to {MAX_DAYS:,}.")
    return datetime.now(UTC) + timedelta(days=days)


def _check_role(token: ApiToken, role: str | None) -> str:
    """The member's role. CommandError if --role differs: the key would have the former."""
    held = Membership.objects.get(user_id=token.user_id, workspace_id=token.workspace_id).role
    if role is not None and held != role:
        raise CommandError(
            f"{token.user} already is {held} of {token.workspace}: leave --role out, change the"
            " membership in the admin, or limit the key with --scopes."
        )
    return held


def _words(error: ValidationError) -> str:
    """Django's messages, each after the option it is about."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    option = {"email": "--email", "slug": "--workspace", "role": "--role"}
    return " ".join(
        f"{option.get(field, field)}: {' '.join(messages)}"
        for field, messages in error.message_dict.items()
    )


def _cells(token: ApiToken) -> tuple[str, ...]:
    return (
        str(token.pk),
        f"{token.preview}…",
        token.user.email,
        token.workspace.slug,
        token.name or "-",
        ",".join(token.scopes or ["all"]),
        when(token.created_at),
        when(token.last_used_at),
        when(token.expires_at),
        tokens.state_of(token),
    )


def _table(rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    """Rows as lines whose columns are aligned, two spaces between them."""
    lines = [tuple(" ".join(cell.split()) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row in lines:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()
