"""Whom a session belongs to: read by our own statements, kept by Django's own classes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import Membership, User, Workspace
from accounts.sessions import DeskBackend, SessionStore, place_of, roles_of
from tests.conftest import Caller, desk_of

pytestmark = pytest.mark.django_db


def stored() -> SessionStore:
    session = SessionStore()
    session["colour"] = "green"
    session.save()
    return session


def test_reads_what_django_reads() -> None:
    key = stored().session_key

    assert SessionStore(key).load() == db.SessionStore(key).load() == {"colour": "green"}


@pytest.mark.parametrize("key", [None, "", "short", "a" * 32, "a\0" * 16, "é" * 32, "a-b" * 10])
def test_an_unknown_key_is_an_empty_session_without_it(key: str | None) -> None:
    session = SessionStore(key)

    assert session.load() == {}
    assert session.session_key is None


def test_a_session_that_is_over_is_unknown() -> None:
    key = stored().session_key
    Session.objects.filter(pk=key).update(expire_date=datetime.now(UTC) - timedelta(seconds=1))

    assert SessionStore(key).load() == {}


@pytest.mark.parametrize("cookie", ["a\0" * 16, "a" * 10_000, "';--"])
def test_any_cookie_is_answered(cookie: str) -> None:
    client = Client()
    client.cookies["sessionid"] = cookie

    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"


def test_the_user_is_the_one_django_loads(ada: Caller) -> None:
    found = DeskBackend().get_user(ada.user.pk)

    assert found is not None
    own = {"_state": None, "roles": {ada.workspace.pk: "owner"}}
    assert vars(found) | {"_state": None} == vars(User.objects.get()) | own
    assert not found._state.adding


def test_nobody_is_loaded_who_may_not_log_in(ada: Caller) -> None:
    User.objects.update(is_active=False)

    assert DeskBackend().get_user(ada.user.pk) is None
    assert DeskBackend().get_user(10**9) is None


def test_a_session_ends_with_the_password_and_the_person(ada: Caller) -> None:
    desk = desk_of(ada)
    assert desk.get("/admin/").status_code == 200
    ada.user.set_password("another one")
    User.objects.filter(pk=ada.user.pk).update(password=ada.user.password)
    assert desk.get("/admin/").status_code == 302
    desk = desk_of(ada)
    User.objects.filter(pk=ada.user.pk).update(is_active=False)
    assert desk.get("/admin/").status_code == 302


def test_places(ada: Caller, olga: Caller) -> None:
    """A user's place by the workspace that a path names."""
    lab, elsewhere = ada.workspace, olga.workspace
    later = Workspace.objects.create(slug="later")
    Membership.objects.create(workspace=later, user=ada.user, role=Membership.Role.READER)
    owner, reader = Membership.Role.OWNER.value, Membership.Role.READER.value
    stranger = User.objects.create_user("stranger@example.com")
    expected: list[tuple[Any, str | None, tuple[int | None, str]]] = [
        (ada.user, None, (lab.pk, owner)),
        (ada.user, lab.slug, (lab.pk, owner)),
        (ada.user, "later", (later.pk, reader)),
        (ada.user, elsewhere.slug, (lab.pk, owner)),
        (ada.user, "nowhere", (lab.pk, owner)),
        (ada.user, "\0", (lab.pk, owner)),
        (stranger, lab.slug, (None, "")),
        (stranger, None, (None, "")),
    ]
    for user, slug, place in expected:
        assert place_of(user, slug) == place, (user, slug)

    root = User.objects.create_superuser("root@example.com", "pw")
    assert place_of(root, None) == (None, "")
    assert place_of(root, "nowhere") == (None, "")
    assert place_of(root, elsewhere.slug) == (elsewhere.pk, owner)
    ada.user.is_superuser = True
    assert place_of(ada.user, "later") == (later.pk, owner)
    assert roles_of(ada.user.pk) == {lab.pk: owner, later.pk: reader}
    assert roles_of(0) == {}
