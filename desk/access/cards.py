"""The dashboard's card of the workspaces one is in: nobody is a member without seeing it."""

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Membership
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
