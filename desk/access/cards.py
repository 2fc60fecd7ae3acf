"""Cards of who may do what: one's own memberships on the dashboard, where nobody is a member
without seeing it; a workspace's keys and its audit trail on the page of the workspace.
"""

from django.http import HttpRequest
from django.urls import reverse

from accounts import tokens
from accounts.models import ApiToken, AuditEntry, Membership
from desk.dashboard import Card, Cell
from desk.workspace_admin import time_ago

ROWS = 8


def memberships(request: HttpRequest) -> Card:
    """The caller's memberships with who added them, the newest first."""
    rows = Membership.objects.filter(user_id=request.user.pk or 0)
    rows = rows.select_related("workspace", "added_by").order_by("-created_at", "-pk")
    return Card(
        title="Your workspaces",
        url=reverse("admin:accounts_workspace_changelist"),
        headings=("Workspace", "Role", "Added by", "Since", "Leave"),
        rows=[
            (
                Cell(
                    row.workspace,
                    reverse("admin:accounts_workspace_change", args=[row.workspace_id]),
                ),
                Cell(row.get_role_display()),
                Cell(row.added_by or "whoever runs this service"),
                Cell(time_ago(row.created_at)),
                Cell("Leave", reverse("admin:accounts_workspace_leave", args=[row.workspace_id])),
            )
            for row in rows[:ROWS]
        ],
        empty="None: an owner adds you to theirs.",
    )


def of_workspace(workspace_id: int) -> list[Card]:
    """Its keys that are not revoked and what was done in it, the newest first. Two statements."""
    return [_keys(workspace_id), _audit(workspace_id)]


def _keys(workspace_id: int) -> Card:
    rows = ApiToken.objects.filter(workspace_id=workspace_id, revoked_at__isnull=True)
    rows = tokens.with_state(rows.select_related("user").order_by("-id"))
    return Card(
        title="Keys",
        url=reverse("admin:accounts_apitoken_changelist"),
        headings=("Key", "Of", "May", "Last used", "State"),
        rows=[
            (
                Cell(
                    f"{token.preview}… {token.name}".strip(),
                    reverse("admin:accounts_apitoken_change", args=[token.pk]),
                ),
                Cell(token.user.email),
                Cell(", ".join(token.scopes or ["everything"])),
                Cell(time_ago(token.last_used_at)),
                Cell(tokens.state_of(token)),
            )
            for token in rows[:ROWS]
        ],
        empty="None yet: Keys, Add key makes one.",
    )


def _audit(workspace_id: int) -> Card:
    rows = AuditEntry.objects.filter(workspace_id=workspace_id).order_by("-id")
    return Card(
        title="Audit trail",
        url=reverse("admin:accounts_auditentry_changelist"),
        headings=("When", "Who", "Did", "To"),
        rows=[
            (
                Cell(
                    time_ago(row.created_at),
                    reverse("admin:accounts_auditentry_change", args=[row.pk]),
                ),
                Cell(row.actor),
                Cell(row.action),
                Cell(row.target),
            )
            for row in rows[:ROWS]
        ],
        empty="Nothing was done yet.",
    )
