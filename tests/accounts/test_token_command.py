"""`manage.py token`: one key on stdout, a table for a person, revocation at once."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts import tokens
from accounts.models import ApiToken, Membership, User, Workspace
from tests.conftest import Caller

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("token", *arguments, stdout=out)
    return out.getvalue()


def create(*more: str, email: str = "new@example.com", workspace: str = "lab") -> str:
    return run("create", "--email", email, "--workspace", workspace, *more)


@pytest.fixture
def lab() -> Workspace:
    return Workspace.objects.create(slug="lab")


def test_prints_the_key_and_nothing_else(lab: Workspace) -> None:
    printed = create("--name", "ci", "--scopes", "predictions:read, model-eval:read")
    key = printed.removesuffix("\n")
    assert tokens.check_key(key) == key
    token = ApiToken.objects.get()
    assert (token.digest, token.name) == (tokens.digest_of(key), "ci")
    assert token.scopes == ["predictions:read", "model-eval:read"]
    assert token.expires_at is None
    membership = Membership.objects.get()
    assert (membership.user.email, membership.workspace.slug) == ("new@example.com", "lab")
    assert membership.role == Membership.Role.MEMBER


def test_a_workspace_is_made_when_asked_for() -> None:
    with pytest.raises(CommandError) as refusal:
        create()
    assert str(refusal.value) == (
        '--workspace: There is no workspace "lab". To make it, add --create-workspace.'
    )
    assert not User.objects.exists()
    create("--create-workspace", "--role", "owner")
    create("--create-workspace", email="second@example.com")
    assert list(Workspace.objects.values_list("slug", flat=True)) == ["lab"]
    assert dict(Membership.objects.values_list("user__email", "role")) == {
        "new@example.com": "owner",
        "second@example.com": "member",
    }


def test_a_misspelt_workspace_is_an_error_that_names_the_right_one(lab: Workspace) -> None:
    with pytest.raises(CommandError) as refusal:
        create(workspace="lap")
    assert 'There is no workspace "lap". Did you mean "lab"?' in str(refusal.value)
    assert list(Workspace.objects.values_list("slug", flat=True)) == ["lab"]


def test_role_and_expiry_are_stored(lab: Workspace) -> None:
    create("--role", "reader", "--expires-in-days", "30")
    assert Membership.objects.get().role == Membership.Role.READER
    expires_at = ApiToken.objects.get().expires_at
    assert expires_at is not None
    assert abs(expires_at - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)


def test_key_of_a_known_user_keeps_user_and_role(rita: Caller) -> None:
    key = create(email="RITA@example.com")
    holder = tokens.holder_of_key(key.strip())
    assert holder is not None
    assert (holder.access.user_id, holder.access.role) == (rita.user.pk, "reader")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scopes", "predictions:fly"], "Unknown scopes: predictions:fly"),
        (["--workspace", "admin"], '--workspace: "admin" is reserved'),
        (["--workspace", "Not a Slug"], "--workspace: Use lower-case letters"),
        (["--workspace", ""], "--workspace: This field cannot be blank"),
        (["--email", "not an address"], "--email: Enter a valid email address"),
        (["--email", ""], "--email: This field cannot be blank"),
        (["--role", "king"], "invalid choice: 'king'"),
        (["--expires-in-days", "0"], "takes 1 to 36,500"),
        (["--expires-in-days", "99999999999"], "takes 1 to 36,500"),
        (["--expires-in-days", "soon"], "invalid int value"),
        (["--name", "x" * 201], "cannot be stored"),
        (["--name", "a\0b"], "cannot be stored"),
    ],
)
def test_refuses_and_stores_nothing(arguments: list[str], message: str) -> None:
    given = {"--email": "new@example.com", "--workspace": "lab"}
    given.update(zip(arguments[::2], arguments[1::2], strict=True))
    with pytest.raises(CommandError) as refusal:
        run("create", "--create-workspace", *[part for pair in given.items() for part in pair])
    assert message in str(refusal.value)
    assert not ApiToken.objects.exists()
    assert not User.objects.exists()
    assert not Workspace.objects.exists()


def test_refuses_a_lower_role_than_the_member_has(ada: Caller) -> None:
    with pytest.raises(CommandError, match="already is owner of lab"):
        create("--role", "reader", email="ada@example.com")
    assert ApiToken.objects.count() == 1


def test_list_is_a_table_without_keys(ada: Caller, rita: Caller) -> None:
    tokens.revoke(rita.token)
    past = datetime.now(UTC) - timedelta(days=2)
    ApiToken.objects.filter(pk=ada.token.pk).update(
        expires_at=past, scopes=["admin"], name="two\nlines", last_used_at=past
    )
    header, first, second = run("list").splitlines()
    words = "id key user workspace name scopes created last used expires state"
    assert " ".join(header.split()) == words
    words = f"{rita.token.pk} {rita.key[:6]}… rita@example.com lab - all now never never revoked"
    assert " ".join(first.split()) == words
    assert second.split() == (
        f"{ada.token.pk} {ada.key[:6]}… ada@example.com lab two lines admin now"
        " 2 days ago 2 days ago expired".split()
    )
    assert first.index("rita@") == second.index("ada@") == header.index("user")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda c: None, "works"),
        (lambda c: User.objects.filter(pk=c.user.pk).update(is_active=False), "user inactive"),
        (lambda c: Membership.objects.all().delete(), "not a member"),
    ],
)
def test_list_says_why_a_key_does_not_work(ada: Caller, change: object, state: str) -> None:
    assert callable(change)
    change(ada)
    assert run("list").splitlines()[1].endswith(f"  {state}")


def test_revoke_ends_the_key_at_once(ada: Caller) -> None:
    assert ada.client.get("/api/projects/").status_code == 200
    assert f"Token {ada.token.pk} (" in run("revoke", str(ada.token.pk))
    assert ada.client.get("/api/projects/").status_code == 401


def test_revoking_an_unknown_token_is_an_error() -> None:
    with pytest.raises(CommandError, match="There is no token 12345"):
        run("revoke", "12345")
