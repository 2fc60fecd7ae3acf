"""Who a request comes from, and the exact words for those it does not come from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import ApiToken, Membership, User, Workspace
from predictions.models import Project
from tests.conftest import Caller, assert_refused, make_caller, make_refresh

URL = "/api/predictions/"
NOT_PROVIDED = "Authentication credentials were not provided."
INVALID_TOKEN = "Invalid token."
NO_VALUE = "Invalid token header. No credentials provided."
SPACES = "Invalid token header. Token string should not contain spaces."
CHARACTERS = "Invalid token header. Token string should not contain invalid characters."
INACTIVE = "User inactive or deleted."
LEGACY_OFF = (
    "Authentication token no longer valid: legacy token authentication has been disabled"
    " for this organization"
)


def get(**headers: str) -> Any:
    return APIClient().get(URL, headers=headers)


def assert_unknown(response: Any, detail: str) -> None:
    assert_refused(response, 401, detail)
    assert response["WWW-Authenticate"] == "Token"


@pytest.fixture
def refresh(ada: Caller) -> str:
    return make_refresh(ada)


@pytest.fixture
def access(refresh: str) -> str:
    token = tokens.live_refresh(refresh)
    assert token
    return tokens.access_for(token)


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "ToKeN"])
def test_a_key_in_any_case_of_its_scheme(ada: Caller, scheme: str) -> None:
    assert get(authorization=f"{scheme} {ada.key}").status_code == 200


def test_x_api_key_comes_first(ada: Caller) -> None:
    assert get(**{"x-api-key": ada.key}).status_code == 200
    assert get(**{"x-api-key": ada.key, "authorization": "Token nonsense"}).status_code == 200
    wrong = get(**{"x-api-key": "f" * 40, "authorization": f"Token {ada.key}"})
    assert_unknown(wrong, INVALID_TOKEN)
    assert get(**{"x-api-key": " ", "authorization": f"Token {ada.key}"}).status_code == 200


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, NOT_PROVIDED),
        ("", NOT_PROVIDED),
        ("{key}", NOT_PROVIDED),
        ("Basic {key}", NOT_PROVIDED),
        ("Bearer {key}", NOT_PROVIDED),
        ("bearer {access}", NOT_PROVIDED),
        ("Bearer {refresh}", NOT_PROVIDED),
        ("Bearer not.a.jwt", NOT_PROVIDED),
        ("Bearer {tampered}", NOT_PROVIDED),
        ("Bearer {unsigned}", NOT_PROVIDED),
        ("Bearer", NOT_PROVIDED),
        ("Bearer a b", NOT_PROVIDED),
        ("Token {access}", INVALID_TOKEN),
        ("Token ffffffffffffffffffffffffffffffffffffffff", INVALID_TOKEN),
        ("Token x", INVALID_TOKEN),
        ("Token {upper}", INVALID_TOKEN),
        ("Token", NO_VALUE),
        ("Token   ", NO_VALUE),
        ("Token {key} {key}", SPACES),
        ("Token \xff\xfe", CHARACTERS),
    ],
)
def test_refuses(ada: Caller, access: str, refresh: str, header: str | None, detail: str) -> None:
    values = {
        "key": ada.key,
        "upper": ada.key.upper(),
        "access": access,
        "refresh": refresh,
        "tampered": access[:-4] + ("AAAA" if access[-4:] != "AAAA" else "BBBB"),
        # alg none, {"token_type": "access", "token_id": 1}
        "unsigned": "eyJhbGciOiJub25lIn0.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwidG9rZW5faWQiOjF9.",
    }
    sent = {} if header is None else {"authorization": header.format(**values)}

    assert_unknown(get(**sent), detail)


def test_an_access_token_in_x_api_key(access: str) -> None:
    assert_unknown(get(**{"x-api-key": access}), INVALID_TOKEN)


def test_a_revoked_key_ends_at_once(ada: Caller) -> None:
    assert ada.client.get(URL).status_code == 200
    tokens.revoke(ada.token)

    assert_unknown(ada.client.get(URL), INVALID_TOKEN)
    assert_unknown(get(**{"x-api-key": ada.key}), INVALID_TOKEN)


def test_an_expired_key(ada: Caller) -> None:
    ApiToken.objects.update(expires_at=datetime.now(UTC) + timedelta(minutes=1))
    assert ada.client.get(URL).status_code == 200
    ApiToken.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert_unknown(ada.client.get(URL), INVALID_TOKEN)


def test_somebody_who_left_the_workspace(ada: Caller) -> None:
    Membership.objects.all().delete()

    assert_unknown(ada.client.get(URL), INVALID_TOKEN)


def test_a_deactivated_user(ada: Caller, access: str) -> None:
    User.objects.update(is_active=False)

    assert_unknown(ada.client.get(URL), INACTIVE)
    assert_unknown(get(authorization=f"Bearer {access}"), INACTIVE)


def test_a_deleted_user(ada: Caller, access: str) -> None:
    ada.user.delete()

    assert_unknown(ada.client.get(URL), INVALID_TOKEN)
    assert_unknown(get(authorization=f"Bearer {access}"), NOT_PROVIDED)


def test_a_workspace_without_legacy_keys(ada: Caller, olga: Caller, access: str) -> None:
    Workspace.objects.filter(pk=ada.workspace.pk).update(legacy_api_tokens_enabled=False)

    assert_unknown(ada.client.get(URL), LEGACY_OFF)
    assert_unknown(get(**{"x-api-key": ada.key}), LEGACY_OFF)
    # The newer tokens go on, and so does every other workspace.
    assert get(authorization=f"Bearer {access}").status_code == 200
    assert olga.client.get(URL).status_code == 200


def test_an_access_token_is_its_owner(ada: Caller, project: Project, access: str) -> None:
    response = APIClient().get("/api/projects/", headers={"authorization": f"Bearer {access}"})

    assert [p["id"] for p in response.json()["results"]] == [project.pk]


def test_an_access_token_ends_with_its_refresh_token(ada: Caller, access: str) -> None:
    assert get(authorization=f"Bearer {access}").status_code == 200
    tokens.revoke(ApiToken.objects.get(kind="refresh"))

    assert_unknown(get(authorization=f"Bearer {access}"), NOT_PROVIDED)


def test_an_access_token_ends_after_five_minutes(refresh: str) -> None:
    start = datetime.now(UTC)
    token = tokens.live_refresh(refresh)
    assert token
    with time_machine.travel(start - timedelta(seconds=299), tick=False):
        fresh = tokens.access_for(token)
    with time_machine.travel(start - timedelta(seconds=301), tick=False):
        stale = tokens.access_for(token)

    with time_machine.travel(start, tick=False):
        assert get(authorization=f"Bearer {fresh}").status_code == 200
        assert_unknown(get(authorization=f"Bearer {stale}"), NOT_PROVIDED)


def test_one_person_in_two_workspaces(ada: Caller, project: Project) -> None:
    there = make_caller("ada@example.com", "elsewhere", Membership.Role.READER)

    assert there.user == ada.user
    assert there.client.get(f"/api/projects/{project.pk}/").status_code == 404
    assert there.client.post("/api/projects/", {}, format="json").status_code == 403
    assert ada.client.get(f"/api/projects/{project.pk}/").status_code == 200


def test_a_session_reads_and_with_its_token_writes(ada: Caller, project: Project) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada.user)

    assert browser.get(f"/api/projects/{project.pk}/").status_code == 200
    refused = browser.post("/api/projects/", "{}", content_type="application/json")
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("CSRF Failed")


def test_a_session_of_nobodys_workspace(db: None) -> None:
    browser = Client()
    browser.force_login(User.objects.create_user("nobody@example.com"))

    assert_unknown(browser.get(URL), NOT_PROVIDED)


def test_the_last_use_is_kept_by_the_minute(ada: Caller, django_assert_num_queries: Any) -> None:
    assert ada.token.last_used_at is None
    with django_assert_num_queries(3):
        ada.client.get(URL + "?limit=1")
    ada.token.refresh_from_db()
    assert ada.token.last_used_at
    with django_assert_num_queries(2):
        ada.client.get(URL + "?limit=1")


def test_options_too(ada: Caller) -> None:
    assert_unknown(APIClient().options(URL), NOT_PROVIDED)
    assert ada.client.options(URL).status_code == 200


def test_a_refusal_comes_before_the_body_is_read(db: None) -> None:
    response = APIClient().generic("POST", URL, "{", content_type="application/json")

    assert_unknown(response, NOT_PROVIDED)


def test_no_answer_holds_the_key(ada: Caller) -> None:
    for path in ("predictions/", "current-user/whoami", "projects/", "token/"):
        assert ada.key not in ada.client.get(f"/api/{path}").content.decode()
