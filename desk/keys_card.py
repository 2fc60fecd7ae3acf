"""The dashboard's card of keys that expire soon."""

from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import ApiToken
from desk.dashboard import Card, Cell
from desk.workspace_admin import OWNERS, is_superuser, time_ago, workspaces_of

ROWS = 8
SOON = timedelta(days=30)


def keys(request: HttpRequest) -> Card:
    """Keys of the caller and of workspaces the caller owns, the next to expire first."""
    now = datetime.now(UTC)
    rows = ApiToken.objects.filter(
        revoked_at__isnull=True, expires_at__gt=now, expires_at__lt=now + SOON
    )
    owned = workspaces_of(request, OWNERS)
    if not is_superuser(request):
        rows = rows.filter(Q(workspace_id__in=owned) | Q(user_id=request.user.pk))
    rows = rows.select_related("user", "workspace").order_by("expires_at", "pk")
    return Card(
        title="Keys about to expire",
        url=reverse("admin:accounts_apitoken_changelist"),
        headings=("Key", "Of", "Workspace", "Expires"),
        rows=[
            (
                Cell(
                    f"{token.preview}… {token.name}".strip(),
                    reverse("admin:accounts_apitoken_change", args=[token.pk]),
                ),
                Cell(token.user.email),
                Cell(token.workspace.slug),
                Cell(time_ago(token.expires_at)),
            )
            for token in rows[:ROWS]
        ],
        empty=f"None in the next {SOON.days} days.",
    )
