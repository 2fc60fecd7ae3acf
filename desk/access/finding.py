"""People and workspaces that Ctrl+K finds."""

from collections.abc import Iterator

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Membership, User, Workspace
from desk.search import MOST_FOUND, Found
from desk.workspace_admin import is_superuser, roles_of, visible


def people(request: HttpRequest, text: str) -> Iterator[Found]:
    """Whose address or name holds the text, of those who share a workspace with the caller."""
    rows = User.objects.filter(
        Q(email__icontains=text) | Q(first_name__icontains=text) | Q(last_name__icontains=text)
    )
    if not is_superuser(request):
        mine = Membership.objects.filter(workspace_id__in=list(roles_of(request)))
        rows = rows.filter(Q(pk__in=mine.values("user_id")) | Q(pk=request.user.pk))
    for user in rows.order_by("email")[:MOST_FOUND]:
        url = reverse("admin:accounts_user_change", args=[user.pk])
        kind = "service account" if user.is_service else "person"
        yield Found(user.email, kind, url, "person")


def workspaces(request: HttpRequest, text: str) -> Iterator[Found]:
    """Whose name or title holds the text."""
    rows = Workspace.objects.filter(Q(slug__icontains=text) | Q(title__icontains=text))
    rows = visible(request, rows, "pk")
    for workspace in rows.order_by("slug")[:MOST_FOUND]:
        url = reverse("admin:accounts_workspace_change", args=[workspace.pk])
        yield Found(str(workspace), "workspace", url, "groups")
