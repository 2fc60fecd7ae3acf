"""A workspace's page: members, keys and the audit trail in one place; and how it is deleted."""

import pytest
from django.test import Client

from accounts.models import ApiToken, AuditEntry, Membership, Workspace
from predictions.models import Project
from tests.conftest import Caller, desk_of, make_caller

pytestmark = pytest.mark.django_db


def test_owners_see_keys_and_the_audit_trail_below_the_members(ada: Caller, rita: Caller) -> None:
    AuditEntry.objects.create(
        workspace_id=ada.workspace.pk, action="key.created", actor="ada", via="key"
    )
    page = f"/admin/accounts/workspace/{ada.workspace.pk}/change/"
    text = desk_of(ada).get(page).content.decode()
    for shown in ("rita@example.com", f"{ada.token.preview}…", "key.created", "Delete this"):
        assert shown in text, shown
    text = desk_of(rita).get(page).content.decode()
    for hidden in (f"{ada.token.preview}…", "key.created", "Delete this"):
        assert hidden not in text, hidden


def test_an_owner_deletes_a_workspace_by_typing_its_name(ada: Caller, project: Project) -> None:
    desk = desk_of(ada)
    page = f"/admin/accounts/workspace/{ada.workspace.pk}/remove/"
    text = " ".join(desk.get(page).content.decode().split())
    assert "Deletes lab for ever, with 1 project, all tasks" in text
    assert "1 key and 1 membership." in text
    wrong = desk.post(page, {"slug": "Lab"})
    assert "Not deleted: that is not its name, lab." in wrong.content.decode()
    assert Workspace.objects.filter(slug="lab").exists()

    done = desk.post(page, {"slug": " lab "})
    assert (done.status_code, done["Location"]) == (302, "/admin/")
    assert not Workspace.objects.filter(slug="lab").exists()
    assert not Project.objects.exists()
    assert not ApiToken.objects.filter(pk=ada.token.pk).exists()
    entry = AuditEntry.objects.get(action="workspace.deleted")
    assert (entry.actor, entry.target) == ("ada@example.com", f"workspace {ada.workspace.pk}: lab")


@pytest.mark.parametrize("who", ["member", "reader", "stranger", "anonymous"])
def test_nobody_else_deletes_it(ada: Caller, rita: Caller, olga: Caller, who: str) -> None:
    desks = {
        "member": lambda: desk_of(make_caller("mia@example.com", "lab", Membership.Role.MEMBER)),
        "reader": lambda: desk_of(rita),
        "stranger": lambda: desk_of(olga),
        "anonymous": Client,
    }
    answer = desks[who]().post(
        f"/admin/accounts/workspace/{ada.workspace.pk}/remove/", {"slug": "lab"}
    )
    assert answer.status_code == {"stranger": 404, "anonymous": 302}.get(who, 403)
    assert Workspace.objects.filter(slug="lab").exists()
