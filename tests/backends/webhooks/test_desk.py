"""The pages of webhooks at the desk."""

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import AuditEntry
from backends.db.webhooks import deliveries, hooks
from backends.models import Delivery, Webhook
from backends.models.actions import ACTIONS
from predictions.models import Project
from predictions_api.outbound import vault
from tests.backends.webhooks.conftest import Create
from tests.conftest import Caller

LIST = "/admin/backends/webhook/"
URL = "https://93.184.216.34/hook"


def desk_of(caller: Caller) -> Client:
    client = Client()
    caller.user.is_staff = True
    caller.user.save()
    client.force_login(caller.user, backend="accounts.sessions.DeskBackend")
    return client


def act(name: str, pk: int) -> dict[str, Any]:
    """An action of the list, on one row."""
    return {"action": name, "_selected_action": [pk], "index": 0}


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def body(ada: Caller, project: Project) -> dict[str, Any]:
    return {
        "workspace": ada.workspace.pk,
        "project": project.pk,
        "url": URL,
        "is_active": "on",
        "send_payload": "on",
        "actions": ["TASKS_CREATED", "RUN_COMPLETED"],
        "headers": '{"X-A": "b"}',
    }


def test_makes_changes_tries_and_deletes_one(ada: Caller, body: dict[str, Any]) -> None:
    desk = desk_of(ada)
    assert b"Webhooks" in desk.get(LIST).content
    made = desk.post(f"{LIST}add/", body)
    assert made.status_code == 302, made.content.decode()[-3000:]
    row = Webhook.objects.get()
    assert (row.url, row.actions) == (URL, ["TASKS_CREATED", "RUN_COMPLETED"])
    assert (row.is_active, row.send_for_all_actions) == (True, False)
    assert hooks.headers_of(row) == {"X-A": "b"}
    secret = vault.unseal(row.encrypted_secrets)["new"]
    assert f"Its signing secret, shown only now: {secret}" in said(made)
    page = f"{LIST}{row.pk}/change/"
    shown = desk.get(page).content.decode()
    assert "None yet" in shown
    boxes = re.findall(r"<input[^>]*name=\"actions\"[^>]*>", shown)
    assert len(boxes) == len(ACTIONS)
    ticked = [
        re.findall(r'value="(\w+)"', box)[0] for box in boxes if re.search(r"\schecked[\s>]", box)
    ]
    assert ticked == ["TASKS_CREATED", "RUN_COMPLETED"]
    assert "ast deliveries" not in desk.get(f"{LIST}add/").content.decode()
    assert desk.post(LIST, act("send_test", row.pk)).status_code == 302
    shown = desk.get(page).content.decode()
    assert secret not in shown
    assert "<b>TEST</b> pending" in shown
    Delivery.objects.update(status="Failed")
    assert URL in desk.get(LIST).content.decode()
    assert "Sent again: 1." in said(desk.post(LIST, act("send_failed", row.pk)))
    changed = desk.post(page, {**body, "url": f"{URL}/2", "is_active": ""})
    assert changed.status_code == 302
    row.refresh_from_db()
    assert (row.url, row.is_active) == (f"{URL}/2", False)
    assert desk.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Webhook.objects.exists()
    found = AuditEntry.objects.filter(action__startswith="webhook.")
    assert list(found.order_by("id").values_list("action", flat=True)) == [
        "webhook.created",
        "webhook.changed",
        "webhook.deleted",
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"url": "http://127.0.0.1/"}, "private network"),
        ({"url": "ftp://x"}, "Enter a valid URL."),
        ({"actions": ["PROJECT_CREATED"]}, "organization-only action"),
        ({"headers": '{"Host": "x"}'}, "Host is set by the sender."),
    ],
)
def test_refuses_what_the_api_refuses(
    ada: Caller, body: dict[str, Any], wrong: dict[str, Any], message: str
) -> None:
    refused = desk_of(ada).post(f"{LIST}add/", {**body, **wrong})
    assert refused.status_code == 200
    assert message in refused.content.decode()
    assert not Webhook.objects.exists()


def test_readers_and_strangers_see_none(
    ada: Caller, rita: Caller, olga: Caller, create: Create
) -> None:
    pk = create(ada, URL)["id"]
    reader = desk_of(rita)
    assert reader.get(LIST).status_code == 403
    assert reader.post(LIST, act("send_test", pk)).status_code == 403
    assert reader.get(f"{LIST}{pk}/change/").status_code == 403
    stranger = desk_of(olga)
    assert URL not in stranger.get(LIST).content.decode()
    assert stranger.get(f"{LIST}{pk}/change/").status_code in {302, 404}
    stranger.post(LIST, act("send_test", pk))
    assert not Delivery.objects.exists()


def test_counts_no_further_than_it_says(
    ada: Caller, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_COUNTED", 2)
    webhook = Webhook.objects.get(pk=create(ada, URL)["id"])
    create(ada, f"{URL}/other")
    for n, status in enumerate(["Failed"] * 3 + ["Pending"] * 2 + ["Delivered"]):
        made = deliveries.create_test(webhook, message_id=f"msg_{n}")
        Delivery.objects.filter(pk=made.pk).update(status=status)
    shown = desk_of(ada).get(LIST).content.decode()
    cells = re.findall(r'class="field-(?:waiting|failed)[^>]*>\s*([^<]*?)\s*<', shown)
    assert cells == ["0", "0", "2", "over 2"]
