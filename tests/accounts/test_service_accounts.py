"""Nobody acts in another's name: service accounts, who may add whom, who makes keys for whom."""

from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import members, tokens
from accounts.models import ApiToken, Membership, User, Workspace
from tests.accounts.test_admin import KEY, add_key, errors_of, member_form, revoke, roles
from tests.conftest import Caller, desk_of, make_caller

EMAIL = "ci+lab@service.invalid"


def add(desk: Client, workspace: Workspace, **row: str) -> Any:
    path = f"/admin/accounts/workspace/{workspace.pk}/change/"
    return desk.post(path, member_form(workspace, row, legacy_api_tokens_enabled="on"))


@pytest.fixture
def ci(ada: Caller) -> User:
    """The service account `ci` of Ada's workspace."""
    response = add(desk_of(ada), ada.workspace, email="ci", is_service="on", role="member")
    assert response.status_code == 302
    return User.objects.get(email=EMAIL)


def caller_for(user: User, ada: Caller) -> Caller:
    return Caller(user, ada.workspace, "", ada.token, ada.client)


def test_an_owner_makes_one_and_its_key(ada: Caller, ci: User, make_task: Any) -> None:
    assert (ci.is_service, ci.first_name, str(ci)) == (True, "ci", "ci (service account)")
    assert not ci.has_usable_password()
    membership = Membership.objects.get(user=ci)
    assert (membership.role, membership.added_by) == ("member", ada.user)

    page = add_key(desk_of(ada), caller_for(ci, ada), scopes=[]).content.decode()

    (key,) = set(KEY.findall(page))
    assert "ci (service account)" in page
    holder = tokens.holder_of_key(key)
    assert holder is not None
    assert (holder.access.user_id, holder.access.role) == (ci.pk, "member")


def test_a_key_is_the_next_step(ada: Caller) -> None:
    desk = desk_of(ada)
    answer = add(desk, ada.workspace, email="ci", is_service="on", role="member")
    said = desk.get(answer["Location"]).content.decode()
    url = f"/admin/accounts/apitoken/add/?user={User.objects.get(email=EMAIL).pk}"
    assert f'no key yet: <a class="desk-link" href="{url}">make one</a>' in said
    assert "selected>ci (service account)" in desk.get(url).content.decode()


def test_its_annotations_say_so(ada: Caller, ci: User, task: int, make_annotation: Any) -> None:
    _, key = tokens.issue(user=ci, workspace=ada.workspace)
    ada.client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    made = make_annotation(ada, task)
    assert made["created_username"] == f"ci {EMAIL}, {ci.pk}"
    assert made["completed_by"] == ci.pk
    page = desk_of(ada).get("/admin/predictions/annotation/").content.decode()
    assert "ci (service account)" in page


def test_it_cannot_log_in(ada: Caller, ci: User) -> None:
    ci.set_password("a long good one")
    ci.is_staff = True
    ci.save()
    form = {"username": EMAIL, "password": "a long good one"}
    assert Client().post("/admin/login/?next=/admin/", form).status_code == 200
    desk = Client()
    desk.force_login(ci, backend="accounts.sessions.DeskBackend")
    assert desk.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"email": "ci", "is_service": "on", "role": "owner"}, "does not own a workspace"),
        ({"email": "Ci X", "is_service": "on", "role": "member"}, "up to 64 of a-z"),
        ({"email": "c" * 65, "is_service": "on", "role": "member"}, "up to 64 of a-z"),
        ({"email": "a@b.cc", "is_service": "on", "role": "member"}, "up to 64 of a-z"),
        ({"email": "ci", "role": "member"}, "valid email"),
        ({"email": "root@example.com", "role": "member"}, "Superusers are not added by others"),
        ({"email": "ROOT@example.com", "role": "reader"}, "Superusers are not added by others"),
        ({"email": "bot+elsewhere@service.invalid", "role": "member"}, "stays in its workspace"),
    ],
)
def test_members_an_owner_cannot_add(
    ada: Caller, olga: Caller, row: dict[str, str], message: str
) -> None:
    User.objects.create_superuser("root@example.com", "pw")
    members.service_account("bot", olga.workspace)
    before = roles(ada.workspace)
    assert message in add(desk_of(ada), ada.workspace, **row).content.decode()
    assert roles(ada.workspace) == before


def test_one_is_added_once(ada: Caller, ci: User) -> None:
    page = add(desk_of(ada), ada.workspace, email="ci", is_service="on", role="reader")
    assert "Already a member" in page.content.decode()


def test_a_superuser_adds_themself(ada: Caller) -> None:
    root = User.objects.create_superuser("root@example.com", "pw")
    desk = Client()
    desk.force_login(root)
    added = add(desk, ada.workspace, email="root@example.com", role="owner")
    assert added.status_code == 302
    assert roles(ada.workspace)["root@example.com"] == "owner"


MAY_MAKE_KEYS = {
    ("owner", "self"): True,
    ("owner", "member"): False,
    ("owner", "reader"): False,
    ("owner", "service"): True,
    ("member", "self"): True,
    ("member", "owner"): False,
    ("member", "service"): False,
    ("reader", "self"): True,
    ("reader", "service"): False,
    ("stranger", "service"): False,
    ("stranger", "owner"): False,
    # Superusers too: at the desk nobody acts in another's name.
    ("root", "owner"): False,
    ("root", "service"): True,
}


@pytest.mark.parametrize(("who", "whose"), MAY_MAKE_KEYS, ids=lambda name: str(name))
def test_who_makes_keys_for_whom(
    ada: Caller, rita: Caller, olga: Caller, ci: User, who: str, whose: str
) -> None:
    mia = make_caller("mia@example.com", "lab", "member")
    people = {"owner": ada, "member": mia, "reader": rita, "stranger": olga}
    root = Client()
    root.force_login(User.objects.create_superuser("root@example.com", "pw"))
    desk = root if who == "root" else desk_of(people[who])
    named = {"service": caller_for(ci, ada), "self": people.get(who, ada)}
    before = ApiToken.objects.count()

    response = add_key(desk, named.get(whose) or people[whose])

    may = MAY_MAKE_KEYS[who, whose]
    assert (ApiToken.objects.count() - before, not errors_of(response)) == (int(may), may)


def test_everybody_sees_and_revokes_their_own_keys(ada: Caller, rita: Caller) -> None:
    desk = desk_of(rita)
    page = desk.get("/admin/accounts/apitoken/").content.decode()
    assert rita.token.preview in page
    assert ada.token.preview not in page
    revoke(desk, ada.token)
    assert ada.client.get("/api/projects/").status_code == 200
    revoke(desk, rita.token)
    assert rita.client.get("/api/projects/").status_code == 401


class TestMemberships:
    def test_are_seen_at_once(self, ada: Caller, olga: Caller) -> None:
        add(desk_of(ada), ada.workspace, email="olga@example.com", role="reader")
        page = desk_of(olga).get("/admin/").content.decode()
        card = page.split("Your workspaces", 1)[1]
        leave = f"/admin/accounts/workspace/{ada.workspace.pk}/leave/"
        for text in ("lab", "Reader", "ada@example.com", leave, "whoever runs this service"):
            assert text in card
        # Whose workspace is asked for without a name stays.
        who = olga.client.get("/api/current-user/whoami").json()
        assert who["active_organization"] == olga.workspace.pk

    def test_are_left(self, ada: Caller, rita: Caller) -> None:
        path = f"/admin/accounts/workspace/{ada.workspace.pk}/leave/"
        desk = desk_of(rita)
        assert "Leave lab?" in desk.get(path).content.decode()
        assert rita.client.get("/api/projects/").status_code == 200
        assert "You left lab." in desk.post(path, follow=True).content.decode()
        assert rita.client.get("/api/projects/").status_code == 401
        assert desk.get(path).status_code == 404

    def test_the_only_owner_stays(self, ada: Caller, ci: User) -> None:
        path = f"/admin/accounts/workspace/{ada.workspace.pk}/leave/"
        page = desk_of(ada).post(path, follow=True).content.decode()
        assert "You are its only owner" in page
        assert roles(ada.workspace)["ada@example.com"] == "owner"

    def test_of_others_are_not_left(self, ada: Caller, olga: Caller) -> None:
        path = f"/admin/accounts/workspace/{ada.workspace.pk}/leave/"
        assert desk_of(olga).post(path).status_code == 404
        assert Client().post(path).status_code == 302


class TestCommand:
    def create(self, *arguments: str) -> str:
        out = StringIO()
        call_command("token", "create", "--workspace", "lab", *arguments, stdout=out)
        return out.getvalue().strip()

    def test_makes_a_service_account(self, ada: Caller) -> None:
        holder = tokens.holder_of_key(self.create("--service", "nightly", "--role", "reader"))
        assert holder is not None
        assert (holder.email, holder.access.role) == ("nightly+lab@service.invalid", "reader")
        again = tokens.holder_of_key(self.create("--service", "nightly"))
        assert again is not None
        assert again.access.user_id == holder.access.user_id

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--service", "Not A Name"], "up to 64 of a-z"),
            (["--service", "ci", "--email", "a@b.cc"], "not allowed with"),
            (["--service", "ci", "--role", "owner"], "does not own"),
            (["--email", "x+lab@service.invalid"], "no such service account"),
            ([], "one of the arguments --email --service is required"),
        ],
    )
    def test_refuses(self, ada: Caller, arguments: list[str], message: str) -> None:
        with pytest.raises(CommandError, match=message):
            self.create(*arguments)
        assert User.objects.count() == 1

    def test_makes_keys_for_anybody(self, ada: Caller, rita: Caller) -> None:
        holder = tokens.holder_of_key(self.create("--email", "rita@example.com"))
        assert holder is not None
        assert holder.access.user_id == rita.user.pk


def test_a_name_ends_where_its_workspace_does(ada: Caller, olga: Caller) -> None:
    here, there = (members.service_account("ci", c.workspace) for c in (ada, olga))
    assert (here.email, there.email) == (EMAIL, "ci+elsewhere@service.invalid")
    assert members.service_account("ci", ada.workspace) == here
    with pytest.raises(ValidationError):
        members.check_invited("CI+lab@service.invalid", by=ada.user)
