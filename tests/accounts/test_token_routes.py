"""Who am I, my key, and the tokens of the newer clients."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import ApiToken, Workspace
from tests.conftest import Caller, assert_invalid, assert_refused, make_caller

REQUIRED = {"refresh": ["This field is required."]}
TAKEN = "You already have a valid token. Please revoke it before creating a new one."


def post(path: str, body: Any) -> Any:
    return APIClient().post(f"/api/token/{path}", body, format="json")


@pytest.fixture
def refresh(ada: Caller) -> str:
    text: str = ada.client.post("/api/token/", {}, format="json").json()["token"]
    return text


def claims(text: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(text, settings.SECRET_KEY, algorithms=["HS256"])
    return found


class TestWhoami:
    def test_says_who_is_calling(self, ada: Caller) -> None:
        ada.user.first_name, ada.user.last_name = "Ada", "Lovelace"
        ada.user.save()

        response = ada.client.get("/api/current-user/whoami")

        assert response.status_code == 200
        assert response.json() == {
            "id": ada.user.pk,
            "first_name": "Ada",
            "last_name": "Lovelace",
            "username": "ada",
            "email": "ada@example.com",
            "last_activity": None,
            "avatar": None,
            "initials": "AL",
            "phone": "",
            "active_organization": ada.workspace.pk,
            "active_organization_meta": {"title": "lab", "email": "ada@example.com"},
            "allow_newsletters": None,
            "date_joined": ada.user.date_joined.isoformat().replace("+00:00", "Z"),
        }

    def test_takes_no_slash(self, ada: Caller) -> None:
        assert_refused(ada.client.get("/api/current-user/whoami/"), 404, "Not found.")

    def test_needs_a_key(self, db: None) -> None:
        assert APIClient().get("/api/current-user/whoami").status_code == 401

    @pytest.mark.parametrize("scopes", [["model-eval:read"], ["predictions:write"]])
    def test_needs_no_scope(self, db: None, scopes: list[str]) -> None:
        caller = make_caller("ada@example.com", "lab", scopes=scopes)

        assert caller.client.get("/api/current-user/whoami").status_code == 200


class TestKey:
    def test_is_the_one_that_was_sent(self, ada: Caller) -> None:
        url = "/api/current-user/token"

        assert ada.client.get(url).json() == {"token": ada.key}
        by_header = APIClient().get(url, headers={"x-api-key": ada.key})
        assert by_header.json() == {"token": ada.key}

    def test_is_not_told_to_a_session_or_a_newer_client(self, ada: Caller, refresh: str) -> None:
        browser = Client()
        browser.force_login(ada.user)
        access = post("refresh/", {"refresh": refresh}).json()["access"]
        bearer = APIClient(HTTP_AUTHORIZATION=f"Bearer {access}")

        for client in (browser, bearer):
            response = client.get("/api/current-user/token")
            assert_refused(response, 404, response.json()["detail"])
            assert "Only digests of keys are stored" in response.json()["detail"]

    @pytest.mark.parametrize("url", ["reset-token/", "reset-token"])
    def test_is_replaced(self, ada: Caller, url: str) -> None:
        response = ada.client.post(f"/api/current-user/{url}")

        assert response.status_code == 201
        new = response.json()["token"]
        assert list(response.json()) == ["token"]
        assert len(new) == 40
        assert new != ada.key
        assert ada.client.get("/api/predictions/").status_code == 401
        assert (
            APIClient()
            .get("/api/predictions/", headers={"authorization": f"Token {new}"})
            .status_code
            == 200
        )

    def test_keeps_its_name_and_scopes_when_replaced(self, db: None) -> None:
        reader = make_caller(
            "rita@example.com",
            "lab",
            "reader",
            scopes=["predictions:read"],
            name="ci",
        )

        assert reader.client.post("/api/current-user/reset-token/").status_code == 201

        new = ApiToken.objects.get(revoked_at=None)
        assert (new.name, new.scopes) == ("ci", ["predictions:read"])

    def test_only_a_digest_is_stored(self, ada: Caller) -> None:
        row = ApiToken.objects.values().get()

        assert ada.key not in str(row)
        assert row["preview"] == ada.key[:6]


class TestRefreshTokens:
    def test_are_made_once(self, ada: Caller) -> None:
        response = ada.client.post("/api/token/", {}, format="json")

        assert response.status_code == 201
        text = response.json()["token"]
        found = claims(text)
        assert set(found) == {"token_type", "exp", "iat", "jti", "user_id"}
        assert (found["token_type"], found["user_id"]) == ("refresh", str(ada.user.pk))
        assert (found["exp"] - found["iat"]) / 86400 == pytest.approx(365)
        assert_refused(ada.client.post("/api/token", {}, format="json"), 409, TAKEN)

    def test_are_listed_cut_short(self, ada: Caller, refresh: str, rita: Caller) -> None:
        assert ada.client.get("/api/token/").json() == [{"token": refresh[:16]}]
        assert rita.client.get("/api/token/").json() == []

    def test_are_not_made_by_a_scoped_key(self, db: None) -> None:
        scoped = make_caller("ada@example.com", "lab", scopes=["predictions:write"])

        response = scoped.client.post("/api/token/", {}, format="json")

        assert_refused(response, 403, 'This key lacks the scope "admin".')

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_are_exchanged_for_access(self, ada: Caller, refresh: str, slash: str) -> None:
        response = post(f"refresh{slash}", {"refresh": refresh})

        assert response.status_code == 200
        assert list(response.json()) == ["access"]
        found = claims(response.json()["access"])
        assert (found["token_type"], found["exp"] - found["iat"]) == ("access", 300)
        assert found["user_id"] == str(ada.user.pk)
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {response.json()['access']}")
        assert client.get("/api/current-user/whoami").json()["id"] == ada.user.pk

    def test_are_revoked(self, ada: Caller, refresh: str) -> None:
        response = post("blacklist/", {"refresh": refresh})

        assert (response.status_code, response.content) == (204, b"")
        assert_refused(post("refresh/", {"refresh": refresh}), 401, "Token is invalid")
        assert ada.client.get("/api/token/").json() == []
        assert ada.client.post("/api/token/", {}, format="json").status_code == 201

    def test_are_rotated(self, ada: Caller, refresh: str) -> None:
        response = post("rotate/", {"refresh": refresh})

        assert response.status_code == 200
        new = response.json()["refresh"]
        assert list(response.json()) == ["refresh"]
        assert_refused(post("refresh/", {"refresh": refresh}), 401, "Token is invalid")
        assert post("refresh/", {"refresh": new}).status_code == 200

    @pytest.mark.parametrize("path", ["refresh/", "blacklist/", "rotate/"])
    def test_must_be_live_and_ours(self, ada: Caller, refresh: str, path: str) -> None:
        access = post("refresh/", {"refresh": refresh}).json()["access"]
        other = jwt.encode({"token_type": "refresh", "jti": "x"}, "k" * 40, algorithm="HS256")
        for text in ("x", "a.b.c", access, ada.key, other, refresh + "x"):
            response = post(path, {"refresh": text})
            assert_refused(response, 401, "Token is invalid")
            assert response["WWW-Authenticate"] == 'Bearer realm="api"'
        bodies: list[Any] = [{}, {"refresh": None}, {"refresh": ""}, {"refresh": 7}, []]
        for body in bodies:
            assert_invalid(post(path, body), REQUIRED)

    def test_of_a_deactivated_user(self, ada: Caller, refresh: str) -> None:
        ada.user.is_active = False
        ada.user.save()

        assert_refused(post("refresh/", {"refresh": refresh}), 401, "Token is invalid")


@pytest.mark.parametrize("enabled", [True, False])
def test_which_tokens_are_accepted(ada: Caller, refresh: str, enabled: bool) -> None:
    Workspace.objects.update(legacy_api_tokens_enabled=enabled)
    access = post("refresh/", {"refresh": refresh}).json()["access"]

    response = APIClient(HTTP_AUTHORIZATION=f"Bearer {access}").get("/api/jwt/settings")

    assert response.json() == {
        "api_tokens_enabled": True,
        "legacy_api_tokens_enabled": enabled,
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/current-user/whoami"),
        ("delete", "/api/current-user/token"),
        ("get", "/api/current-user/reset-token/"),
        ("put", "/api/token/"),
        ("get", "/api/token/refresh/"),
        ("post", "/api/jwt/settings"),
        ("post", "/api/version"),
    ],
)
def test_other_verbs(ada: Caller, method: str, path: str) -> None:
    send: Callable[..., Any] = getattr(ada.client, method)

    assert_refused(send(path), 405, f'Method "{method.upper()}" not allowed.')
