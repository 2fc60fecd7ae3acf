"""The audit trail: what is kept of it, who reads it, and that nobody changes it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import IntegrityError, InternalError, connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import audit, members, tokens
from accounts.models import ApiToken, AuditEntry, Membership, User
from predictions_api.jobs import sweeps
from tests.accounts.test_admin import add_key, member_form, revoke
from tests.checking import CheckingClient
from tests.conftest import (
    A_MOMENT,
    UUID,
    Caller,
    Like,
    assert_invalid,
    assert_refused,
    desk_of,
    make_caller,
)

pytestmark = pytest.mark.django_db

URL = "/api/audit/"
RESET = "/api/current-user/reset-token/"
HERE = "192.0.2.7"


def trail() -> list[tuple[str, str, str]]:
    """Action, target and actor of each row, the oldest first."""
    rows = AuditEntry.objects.order_by("id")
    return [(row.action, row.target, row.actor) for row in rows]


def last() -> AuditEntry:
    (row,) = AuditEntry.objects.all()
    return row


class TestRoute:
    def test_says_who_did_what_to_what_and_from_where(self, ada: Caller) -> None:
        answer = ada.client.post(RESET, REMOTE_ADDR=HERE, HTTP_X_REQUEST_ID="build-7")
        ada.client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
        new = ApiToken.objects.get(revoked_at=None)

        response = ada.client.get(URL)

        assert response.json() == [
            {
                "id": last().pk,
                "created_at": A_MOMENT,
                "actor_id": ada.user.pk,
                "actor": "ada@example.com",
                "via": "key",
                "token_id": ada.token.pk,
                "action": "key.reset",
                "target": f"key {ada.token.pk}",
                "details": {"new_key": new.pk},
                "address": HERE,
                "request_id": "build-7",
            }
        ]
        assert "Link" not in response

    def test_gives_a_request_an_id(self, ada: Caller) -> None:
        ada.client.post("/api/token/", {}, format="json")
        assert last().request_id == Like(UUID)

    def rows(self, caller: Caller, n: int = 5) -> list[int]:
        for i in range(n):
            audit.by_command(
                "key.created" if i % 2 else "project.deleted",
                target=f"row {i}",
                workspace_id=caller.workspace.pk,
            )
        return list(AuditEntry.objects.order_by("-id").values_list("pk", flat=True))

    def test_pages_follow_each_other(self, ada: Caller) -> None:
        ids = self.rows(ada)
        found, url = [], f"{URL}?limit=2"
        while url:
            response = ada.client.get(url)
            found.append([row["id"] for row in response.json()])
            url = response.headers.get("Link", "").partition(">")[0].lstrip("<")
        assert found == [ids[:2], ids[2:4], ids[4:]]

    @pytest.mark.parametrize(
        ("query", "targets"),
        [
            ("action=key.created", ["row 3", "row 1"]),
            ("action=key.", ["row 3", "row 1"]),
            ("action=key", []),
            ("actor=nobody@example.com", []),
            ("until=2000-01-01", []),
            ("since=2000-01-01&limit=1", ["row 4"]),
            ("since=2999-01-01T00:00:00Z", []),
        ],
    )
    def test_filters(self, ada: Caller, query: str, targets: list[str]) -> None:
        self.rows(ada)
        assert [row["target"] for row in ada.client.get(f"{URL}?{query}").json()] == targets

    @pytest.mark.parametrize("name", ["limit", "before", "since", "until"])
    def test_bad_parameters_are_named(self, ada: Caller, name: str) -> None:
        response = ada.client.get(f"{URL}?{name}=x")
        assert_invalid(response, {name: response.json()["validation_errors"][name]})

    def test_takes_a_fixed_number_of_statements(self, ada: Caller) -> None:
        self.rows(ada, 50)
        with CaptureQueriesContext(connection) as queries:
            assert len(ada.client.get(URL).json()) == 50
        assert len(queries) == 2 + 1  # the key, its last use, the rows

    @pytest.mark.parametrize(
        ("who", "status"),
        [
            ("owner", 200),
            ("key for all", 200),
            ("member", 403),
            ("reader", 403),
            ("key to read", 403),
            ("key to write", 403),
            ("anonymous", 401),
            ("revoked key", 401),
        ],
    )
    def test_is_for_owners(
        self, someone: Callable[[str], CheckingClient], who: str, status: int
    ) -> None:
        assert someone(who).get(URL).status_code == status

    def test_tells_why_not(self, rita: Caller) -> None:
        assert_refused(rita.client.get(URL), 403, "Only owners read the audit trail.")

    def test_knows_nothing_of_other_workspaces(self, ada: Caller, olga: Caller) -> None:
        self.rows(ada)
        audit.by_command("key.created")
        assert olga.client.get(URL).json() == []


class TestRows:
    @pytest.mark.parametrize(
        "change",
        [
            lambda: AuditEntry.objects.update(action="nothing"),
            lambda: AuditEntry.objects.all().delete(),
            lambda: AuditEntry.objects.get().delete(),
        ],
    )
    def test_are_never_changed(self, db: None, change: Callable[[], object]) -> None:
        audit.by_command("key.created")
        with (
            pytest.raises(DatabaseError, match="append-only") as refusal,
            transaction.atomic(),
        ):
            change()
        assert isinstance(refusal.value, InternalError | IntegrityError)
        assert last().action == "key.created"

    def test_are_kept_for_a_year(self, settings: Any) -> None:
        now = datetime.now(UTC)
        for days in (400, 366, 364, 0):
            with time_machine.travel(now - timedelta(days=days), tick=False):
                audit.by_command(f"day.{days}")
        assert audit.purge in sweeps.registered()

        assert audit.purge() == 2

        assert [action for action, *_ in trail()] == ["day.364", "day.0"]
        settings.AUDIT_DAYS = 10
        assert audit.purge() == 1
        with CaptureQueriesContext(connection) as queries:
            assert audit.purge() == 0
        assert len(queries) == 1
        # Only the sweep's own transaction may delete.
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            AuditEntry.objects.all().delete()

    def test_outlive_what_they_name(self, ada: Caller) -> None:
        ada.client.post("/api/token/", {}, format="json")
        members.delete_workspace(ada.workspace)
        User.objects.all().delete()
        assert last().actor == "ada@example.com"


class TestKeys:
    def test_at_the_desk(self, ada: Caller, rita: Caller) -> None:
        add_key(desk_of(ada), ada)
        made = ApiToken.objects.latest("pk")
        form = {"action": "revoke", "_selected_action": [rita.token.pk, made.pk]}
        desk_of(ada).post("/admin/accounts/apitoken/", form)
        revoke(desk_of(ada), rita.token)  # changes nothing, so it is not recorded

        key = f"key {made.pk}"
        named = f"{key} of ada@example.com, key {rita.token.pk} of rita@example.com"
        assert trail() == [
            ("key.created", f"{key}: {made}", "ada@example.com"),
            ("key.revoked", named, "ada@example.com"),
        ]
        row = AuditEntry.objects.latest("pk")
        assert (row.via, row.workspace_id, row.token_id) == ("session", ada.workspace.pk, None)

    def test_by_command(self, ada: Caller) -> None:
        out = StringIO()
        more = ["--email", "rita@example.com", "--scopes", "predictions:read"]
        call_command("token", "create", "--workspace", "lab", *more, stdout=out)
        made = ApiToken.objects.latest("pk")
        call_command("token", "revoke", str(made.pk), stdout=out)
        call_command("token", "revoke", str(made.pk), stdout=out)
        target = f"key {made.pk} of rita@example.com"
        assert [(action, of) for action, of, _ in trail()] == [
            ("key.created", target),
            ("key.revoked", target),
        ]
        row = AuditEntry.objects.earliest("pk")
        assert row.actor.startswith("manage.py (")
        assert (row.via, row.workspace_id) == ("command", ada.workspace.pk)
        assert row.details == {"scopes": ["predictions:read"], "role": "member"}

    def test_refresh_tokens(self, ada: Caller) -> None:
        text = ada.client.post("/api/token/", {}, format="json").json()["token"]
        client = CheckingClient(REMOTE_ADDR=HERE)
        for path in ("rotate", "blacklist"):
            body = {"refresh": text}
            answer = client.post(f"/api/token/{path}/", body, format="json")
            text = answer.json()["refresh"] if path == "rotate" else ""
        first, second = ApiToken.objects.filter(kind="refresh").order_by("pk")
        assert trail() == [
            ("refresh_token.created", f"refresh token {first.pk}", "ada@example.com"),
            ("refresh_token.rotated", f"refresh token {first.pk}", "ada@example.com"),
            ("refresh_token.revoked", f"refresh token {second.pk}", "ada@example.com"),
        ]
        assert {row.workspace_id for row in AuditEntry.objects.all()} == {ada.workspace.pk}
        assert {row.via for row in AuditEntry.objects.all()} == {"key"}

    def test_guesses_once_an_address(self, settings: Any) -> None:
        settings.KEY_TRIES_PER_ADDRESS = 3
        for n in range(6):
            guessing = CheckingClient(REMOTE_ADDR=HERE, HTTP_AUTHORIZATION=f"Token {n:039x}a")
            guessing.get("/api/projects/")
        assert trail() == [("keys.guessed", "", "an unknown key")]
        assert (last().via, last().address, last().workspace_id) == ("nobody", HERE, None)


class TestPeople:
    def test_members_and_roles_in_one_row(self, ada: Caller, rita: Caller) -> None:
        path = f"/admin/accounts/workspace/{ada.workspace.pk}/change/"
        new = {"email": "new@example.com", "role": "reader"}
        form = member_form(ada.workspace, new, **{"memberships-1-role": "member"})
        desk_of(ada).post(path, form)
        row = last()
        target = f"workspace {ada.workspace.pk}: lab"
        assert (row.action, row.target) == ("workspace.members_changed", target)
        assert row.details["changes"][1:] == [
            {"added": {"name": "membership", "object": "new@example.com in lab (reader)"}},
            {
                "changed": {
                    "name": "membership",
                    "object": "rita@example.com in lab (member)",
                    "fields": ["Role"],
                }
            },
        ]

    def test_settings(self, ada: Caller) -> None:
        path = f"/admin/accounts/workspace/{ada.workspace.pk}/change/"
        unchanged = {"title": "", "legacy_api_tokens_enabled": "on"}
        desk_of(ada).post(path, member_form(ada.workspace, **unchanged))
        assert trail() == []
        desk_of(ada).post(path, member_form(ada.workspace, **{**unchanged, "title": "Lab"}))
        assert (last().action, last().workspace_id) == ("workspace.changed", ada.workspace.pk)
        assert last().details == {"changes": [{"changed": {"fields": ["Title"]}}]}

    def test_leaving(self, ada: Caller, rita: Caller) -> None:
        desk_of(rita).post(f"/admin/accounts/workspace/{ada.workspace.pk}/leave/")
        assert trail() == [("member.left", f"workspace {ada.workspace.pk}", "rita@example.com")]

    def test_what_superusers_do_to_people(self, ada: Caller) -> None:
        root = User.objects.create_superuser("root@example.com", "pw")
        desk = Client()
        desk.force_login(root)
        path = f"/admin/accounts/user/{ada.user.pk}"
        form = {"password1": "a long good one", "password2": "a long good one"}
        desk.post(f"{path}/password/", {**form, "usable_password": "true"})
        desk.post(f"{path}/delete/", {"post": "yes"})
        target = f"user {ada.user.pk}: ada@example.com"
        assert trail() == [
            ("user.changed", target, "root@example.com"),
            ("user.deleted", target, "root@example.com"),
        ]

    def login(self, name: str, password: str) -> None:
        form = {"username": name, "password": password}
        Client(REMOTE_ADDR=HERE).post("/admin/login/?next=/admin/", form)

    def test_logins(self, ada: Caller, settings: Any) -> None:
        settings.LOGIN_TRIES = settings.AXES_FAILURE_LIMIT = 2
        ada.user.set_password("a long good one")
        ada.user.is_staff = True
        ada.user.save()
        self.login("Ada@example.com", "a long good one")
        for _ in range(4):  # two are tried, two find the login locked
            self.login("ada@example.com", "wrong")
        self.login("nobody@example.com", "wrong")

        rows = AuditEntry.objects.order_by("id")

        lab = ada.workspace.pk
        shown = [(r.action, r.actor, r.via, r.workspace_id, r.details) for r in rows]
        assert shown == [
            ("login.succeeded", "ada@example.com", "session", lab, {}),
            ("login.failed", "ada@example.com", "nobody", lab, {"locks": False}),
            ("login.failed", "ada@example.com", "nobody", lab, {"locks": True}),
            ("login.failed", "nobody@example.com", "nobody", None, {"locks": False}),
        ]
        assert {row.address for row in rows} == {HERE}
        assert "wrong" not in str(list(rows.values()))

    def test_unlocking(self, ada: Caller, rita: Caller) -> None:
        form = {"action": "unlock", "_selected_action": [rita.user.pk]}
        desk_of(ada).post("/admin/accounts/user/", form)
        call_command("unlock", "--email", "rita@example.com", "--address", HERE, stdout=StringIO())
        assert [(action, target) for action, target, _ in trail()] == [
            ("login.unlocked", "rita@example.com"),
            ("login.unlocked", f"rita@example.com at {HERE}"),
        ]


class TestDesk:
    LIST = "/admin/accounts/auditentry/"

    @pytest.fixture
    def row(self, ada: Caller) -> AuditEntry:
        ada.client.post(RESET)
        return last()

    def test_owners_read(self, ada: Caller, row: AuditEntry) -> None:
        desk = desk_of(ada)
        page = desk.get(f"{self.LIST}?subject=key&days=1").content.decode()
        assert "key.reset" in page
        assert 'href="/admin/accounts/auditentry/"' in desk.get("/admin/").content.decode()
        page = desk.get(f"{self.LIST}{row.pk}/change/").content.decode()
        assert "new_key" in page
        assert "key.reset" not in desk.get(f"{self.LIST}?subject=login").content.decode()

    def test_nobody_else_does(
        self, ada: Caller, olga: Caller, rita: Caller, row: AuditEntry
    ) -> None:
        assert desk_of(rita).get(self.LIST).status_code == 403
        assert "key.reset" not in desk_of(olga).get(self.LIST).content.decode()
        assert desk_of(olga).get(f"{self.LIST}{row.pk}/change/").status_code == 302
        assert self.LIST not in desk_of(rita).get("/admin/").content.decode()

    def test_superusers_read_all(self, ada: Caller, row: AuditEntry) -> None:
        audit.by_command("key.created")
        root = Client()
        root.force_login(User.objects.create_superuser("root@example.com", "pw"))
        page = root.get(self.LIST).content.decode()
        assert "key.reset" in page
        assert "key.created" in page

    @pytest.mark.parametrize("path", ["add/", "{}/change/", "{}/delete/"])
    def test_is_not_written(self, ada: Caller, row: AuditEntry, path: str) -> None:
        form = {"action": "nothing", "post": "yes"}
        desk_of(ada, is_superuser=True).post(self.LIST + path.format(row.pk), form)
        assert last().action == "key.reset"

    def test_asks_the_same_number_of_questions_for_any_number_of_rows(
        self, ada: Caller, row: AuditEntry
    ) -> None:
        desk = desk_of(ada)

        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert desk.get(self.LIST).status_code == 200
            return len(queries)

        few = count()
        for _ in range(40):
            audit.by_command("key.created", workspace_id=ada.workspace.pk)
        assert count() == few


def test_a_service_account_is_named_by_its_address(ada: Caller) -> None:
    ci = members.service_account("ci", ada.workspace)
    Membership.objects.create(user=ci, workspace=ada.workspace)
    _, key = tokens.issue(user=ci, workspace=ada.workspace)
    CheckingClient(HTTP_AUTHORIZATION=f"Token {key}").post(RESET)
    assert last().actor == "ci+lab@service.invalid"


def test_what_is_refused_is_not_recorded(ada: Caller, olga: Caller) -> None:
    tokens.revoke(ada.token)
    assert ada.client.post(RESET).status_code == 401
    reader = make_caller("x@y.zz", "lab", "reader")
    assert reader.client.delete("/api/projects/1/").status_code == 403
    assert trail() == []
