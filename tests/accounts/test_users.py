"""GET /api/users/ and /api/users/{id}/: who is in the caller's workspace."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import members
from accounts.models import Membership
from tests.conftest import Caller, assert_refused, make_caller

GONE = "No User matches the given query."


def me(caller: Caller) -> dict[str, Any]:
    document: dict[str, Any] = caller.client.get("/api/current-user/whoami").json()
    return document


@pytest.mark.parametrize("ending", ["/", "", ".json"])
def test_lists_members_by_id(ada: Caller, rita: Caller, olga: Caller, ending: str) -> None:
    answer = rita.client.get(f"/api/users{ending}")
    assert answer.status_code == 200
    assert answer.json() == [me(ada), me(rita)]
    falling = rita.client.get(f"/api/users{ending}", {"ordering": "-email"})
    assert falling.json() == [me(rita), me(ada)]
    assert [one["id"] for one in olga.client.get("/api/users/").json()] == [olga.user.pk]
    robot = members.service_account("ci", ada.workspace)
    Membership.objects.create(user=robot, workspace=ada.workspace)
    emails = [one["email"] for one in ada.client.get("/api/users/").json()]
    assert emails == ["ada@example.com", "rita@example.com", "ci+lab@service.invalid"]


@pytest.mark.parametrize("ending", ["/", "", ".json"])
def test_gets_one(ada: Caller, rita: Caller, ending: str) -> None:
    answer = rita.client.get(f"/api/users/{ada.user.pk}{ending}")
    assert (answer.status_code, answer.json()) == (200, me(ada))


def test_knows_nobody_of_other_workspaces(ada: Caller, rita: Caller, olga: Caller) -> None:
    Membership.objects.filter(user=rita.user).delete()
    for unknown in (olga.user.pk, rita.user.pk, 0, -1, 2**63, "x", "1e3"):
        assert_refused(ada.client.get(f"/api/users/{unknown}/"), 404, GONE)


@pytest.mark.parametrize("path", ["/api/users/", "/api/users/1/"])
def test_needs_a_key_and_only_reads(ada: Caller, path: str) -> None:
    assert APIClient().get(path).status_code == 401
    for verb in ("post", "put", "patch", "delete"):
        assert getattr(ada.client, verb)(path, {}, format="json").status_code == 405


def test_needs_no_scope(db: None) -> None:
    caller = make_caller("ada@example.com", "lab", scopes=["model-eval:read"])
    assert caller.client.get("/api/users/").json() == [me(caller)]
