"""The desk's pages for people, workspaces and keys."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import tokens
from accounts.models import ApiToken, Membership, User, Workspace
from tests.conftest import Caller

KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")


LISTS = {
    "/admin/accounts/user/": {"owner", "member", "reader", "stranger", "root"},
    "/admin/accounts/workspace/": {"owner", "member", "reader", "stranger", "root"},
    "/admin/accounts/apitoken/": {"owner", "member", "reader", "stranger", "root"},
    "/admin/accounts/user/add/": {"root"},
    "/admin/accounts/workspace/add/": {"root"},
    "/admin/accounts/apitoken/add/": {"owner", "member", "reader", "stranger", "root"},
    "/admin/": {"owner", "member", "reader", "stranger", "root"},
}


@pytest.mark.parametrize("path", LISTS)
def test_lists_and_add_pages_open_for_those_who_may(desks: dict[str, Client], path: str) -> None:
    answers = {name: desk.get(path).status_code for name, desk in desks.items()}
    expected = {name: 200 if name in LISTS[path] else 403 for name in desks}
    assert answers == {**expected, "anonymous": 302}


def test_objects_of_a_workspace_do_not_exist_for_strangers(
    desks: dict[str, Client], ada: Caller
) -> None:
    pages = {
        f"/admin/accounts/user/{ada.user.pk}": {"owner", "member", "reader", "root"},
        f"/admin/accounts/workspace/{ada.workspace.pk}": {"owner", "member", "reader", "root"},
        f"/admin/accounts/apitoken/{ada.token.pk}": {"owner", "root"},
    }
    for page, may in pages.items():
        for verb in ("change", "history"):
            for name in may:
                assert desks[name].get(f"{page}/{verb}/").status_code == 200, (name, page, verb)
            foreign = desks["stranger"].get(f"{page}/{verb}/", follow=True)
            missing = re.sub(r"\d+$", "999999", page)
            unknown = desks["stranger"].get(f"{missing}/{verb}/", follow=True)
            assert foreign.redirect_chain == unknown.redirect_chain
            assert ada.user.email.encode() not in foreign.content
    for path in ("user", "workspace", "apitoken"):
        text = desks["stranger"].get(f"/admin/accounts/{path}/").content.decode()
        assert "olga" in text or "elsewhere" in text
        assert "ada@" not in text
        assert ">lab<" not in text


@pytest.mark.parametrize("name", ["owner", "root", "member", "reader"])
def test_the_sidebar_offers_keys_to_everybody(desks: dict[str, Client], name: str) -> None:
    page = desks[name].get("/admin/predictions/project/").content.decode()
    assert 'href="/admin/accounts/apitoken/"' in page
    assert 'href="/admin/accounts/workspace/"' in page


def test_people_of_the_workspace_only_and_only_their_names(desks: dict[str, Client]) -> None:
    page = desks["reader"].get("/admin/accounts/user/").content.decode()
    assert "ada@example.com" in page
    assert "olga@example.com" not in page
    assert "root@example.com" not in page
    ada = User.objects.get(email="ada@example.com")
    page = desks["owner"].get(f"/admin/accounts/user/{ada.pk}/change/").content.decode()
    assert "is_superuser" not in page
    assert 'name="email"' not in page


@pytest.mark.parametrize("name", ["owner", "member", "reader", "stranger"])
def test_nobody_but_a_superuser_changes_people(desks: dict[str, Client], name: str) -> None:
    ada = User.objects.get(email="ada@example.com")
    form = {"email": "ada@example.com", "is_superuser": "on", "is_staff": "on", "is_active": "on"}
    for path in (f"{ada.pk}/change/", f"{ada.pk}/password/", "add/", f"{ada.pk}/delete/"):
        assert desks[name].post(f"/admin/accounts/user/{path}", form).status_code in {302, 403}
    ada.refresh_from_db()
    assert (ada.is_superuser, User.objects.count()) == (False, 5)


@pytest.mark.parametrize(
    ("password", "said"),
    [("a long good one", "A password is set."), (None, "No password is set.")],
)
def test_a_persons_page_says_whether_they_have_a_password(
    desks: dict[str, Client], ada: Caller, password: str | None, said: str
) -> None:
    ada.user.set_password(password)
    ada.user.save()
    text = desks["root"].get(f"/admin/accounts/user/{ada.user.pk}/change/").content.decode()
    assert said in text
    # Nothing of how it is stored.
    assert not re.search("algorithm|iterations|salt", text)


def test_superuser_adds_a_person(desks: dict[str, Client]) -> None:
    form = {
        "email": "New@Example.com",
        "usable_password": "true",
        "password1": "a long good one",
        "password2": "a long good one",
    }
    response = desks["root"].post("/admin/accounts/user/add/", form)
    assert response.status_code == 302, errors_of(response)
    user = User.objects.get(email="new@example.com")
    assert user.check_password("a long good one")
    again = desks["root"].post("/admin/accounts/user/add/", form)
    assert "already exists" in str(errors_of(again))


def errors_of(response: Any) -> Any:
    """What the form objects to; None where no form is shown."""
    shown = response.context or {}
    return shown["adminform"].form.errors if "adminform" in shown else None


def add_key(desk: Client, caller: Caller, **more: Any) -> Any:
    form = {
        "user": caller.user.pk,
        "workspace": caller.workspace.pk,
        "name": "ci",
        "scopes": ["predictions:read"],
        "expires_at_0": "",
        "expires_at_1": "",
        **more,
    }
    return desk.post("/admin/accounts/apitoken/add/", form, follow=True)


def test_a_new_key_is_shown_once_and_works(
    desks: dict[str, Client], ada: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    response = add_key(desks["owner"], ada)
    (key,) = set(KEY.findall(response.content.decode()))
    token = ApiToken.objects.get(digest=tokens.digest_of(key))
    assert (token.name, token.scopes, token.preview) == ("ci", ["predictions:read"], key[:6])
    assert token.user_id == ada.user.pk
    for path in ("", f"{token.pk}/change/", f"{token.pk}/history/"):
        page = desks["owner"].get(f"/admin/accounts/apitoken/{path}").content.decode()
        assert key not in page
        assert token.digest not in page
        assert key[:6] in page
    assert key not in caplog.text
    assert caplog.text.count('"/admin/accounts/apitoken/add/"') + caplog.text.count("apitoken/add")
    assert not any(key in str(vars(entry)) for entry in LogEntry.objects.all())
    holder = tokens.holder_of_key(key)
    assert holder is not None
    assert holder.is_usable


def test_keys_go_to_oneself_where_one_is_a_member(
    desks: dict[str, Client], ada: Caller, mia: Caller, olga: Caller
) -> None:
    before = ApiToken.objects.count()
    for response in (
        add_key(desks["owner"], ada, user=olga.user.pk),
        add_key(desks["owner"], ada, workspace=olga.workspace.pk),
        add_key(desks["stranger"], ada),
        add_key(desks["root"], ada, user=olga.user.pk),
        add_key(desks["owner"], ada, scopes=["everything"]),
        add_key(desks["owner"], mia),
    ):
        assert errors_of(response)
    assert ApiToken.objects.count() == before
    assert not errors_of(add_key(desks["member"], mia))
    assert ApiToken.objects.count() == before + 1


def test_owner_of_one_workspace_who_reads_another_sees_no_keys_there(
    desks: dict[str, Client], ada: Caller, olga: Caller
) -> None:
    Membership.objects.create(user=ada.user, workspace=olga.workspace, role="reader")
    made = add_key(desks["owner"], ada, workspace=olga.workspace.pk)
    (key,) = set(KEY.findall(made.content.decode()))
    holder = tokens.holder_of_key(key)
    assert holder is not None
    assert (holder.access.workspace_id, holder.access.role) == (olga.workspace.pk, "reader")
    assert not re.search(
        rf"{olga.token.preview}", desks["owner"].get("/admin/accounts/apitoken/").content.decode()
    )


def revoke(desk: Client, token: ApiToken) -> Any:
    form = {"action": "revoke", "_selected_action": [token.pk]}
    return desk.post("/admin/accounts/apitoken/", form, follow=True)


def test_revoke_is_for_owners_and_oneself(desks: dict[str, Client], rita: Caller) -> None:
    for name in ("member", "stranger"):
        revoke(desks[name], rita.token)
        rita.token.refresh_from_db()
        assert rita.token.revoked_at is None
    page = revoke(desks["owner"], rita.token).content.decode()
    assert f"Revoked: {rita.token.preview}" in page
    assert rita.client.get("/api/projects/").status_code == 401


def member_form(workspace: Workspace, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    kept = list(workspace.memberships.order_by("user__email"))
    form: dict[str, Any] = {
        "title": "Lab",
        "memberships-TOTAL_FORMS": len(kept) + len(rows),
        "memberships-INITIAL_FORMS": len(kept),
        **more,
    }
    for n, member in enumerate(kept):
        form.setdefault(f"memberships-{n}-role", member.role)
        form[f"memberships-{n}-id"] = member.pk
        form[f"memberships-{n}-workspace"] = workspace.pk
    for n, row in enumerate(rows, start=len(kept)):
        form.update({f"memberships-{n}-{name}": value for name, value in row.items()})
        form[f"memberships-{n}-workspace"] = workspace.pk
    return form


def roles(workspace: Workspace) -> dict[str, str]:
    return dict(workspace.memberships.values_list("user__email", "role"))


def test_owner_adds_changes_and_removes_members(desks: dict[str, Client], ada: Caller) -> None:
    path = f"/admin/accounts/workspace/{ada.workspace.pk}/change/"
    new = {"email": "new@example.com", "role": "reader"}
    form = member_form(ada.workspace, new, **{"memberships-1-role": "owner"})
    response = desks["owner"].post(path, form)
    assert response.status_code == 302, [
        f.errors for f in response.context["inline_admin_formsets"]
    ]
    assert roles(ada.workspace) == {
        "ada@example.com": "owner",
        "mia@example.com": "owner",
        "new@example.com": "reader",
        "rita@example.com": "reader",
    }
    said = desks["owner"].get(response["Location"]).content.decode()
    url = f"/admin/accounts/user/{User.objects.get(email='new@example.com').pk}/reset/"
    assert f'no password yet: <a class="desk-link" href="{url}">make a link to set one</a>' in said
    assert desks["owner"].get(url).status_code == 200
    form = member_form(ada.workspace, **{"memberships-2-DELETE": "on"})
    assert desks["owner"].post(path, form).status_code == 302
    assert "new@example.com" not in roles(ada.workspace)
    ada.workspace.refresh_from_db()
    assert ada.workspace.title == "Lab"


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        ([{"email": "RITA@example.com", "role": "member"}], {}, "Already a member"),
        ([{"email": "x@y.zz", "role": "king"}], {}, "not one of the available choices"),
        ([{"email": "nobody", "role": "member"}], {}, "valid email"),
        ([], {"memberships-0-role": "reader"}, "needs an owner"),
        ([], {"memberships-0-DELETE": "on"}, "needs an owner"),
        ([{"email": "x@y.zz", "role": "member"}] * 2, {}, "named twice"),
    ],
)
def test_members_that_cannot_be(
    desks: dict[str, Client],
    ada: Caller,
    rows: list[dict[str, Any]],
    more: dict[str, str],
    message: str,
) -> None:
    before = roles(ada.workspace)
    path = f"/admin/accounts/workspace/{ada.workspace.pk}/change/"
    response = desks["owner"].post(path, member_form(ada.workspace, *rows, **more))
    assert message in response.content.decode()
    assert roles(ada.workspace) == before


@pytest.mark.parametrize("name", ["member", "reader", "stranger"])
def test_only_owners_change_members(desks: dict[str, Client], ada: Caller, name: str) -> None:
    before = roles(ada.workspace)
    path = f"/admin/accounts/workspace/{ada.workspace.pk}/change/"
    form = member_form(ada.workspace, **{"memberships-1-role": "owner"})
    desks[name].post(path, form)
    assert roles(ada.workspace) == before


def test_superuser_makes_and_removes_a_workspace(desks: dict[str, Client], ada: Caller) -> None:
    form = {
        "slug": "fresh",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-email": "boss@example.com",
        "memberships-0-role": "owner",
    }
    response = desks["root"].post("/admin/accounts/workspace/add/", form)
    assert response.status_code == 302
    fresh = Workspace.objects.get(slug="fresh")
    assert roles(fresh) == {"boss@example.com": "owner"}
    for workspace in (fresh, ada.workspace):
        path = f"/admin/accounts/workspace/{workspace.pk}/"
        # Nobody deletes one without typing its name.
        assert desks["root"].post(f"{path}delete/", {"post": "yes"}).status_code == 403
        answer = desks["root"].post(f"{path}remove/", {"slug": workspace.slug})
        assert answer.status_code == 302
    assert list(Workspace.objects.values_list("slug", flat=True)) == ["elsewhere"]
    assert ada.client.get("/api/projects/").status_code == 401


def test_autocomplete_knows_nobody_else(desks: dict[str, Client]) -> None:
    def names(desk: Client, **query: str) -> list[str]:
        answer = desk.get("/admin/autocomplete/", query)
        return [entry["text"] for entry in answer.json()["results"]]

    people = {"app_label": "accounts", "model_name": "apitoken", "field_name": "user"}
    places = {"app_label": "accounts", "model_name": "apitoken", "field_name": "workspace"}
    assert names(desks["stranger"], **people) == ["olga@example.com"]
    assert names(desks["stranger"], **people, term="ada") == []
    assert names(desks["stranger"], **places) == ["elsewhere"]
    assert names(desks["owner"], **places) == ["lab"]
    assert names(desks["root"], **people) == ["root@example.com"]


@pytest.mark.parametrize("path", ["accounts/apitoken", "accounts/user", "accounts/workspace"])
def test_a_column_cannot_be_guessed_through_the_address(
    desks: dict[str, Client], path: str, ada: Caller
) -> None:
    hidden = ("digest", "password", "api_tokens__digest", "memberships__user__password")
    for column in hidden:
        response = desks["owner"].get(f"/admin/{path}/?{column}__startswith=a")
        # Refused, or answered as an unknown parameter is.
        assert response.status_code in {302, 400}
        assert b"ada@" not in response.content


def make_tokens(caller: Caller, n: int) -> None:
    soon = datetime.now(UTC) + timedelta(days=9)
    for i in range(n):
        tokens.create(
            email=f"p{i}@example.com", workspace_slug=caller.workspace.slug, expires_at=soon
        )


@pytest.mark.parametrize("name", ["owner", "root"])
def test_lists_ask_the_same_number_of_questions_for_any_number_of_rows(
    desks: dict[str, Client], ada: Caller, name: str
) -> None:
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert desks[name].get(f"/admin/accounts/{path}").status_code == 200
        return len(queries)

    few = {path: count(path) for path in ("apitoken/", "user/", "workspace/")}
    make_tokens(ada, 40)
    for i in range(40):
        workspace = Workspace.objects.create(slug=f"w{i}")
        Membership.objects.create(user=ada.user, workspace=workspace, role="owner")
    assert {path: count(path) for path in few} == few


def test_members_on_the_page_cost_the_same_for_any_number(
    desks: dict[str, Client], ada: Caller
) -> None:
    def count(name: str) -> int:
        path = f"/admin/accounts/workspace/{ada.workspace.pk}/change/"
        with CaptureQueriesContext(connection) as queries:
            assert desks[name].get(path).status_code == 200
        return len(queries)

    few = {name: count(name) for name in ("owner", "reader")}
    make_tokens(ada, 30)
    assert {name: count(name) for name in few} == few


@pytest.fixture
def pages(desks: dict[str, Client], ada: Caller) -> Callable[[], list[str]]:
    def read() -> list[str]:
        paths = ["/admin/", *LISTS, f"/admin/accounts/workspace/{ada.workspace.pk}/change/"]
        return [desks["root"].get(path).content.decode() for path in paths]

    return read


def test_pages_load_nothing_from_elsewhere(pages: Callable[[], list[str]]) -> None:
    for page in pages():
        sources = re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]+)"', page)
        assert sources == []
