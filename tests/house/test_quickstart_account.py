"""The admin account that quickstart creates, tested without starting servers."""

from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from pytest_django.live_server_helper import LiveServer

from accounts import tokens
from accounts.models import ApiToken, Membership, User, Workspace
from evals.models import ModelEval
from predictions import demo
from predictions.demo import account as quickstart
from predictions.models import Project

pytestmark = pytest.mark.django_db
CHOSEN = {
    "INITIAL_TOKEN": "ab" * 20,
    "INITIAL_WORKSPACE": "mine",
    "INITIAL_PASSWORD": "a long one",
}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CHOSEN:
        monkeypatch.delenv(name, raising=False)


def test_makes_an_owner_who_may_open_the_admin_pages(tmp_path: Path) -> None:
    account = quickstart.ensure_account(tmp_path)
    user = User.objects.get(email="admin@example.com")
    assert user.is_superuser
    assert user.is_staff
    assert user.check_password(account.password)
    membership = Membership.objects.get(user=user)
    assert (membership.workspace.slug, membership.role) == ("default", "owner")
    holder = tokens.holder_of_key(account.token)
    assert holder is not None
    assert holder.is_usable


def test_finds_it_again(tmp_path: Path) -> None:
    first = quickstart.ensure_account(tmp_path)
    assert quickstart.ensure_account(tmp_path) == first
    assert (User.objects.count(), ApiToken.objects.count()) == (1, 1)


def test_keeps_what_it_shows_to_its_owner(tmp_path: Path) -> None:
    account = quickstart.ensure_account(tmp_path)
    kept = tmp_path / "quickstart.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert account.token in kept.read_text()
    assert account.token not in str(ApiToken.objects.values().get())


def test_makes_a_new_key_for_one_that_was_revoked(tmp_path: Path) -> None:
    first = quickstart.ensure_account(tmp_path)
    tokens.revoke(ApiToken.objects.get())
    second = quickstart.ensure_account(tmp_path)
    assert second.token != first.token
    assert second.password == first.password


def test_never_overwrites_a_password_that_somebody_chose(tmp_path: Path) -> None:
    quickstart.ensure_account(tmp_path)
    user = User.objects.get()
    user.set_password("chosen in the admin")
    user.save()
    assert quickstart.ensure_account(tmp_path).password == ""
    user.refresh_from_db()
    assert user.check_password("chosen in the admin")


def test_environment_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quickstart.ensure_account(tmp_path)
    for name, value in CHOSEN.items():
        monkeypatch.setenv(name, value)
    expected = quickstart.Account(workspace="mine", token="ab" * 20, password="a long one")
    assert quickstart.ensure_account(tmp_path) == expected
    assert quickstart.ensure_account(tmp_path) == expected
    assert User.objects.get().check_password("a long one")


def test_what_to_see_first_has_something_to_see(tmp_path: Path, live_server: LiveServer) -> None:
    account = quickstart.ensure_account(tmp_path)
    desk = f"{live_server.url}/admin/"
    assert quickstart.see_first(live_server.url, account) == desk
    workspace = Workspace.objects.get(slug="default")
    project = Project.objects.create(workspace=workspace, title=demo.TITLE, slug="digits")
    assert quickstart.see_first(live_server.url, account) == desk

    def evaluation(status: str) -> ModelEval:
        return ModelEval.objects.create(
            workspace=workspace, project=project, origin="computed", status=status,
            task_type="object-detection",
        )  # fmt: skip

    failed = evaluation("failed")
    assert quickstart.see_first(live_server.url, account) == (
        f"{desk}evals/modeleval/{failed.eval_id}/"
    )
    done, _ = evaluation("done"), evaluation("running")
    assert quickstart.see_first(live_server.url, account) == (
        f"{desk}evals/modeleval/{done.eval_id}/"
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("INITIAL_TOKEN", "short", "A key is 40"),
        ("INITIAL_TOKEN", "1" * 40, "at least one of them a letter"),
        ("INITIAL_WORKSPACE", "Not A Slug", "lower-case"),
        ("INITIAL_WORKSPACE", "admin", "reserved"),
    ],
)
def test_refuses_what_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        quickstart.ensure_account(tmp_path)
    assert message in " ".join(caught.value.messages)


def test_refuses_a_given_key_that_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INITIAL_TOKEN", "ab" * 20)
    quickstart.ensure_account(tmp_path)
    tokens.revoke(ApiToken.objects.get())
    with pytest.raises(ValidationError, match="revoked"):
        quickstart.ensure_account(tmp_path)
