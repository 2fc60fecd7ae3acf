"""The audit trail: who did what to what, and from where. One row a request, none is ever changed.

What is recorded: keys, members, roles, logins, settings, imports, exports, evaluations, runs, marks
of ground truth in bulk, and deletes of projects, versions and selections. The database refuses to
change or delete rows, but for those that `purge` finds older than AUDIT_DAYS.
"""

import getpass
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest
from rest_framework.request import Request

from accounts.models import AuditEntry, User
from accounts.tokens import Access
from predictions_api.operations.addresses import address_of
from predictions_api.replicas import reading

Method = TypeVar("Method", bound=Callable[..., Any])

AT_ONCE = 1000
#: Longer texts are cut.
MAX_ACTOR, MAX_TARGET = 254, 300
# By the index on created_at.
PURGE_SQL = """
DELETE FROM accounts_auditentry WHERE id IN (
    SELECT id FROM accounts_auditentry WHERE created_at < %s ORDER BY created_at LIMIT %s
)
"""


def by_request(
    request: HttpRequest | Request,
    action: str,
    *,
    target: str = "",
    workspace_id: int | None = None,
    actor: User | None = None,
    via: AuditEntry.Via | None = None,
    named: str = "",
    **details: Any,
) -> None:
    """Records what a request did. One statement.

    `workspace_id` is the key's where none is given; owners of it read the row, superusers all.
    `actor` and `via` are for a request that authenticates by its body; `named` is what one claims
    to be which does not authenticate at all. `details` are JSON values.
    """
    plain = request._request if isinstance(request, Request) else request
    access = request.auth if isinstance(request, Request) else None
    token_id = None
    if isinstance(access, Access):
        token_id = access.token_id
        workspace_id = workspace_id or access.workspace_id
    if actor is None and not named and isinstance(request.user, User):
        actor = request.user
    if via is None:
        by_person = AuditEntry.Via.NOBODY if actor is None else AuditEntry.Via.SESSION
        via = by_person if token_id is None else AuditEntry.Via.KEY
    with reading.writing():
        AuditEntry.objects.create(
            workspace_id=workspace_id,
            actor_id=None if actor is None else actor.pk,
            actor=(named if actor is None else actor.email)[:MAX_ACTOR],
            via=via,
            token_id=token_id,
            action=action,
            target=target[:MAX_TARGET],
            details=details,
            address=address_of(plain),
            request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        )


def by_command(
    action: str, *, target: str = "", workspace_id: int | None = None, **details: Any
) -> None:
    """Records what `manage.py` did, under the name of the account that ran it. One statement."""
    AuditEntry.objects.create(
        workspace_id=workspace_id,
        actor=f"manage.py ({_operator()})"[:MAX_ACTOR],
        via=AuditEntry.Via.COMMAND,
        action=action,
        target=target[:MAX_TARGET],
        details=details,
    )


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "unknown"


def note(request: Request, *, target: str = "", **details: Any) -> None:
    """Adds to the row that `recorded` writes for this request."""
    notes = vars(request._request).setdefault("audit_notes", {})
    notes.update(details, **({"target": target} if target else {}))


def recorded(action: str, target: str = "", *, reads: bool = False) -> Callable[[Method], Method]:
    """Records each success of a view's method, in one transaction with what it does.

    `target` is filled in with the parts of the path. With `reads` the method changes nothing, and
    what it opens to stream its answer from outlives it. A replayed answer did nothing, so it is
    not recorded again.
    """

    def decorate(method: Method) -> Method:
        @wraps(method)
        def call(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
            with nullcontext() if reads else transaction.atomic():
                response = method(view, request, *args, **kwargs)
                if response.status_code < 400 and not response.has_header("Idempotent-Replayed"):
                    notes = {
                        "target": target.format(**kwargs),
                        **getattr(request._request, "audit_notes", {}),
                    }
                    by_request(request, action, **notes)
            return response

        return call  # type: ignore[return-value]

    return decorate


def purge() -> int:
    """Deletes rows older than AUDIT_DAYS, at most 1,000 a call; how many."""
    oldest = datetime.now(UTC) - timedelta(days=settings.AUDIT_DAYS)
    if not AuditEntry.objects.filter(created_at__lt=oldest).exists():
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL predictions_api.purges_audit = 'on'")
        cursor.execute(PURGE_SQL, [oldest, AT_ONCE])
        n = int(cursor.rowcount)
        # Not for the rest of a transaction around this one.
        cursor.execute("SET LOCAL predictions_api.purges_audit = 'off'")
        return n
