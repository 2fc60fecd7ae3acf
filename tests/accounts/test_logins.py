"""Guessing passwords and keys: who is told to wait, who is not, and who unlocks them."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts import logins, tokens
from accounts.models import User
from tests.checking import CheckingClient
from tests.conftest import Caller, assert_refused, desk_of, make_caller

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/?next=/admin/"
PASSWORD = "a long good one"
HERE, THERE = "192.0.2.1", "192.0.2.2"
TRIES, OF_ADDRESS, KEYS = 5, 12, 7


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.LOGIN_TRIES = settings.AXES_FAILURE_LIMIT = TRIES
    settings.LOGIN_TRIES_PER_ADDRESS = OF_ADDRESS
    settings.KEY_TRIES_PER_ADDRESS = KEYS


@pytest.fixture
def ada(ada: Caller) -> Caller:
    """As everywhere, with a password."""
    ada.user.set_password(PASSWORD)
    ada.user.is_staff = True
    ada.user.save()
    return ada


def login(
    email: str = "ada@example.com", password: str = "wrong", at: str = HERE, **headers: Any
) -> Any:
    form = {"username": email, "password": password}
    return Client(REMOTE_ADDR=at, **headers).post(LOGIN, form)


def statuses(n: int, **how: Any) -> list[int]:
    return [login(**how).status_code for _ in range(n)]


def test_the_fifth_failure_locks_account_and_address(ada: Caller) -> None:
    assert statuses(TRIES) == [200] * (TRIES - 1) + [429]

    refused = login(password=PASSWORD)

    assert refused.status_code == 429
    assert refused["Retry-After"] == "900"
    assert "Too many failed logins" in refused.content.decode()
    assert "An owner of your workspace can unlock you" in refused.content.decode()
    assert "_auth_user_id" not in refused.client.session


def test_a_stranger_locks_nobody_out(ada: Caller) -> None:
    assert statuses(TRIES, at=THERE)[-1] == 429

    assert login(password=PASSWORD, at=HERE).status_code == 302
    assert statuses(1, email="olga@example.com", at=THERE) == [200]


def test_an_address_that_tries_many_accounts_is_locked_as_a_whole(ada: Caller) -> None:
    tried = [login(f"p{n}@example.com").status_code for n in range(OF_ADDRESS)]

    assert tried == [200] * (OF_ADDRESS - 1) + [429]
    assert login(password=PASSWORD).status_code == 429
    assert login(password=PASSWORD, at=THERE).status_code == 302


def test_a_network_of_ipv6_is_one_address(ada: Caller) -> None:
    tried = [login(at=f"2001:db8::{n}").status_code for n in range(TRIES)]
    assert tried[-1] == 429
    assert login(password=PASSWORD, at="2001:db8:0:0:ffff::1").status_code == 429
    assert login(password=PASSWORD, at="2001:db8:0:1::1").status_code == 302


@pytest.mark.parametrize("trusted", [False, True])
def test_the_address_is_the_proxys_word_only_where_it_is_trusted(
    ada: Caller, settings: Any, trusted: bool
) -> None:
    settings.TRUST_PROXY_HEADERS = trusted
    by_proxy = [
        login(HTTP_X_FORWARDED_FOR=f"10.0.0.{n}, 203.0.113.{n}").status_code for n in range(TRIES)
    ]
    assert (429 in by_proxy) is not trusted
    claimed = [
        login(at=THERE, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}, 203.0.113.99").status_code
        for n in range(TRIES)
    ]
    assert claimed[-1] == 429


def test_neither_case_nor_browser_makes_another_account(ada: Caller) -> None:
    names = ["ada@example.com", "ADA@example.com", "Ada@Example.com", "aDa@example.com"]
    for n, name in enumerate(names):
        login(name, HTTP_USER_AGENT=f"browser {n}")
    assert login(HTTP_USER_AGENT="x" * 5000).status_code == 429


@pytest.mark.parametrize("name", ["x" * 5000, "é" * 300, "a\0b", "", "' OR 1=1"])
def test_any_name_is_answered(db: None, name: str) -> None:
    assert login(name).status_code == 200


def test_time_unlocks_and_trying_on_does_not_prolong_it(ada: Caller) -> None:
    now = datetime.now(UTC)
    with time_machine.travel(now, tick=False) as clock:
        statuses(TRIES)
        clock.shift(timedelta(minutes=14))
        assert login(password=PASSWORD).status_code == 429
        clock.shift(timedelta(minutes=2))
        assert login(password=PASSWORD).status_code == 302


def test_a_login_forgets_the_failures_of_its_account_alone(ada: Caller) -> None:
    statuses(TRIES - 1)
    login("olga@example.com")
    assert login(password=PASSWORD).status_code == 302
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["olga@example.com"]


def test_no_password_is_kept(ada: Caller) -> None:
    login(password="my real one with a typo")
    assert "typo" not in str(AccessAttempt.objects.values().get())


class TestUnlock:
    def unlock(self, *arguments: str) -> str:
        out = StringIO()
        call_command("unlock", *arguments, stdout=out)
        return out.getvalue()

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--email", "ADA@example.com"],
            ["--address", HERE],
            ["--email", "ada@example.com", "--address", HERE],
            ["--all"],
        ],
    )
    def test_by_command(self, ada: Caller, arguments: list[str]) -> None:
        statuses(TRIES)
        assert self.unlock(*arguments) == "Unlocked 1 pairs of account and address.\n"
        assert login(password=PASSWORD).status_code == 302

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "Name --email"),
            (["--all", "--email", "a@b.cc"], "Name --email"),
            (["--address", "here"], "'here' does not appear to be an IPv4 or IPv6 address"),
        ],
    )
    def test_says_what_it_needs(self, arguments: list[str], message: str) -> None:
        with pytest.raises(CommandError, match=message):
            self.unlock(*arguments)

    def test_of_a_network(self, db: None) -> None:
        login(at="2001:db8::1")
        assert self.unlock("--address", "2001:db8::2").startswith("Unlocked 1 ")


class TestAtTheDesk:
    def unlock(self, desk: Client, user: User) -> Any:
        form = {"action": "unlock", "_selected_action": [user.pk]}
        return desk.post("/admin/accounts/user/", form, follow=True)

    def test_an_owner_unlocks_a_member(self, ada: Caller, rita: Caller) -> None:
        statuses(TRIES, email="rita@example.com")
        page = self.unlock(desk_of(ada), rita.user).content.decode()
        assert "May log in again: rita@example.com" in page
        assert not AccessAttempt.objects.exists()

    @pytest.mark.parametrize("who", ["stranger", "reader", "owner who reads there"])
    def test_nobody_else_does(self, ada: Caller, rita: Caller, olga: Caller, who: str) -> None:
        statuses(TRIES)
        caller = {"reader": rita}.get(who, olga)
        if who == "owner who reads there":
            make_caller("olga@example.com", "lab", "reader")
        self.unlock(desk_of(caller), ada.user)
        assert AccessAttempt.objects.exists()

    def test_an_owner_unlocks_no_superuser(self, ada: Caller, rita: Caller) -> None:
        User.objects.filter(pk=rita.user.pk).update(is_superuser=True)
        statuses(TRIES, email="rita@example.com")
        self.unlock(desk_of(ada), rita.user)
        assert AccessAttempt.objects.exists()
        self.unlock(desk_of(rita), rita.user)
        assert not AccessAttempt.objects.exists()


def guess(n: int, at: str = HERE, client: type[APIClient] = CheckingClient) -> Any:
    key = f"{n:039x}a"
    return client(REMOTE_ADDR=at, HTTP_AUTHORIZATION=f"Token {key}").get("/api/predictions/")


class TestKeys:
    def test_who_guesses_is_told_to_wait(self, db: None) -> None:
        assert [guess(n).status_code for n in range(KEYS)] == [401] * KEYS

        refused = guess(99)

        message = "Too many unknown keys came from your address. Expected available in 900 seconds."
        assert_refused(refused, 429, message)
        assert refused["Retry-After"] == "900"
        assert guess(99, at=THERE).status_code == 401

    def test_keys_that_work_go_on_working(self, ada: Caller) -> None:
        for n in range(KEYS):
            guess(n)
        client = APIClient(REMOTE_ADDR=HERE, HTTP_AUTHORIZATION=f"Token {ada.key}")
        assert client.get("/api/predictions/").status_code == 200
        assert login(password=PASSWORD).status_code == 302

    def test_a_revoked_key_is_no_guess(self, ada: Caller) -> None:
        tokens.revoke(ada.token)
        assert ada.client.get("/api/predictions/").status_code == 401
        assert not AccessAttempt.objects.exists()

    def test_time_and_the_command_end_it(self, db: None) -> None:
        now = datetime.now(UTC)
        with time_machine.travel(now, tick=False) as clock:
            for n in range(KEYS):
                guess(n)
            assert guess(98).status_code == 429
            clock.shift(timedelta(minutes=16))
            assert [guess(n).status_code for n in range(KEYS + 1)] == [401] * KEYS + [429]
            assert logins.unlock(address=HERE) == 1
            assert guess(98).status_code == 401

    def test_every_way_to_send_one_counts(self, db: None) -> None:
        n = 0
        ways: list[tuple[dict[str, Any], str]] = [
            ({"HTTP_X_API_KEY": "0a" * 20}, "/api/predictions/"),
            ({}, f"/lab/model-evals?api_key={'0b' * 20}"),
            ({"HTTP_AUTHORIZATION": f"Bearer {'0c' * 20}"}, "/lab/model-evals"),
        ]
        for headers, path in ways:
            n += 1
            assert CheckingClient(REMOTE_ADDR=HERE, **headers).get(path).status_code == 401
            assert AccessAttempt.objects.get().failures_since_start == n
        body = {"refresh": "x.y.z"}
        client = CheckingClient(REMOTE_ADDR=HERE)
        assert client.post("/api/token/refresh/", body, format="json").status_code == 401
        assert AccessAttempt.objects.get().failures_since_start == n + 1
        for _ in range(n + 1, KEYS):
            client.post("/api/token/refresh/", body, format="json")
        assert client.post("/api/token/refresh/", body, format="json").status_code == 429
        evaluations = client.get(f"/lab/model-evals?api_key={'0b' * 20}")
        assert (evaluations.status_code, evaluations.json()["error"]) == (429, "too_many_requests")

    def test_cost_nothing_where_they_work(self, ada: Caller) -> None:
        ada.client.get("/api/current-user/token")
        with CaptureQueriesContext(connection) as queries:
            assert ada.client.get("/api/current-user/token").status_code == 200
        assert len(queries) == 1
