"""How people get passwords: links that owners make, a command, their own change; and what a login
says to whom the desk is closed.
"""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEntry, Membership, User
from tests.conftest import Caller, desk_of, make_caller

pytestmark = pytest.mark.django_db

LINK = re.compile(r"http://testserver(/admin/password/[^<\s]+)")
NEW = "a long and new one"


@pytest.fixture
def mia(ada: Caller) -> Caller:
    """A member of Ada's workspace, who was never at the desk."""
    return make_caller("mia@example.com", "lab", Membership.Role.MEMBER)


def link_for(desk: Client, person: User) -> str:
    page = f"/admin/accounts/user/{person.pk}/reset/"
    assert LINK.search(desk.get(page).content.decode()) is None
    found = LINK.search(desk.post(page).content.decode())
    assert found
    return found[1]


def log_in(email: str, password: str) -> tuple[int, str]:
    """The status, and what the page says."""
    answer = Client().post("/admin/login/?next=/admin/", {"username": email, "password": password})
    return answer.status_code, answer.content.decode()


def test_an_owner_lets_a_member_in(ada: Caller, mia: Caller) -> None:
    desk = desk_of(ada)
    assert (
        f"/admin/accounts/user/{mia.user.pk}/reset/"
        in desk.get(f"/admin/accounts/user/{mia.user.pk}/change/").content.decode()
    )
    link = link_for(desk, mia.user)
    person = Client()
    form = person.get(link, follow=True)
    assert form.redirect_chain
    assert "This link works once" in form.content.decode()
    at = form.redirect_chain[-1][0]
    refused = person.post(at, {"new_password1": "123", "new_password2": "123"})
    assert "too short" in refused.content.decode()
    done = person.post(at, {"new_password1": NEW, "new_password2": NEW})
    assert (done.status_code, done["Location"]) == (302, "/admin/login/")
    assert "The password is set." in person.get("/admin/login/").content.decode()
    assert "This email and password do not belong together." in log_in("mia@example.com", "x")[1]
    assert log_in("mia@example.com", NEW)[0] == 302

    again = Client().get(link, follow=True)
    assert "This link was used already" in again.content.decode()
    acts = AuditEntry.objects.filter(action__startswith="user.").order_by("id")
    rows = acts.values_list("action", "actor", "target", "workspace_id")
    assert list(rows) == [
        ("user.password_link_made", "ada@example.com", "mia@example.com", ada.workspace.pk),
        ("user.password_changed", "mia@example.com", "", ada.workspace.pk),
    ]


@pytest.mark.parametrize(
    ("by", "whom", "status"),
    [
        ("owner", "member", 200),
        ("owner", "of two workspaces", 403),
        ("owner", "superuser", 403),
        ("owner", "service", 403),
        ("owner", "owner", 403),
        ("owner", "stranger", 404),
        ("member", "owner", 403),
        ("reader", "member", 403),
        ("root", "owner", 200),
        ("root", "stranger", 200),
    ],
)
def test_who_may_make_a_link(
    ada: Caller, mia: Caller, rita: Caller, olga: Caller, by: str, whom: str, status: int
) -> None:
    root = User.objects.create_superuser("root@example.com", "pw")
    lab = ada.workspace
    two = make_caller("two@example.com", "elsewhere", "reader").user
    service = User.objects.create(email="s+lab@service.invalid", first_name="s", is_service=True)
    for user in (two, service, root):
        Membership.objects.create(workspace=lab, user=user, role="reader")
    people = {
        "owner": ada.user, "member": mia.user, "reader": rita.user, "stranger": olga.user,
        "of two workspaces": two, "service": service, "superuser": root,
    }  # fmt: skip
    if by == "root":
        desk = Client()
        desk.force_login(root)
    else:
        desk = desk_of({"owner": ada, "member": mia, "reader": rita}[by])
    person = people[whom]
    person.refresh_from_db()
    was = (person.is_staff, person.password)
    answer = desk.post(f"/admin/accounts/user/{person.pk}/reset/")
    assert answer.status_code == status
    person.refresh_from_db()
    assert (person.is_staff, person.password) == ((True, was[1]) if status == 200 else was)


def test_a_login_says_that_the_desk_is_closed_to_the_account(ada: Caller, mia: Caller) -> None:
    mia.user.set_password(NEW)
    mia.user.save()
    status, page = log_in("mia@example.com", NEW)
    assert status == 200
    assert "this account is for the API alone" in page
    # Not to whoever guesses.
    assert "this account is for the API alone" not in log_in("mia@example.com", "wrong")[1]


def test_the_command_makes_a_password(ada: Caller) -> None:
    out = StringIO()
    desk = desk_of(ada)
    call_command("password", email="Ada@example.com", stdout=out)
    password = out.getvalue().strip()
    assert log_in("ada@example.com", password)[0] == 302
    assert desk.get("/admin/").status_code == 302, "the session of the old password goes on"
    entry = AuditEntry.objects.get(action="user.password_reset")
    assert (entry.via, entry.target) == ("command", "ada@example.com")


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("nobody@example.com", "Nobody has the address 'nobody@example.com'."),
        ("s+lab@service.invalid", "A service account has keys and no password: manage.py token."),
        ("gone@example.com", "gone@example.com is deactivated."),
    ],
)
def test_the_command_refuses(email: str, told: str) -> None:
    User.objects.create(email="s+lab@service.invalid", first_name="s", is_service=True)
    User.objects.create(email="gone@example.com", is_active=False)
    with pytest.raises(CommandError, match=re.escape(told)):
        call_command("password", email=email)
