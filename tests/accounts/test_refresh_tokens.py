"""A refresh token ends with the key that made it, and of calls at once only one has its way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import ApiToken, Membership, User
from tests.conftest import Caller, assert_refused, make_caller, make_refresh

WHOAMI = "/api/current-user/whoami"
RESET = "/api/current-user/reset-token/"
AT_ONCE = 16


def post(path: str, body: Any = None, **headers: Any) -> Any:
    return APIClient(**headers).post(path, body or {}, format="json")


def exchanged(refresh: str) -> Any:
    return post("/api/token/refresh/", {"refresh": refresh})


def bearer(access: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {access}")


def of_row(text: str) -> ApiToken:
    token = tokens.live_refresh(text)
    assert token is not None
    return token


ENDS: dict[str, Callable[[Caller], object]] = {
    "revoked": lambda caller: tokens.revoke(caller.token),
    "reset": lambda caller: caller.client.post(RESET),
    "deleted": lambda caller: caller.token.delete(),
}


@pytest.mark.parametrize("end", ENDS)
def test_ends_with_its_key(ada: Caller, end: str) -> None:
    refresh = make_refresh(ada)
    access = exchanged(refresh).json()["access"]
    assert bearer(access).get(WHOAMI).status_code == 200

    ENDS[end](ada)

    assert_refused(exchanged(refresh), 401, "Token is invalid")
    assert_refused(post("/api/token/rotate/", {"refresh": refresh}), 401, "Token is invalid")
    assert bearer(access).get(WHOAMI).status_code == 401


def test_other_keys_end_nothing(ada: Caller) -> None:
    refresh = make_refresh(ada)
    tokens.revoke(make_caller("ada@example.com", "lab").token)
    assert exchanged(refresh).status_code == 200


def test_expires_no_later_than_its_key(db: None) -> None:
    at = datetime.now(UTC) + timedelta(days=3)
    ada = make_caller("ada@example.com", "lab", expires_at=at)
    refresh = make_refresh(ada)
    rotated = post("/api/token/rotate/", {"refresh": refresh}).json()["refresh"]

    for text in (refresh, rotated):
        claims = tokens.decode(text, token_type="refresh")
        assert claims is not None
        assert claims["exp"] == int(at.timestamp())
    assert of_row(rotated).expires_at == at
    # The row counts, whatever the text says.
    over = datetime.now(UTC) - timedelta(seconds=1)
    access = exchanged(rotated).json()["access"]
    ApiToken.objects.filter(kind="refresh").update(expires_at=over)
    assert exchanged(rotated).status_code == 401
    assert bearer(access).get(WHOAMI).status_code == 401


def test_has_an_expiry_of_its_own(ada: Caller, settings: Any) -> None:
    settings.REFRESH_TOKEN_DAYS = 7
    expires_at = of_row(make_refresh(ada)).expires_at
    assert expires_at is not None
    assert abs(expires_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)


def test_an_expired_one_is_in_nobodys_way(ada: Caller) -> None:
    make_refresh(ada)
    assert ada.client.post("/api/token/", {}, format="json").status_code == 409
    over = datetime.now(UTC) - timedelta(seconds=1)
    ApiToken.objects.filter(kind="refresh").update(expires_at=over)
    assert ada.client.post("/api/token/", {}, format="json").status_code == 201


def test_has_the_scopes_and_the_role_of_its_key(db: None) -> None:
    ada = make_caller("ada@example.com", "lab", scopes=["predictions:read", "admin"])
    make_caller("ada@example.com", "elsewhere")
    refresh = ada.client.post("/api/token/", {}, format="json").json()["token"]
    rotated = post("/api/token/rotate/", {"refresh": refresh}).json()["refresh"]
    access = exchanged(rotated).json()["access"]

    holder = tokens.holder_of_access_token(access)

    assert holder is not None
    assert holder.access.scopes == frozenset({"predictions:read", "admin"})
    assert holder.access.workspace_id == ada.workspace.pk
    Membership.objects.filter(user=ada.user).update(role="reader")
    refused = bearer(access).post("/api/projects/", {"title": "x"}, format="json")
    assert refused.status_code == 403


def test_one_made_with_an_access_token_ends_with_the_key_behind_it(ada: Caller) -> None:
    make_refresh(ada)
    ApiToken.objects.filter(kind="refresh").update(user=User.objects.create(email="x@y.zz"))
    made = tokens.create_refresh(
        user_id=ada.user.pk,
        workspace_id=ada.workspace.pk,
        made_by_id=ApiToken.objects.get(kind="refresh").pk,
    )
    assert made is not None
    assert made[0].made_by_id == ada.token.pk


def test_one_of_a_session_has_no_key_to_end_with(ada: Caller) -> None:
    browser = Client()
    browser.force_login(ada.user)
    refresh = browser.post("/api/token/", {}, content_type="application/json").json()["token"]
    access = exchanged(refresh).json()["access"]
    assert post("/api/token/", HTTP_AUTHORIZATION=f"Bearer {access}").status_code == 409

    tokens.revoke(ada.token)

    assert of_row(refresh).made_by is None
    assert exchanged(refresh).status_code == 200


def at_once(send: Callable[[], Any]) -> list[int]:
    """Statuses of sixteen requests that are sent together."""

    def each(_: int) -> int:
        try:
            return int(send().status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sorted(pool.map(each, range(AT_ONCE)))


@pytest.mark.django_db(transaction=True)
def test_reset_at_once_leaves_one_live_key(ada: Caller) -> None:
    statuses = at_once(lambda: post(RESET, HTTP_AUTHORIZATION=f"Token {ada.key}"))

    assert statuses == [201] + [401] * (AT_ONCE - 1)
    assert ApiToken.objects.filter(revoked_at=None).count() == 1
    assert ApiToken.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_rotated_at_once_one_is_left(ada: Caller) -> None:
    refresh = make_refresh(ada)

    statuses = at_once(lambda: post("/api/token/rotate/", {"refresh": refresh}))

    assert statuses == [200] + [401] * (AT_ONCE - 1)
    assert ApiToken.objects.filter(kind="refresh", revoked_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_none_outlives_a_key_that_is_reset_meanwhile(ada: Caller) -> None:
    sent = iter([RESET] + ["/api/token/"] * (AT_ONCE - 1))

    statuses = at_once(lambda: post(next(sent), HTTP_AUTHORIZATION=f"Token {ada.key}"))

    assert set(statuses) <= {201, 401, 409}
    live = ApiToken.objects.get(revoked_at=None)
    assert (live.kind, live.pk == ada.token.pk) == ("key", False)
