"""Deliveries: order, signatures, what each answer leads to, and their routes."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from backends.db.webhooks import outgoing
from backends.delivery import attempts, fanning, sending, state, tasks
from backends.models import Delivery, Payload, Webhook
from predictions_api.jobs.leases import LeaseLost
from predictions_api.outbound.events.models import Event
from tests.backends.webhooks.conftest import Create, Receiver
from tests.conftest import A_MOMENT, Caller, MakeTask, assert_invalid

Work = Callable[[], None]


@pytest.fixture
def hook(ada: Caller, create: Create, receiver: Receiver) -> dict[str, Any]:
    """A webhook of Ada's whole workspace, for all actions."""
    return create(ada, receiver.url)


def path(hook: dict[str, Any], tail: str = "") -> str:
    return f"/api/webhooks/{hook['id']}/{tail}"


def listed(ada: Caller, hook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ada.client.get(path(hook, f"deliveries/{query}")).json()
    return found


def make_due() -> None:
    """As if the time had come."""
    Delivery.objects.update(next_attempt_at=timezone.now())
    Webhook.objects.update(paused_until=None)


def test_a_delivery_is_signed_and_listed(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    secret = "whsec_" + "QUJD" * 8
    headers = {"X-Custom": "é", "Content-Type": "application/x-own"}
    body = {"signing_secret": secret, "headers": headers}
    ada.client.patch(path(hook), body, format="json")
    receiver.body = b"thank you\0" + b"." * 2000
    made = ada.client.post(path(hook, "test/"))
    assert made.status_code == 202
    waiting = made.json()
    work()
    (got,) = receiver.got
    sent = {name.lower(): value for name, value in got.headers.items()}
    # The secret that was replaced signs for a day, too.
    for key in (secret, hook["signing_secret"]):
        assert Verifier(key).verify(got.raw, sent) == {"action": "TEST"}
    assert len(sent["webhook-signature"].split()) == 2
    assert sent["content-type"] == "application/x-own"
    assert sent["x-custom"].encode("latin-1").decode() == "é"
    assert sent["user-agent"] == attempts.USER_AGENT
    delivered = {
        "id": waiting["id"],
        "action": "TEST",
        "status": "Delivered",
        "attempts": 1,
        "created_at": A_MOMENT,
        "next_attempt_at": None,
        "delivered_at": A_MOMENT,
        "last_status_code": 200,
        "last_error": None,
    }
    assert waiting == {
        **delivered,
        "status": "Pending",
        "attempts": 0,
        "next_attempt_at": A_MOMENT,
        "delivered_at": None,
        "last_status_code": None,
    }
    assert listed(ada, hook) == [delivered]
    one = ada.client.get(path(hook, f"deliveries/{waiting['id']}/")).json()
    log = [
        {
            "at": A_MOMENT,
            "status_code": 200,
            "error": None,
            "duration_ms": one["log"][0]["duration_ms"],
            "response_body": "thank you\ufffd" + "." * 990,
        }
    ]
    assert one == {**delivered, "payload": {"action": "TEST"}, "log": log}
    assert list(one) == [*delivered, "payload", "log"]


def test_rotating_gives_a_secret_and_a_day(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    rotated = ada.client.post(path(hook, "rotate-secret/"))
    assert rotated.status_code == 200
    assert rotated.json() == {
        "signing_secret": rotated.json()["signing_secret"],
        "old_secret_expires_at": A_MOMENT,
    }
    Webhook.objects.update(old_secret_expires_at=timezone.now())
    ada.client.post(path(hook, "test/"))
    work()
    sent = {name.lower(): value for name, value in receiver.got[0].headers.items()}
    assert len(sent["webhook-signature"].split()) == 1
    assert Verifier(rotated.json()["signing_secret"]).verify(receiver.got[0].raw, sent)


def test_deliveries_go_out_in_order(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work, make_task: MakeTask,
    project: Any,
) -> None:  # fmt: skip
    ids = [make_task(ada, project) for _ in range(60)]
    work()
    told = [one.body["tasks"][0]["id"] for one in receiver.got if "tasks" in one.body]
    assert told == ids
    shown = listed(ada, hook, "?limit=2&status=Delivered&action=TASKS_CREATED")
    assert [one["action"] for one in shown] == ["TASKS_CREATED"] * 2
    older = listed(ada, hook, f"?after={shown[-1]['id']}&limit=1")
    assert older[0]["id"] < shown[-1]["id"] < shown[0]["id"]
    assert len({one.headers["webhook-id"] for one in receiver.got}) == len(receiver.got)


ANSWERS: list[tuple[dict[str, Any], int | None, str]] = [
    ({"status": 500}, 500, "Answered 500."),
    ({"status": 404}, 404, "Answered 404."),
    (
        {"status": 302, "headers": {"Location": "/elsewhere"}},
        302,
        "Answered 302: redirects are not followed.",
    ),
    ({"hangs_up": True}, None, "RemoteProtocolError"),
]


@pytest.mark.parametrize(("answer", "code", "error"), ANSWERS)
def test_what_fails_is_tried_again(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work,
    answer: dict[str, Any], code: int | None, error: str,
) -> None:  # fmt: skip
    for name, value in answer.items():
        setattr(receiver, name, value)
    ada.client.post(path(hook, "test/"))
    before = timezone.now()
    work()
    (shown,) = listed(ada, hook)
    assert (shown["status"], shown["attempts"], shown["last_status_code"]) == ("Pending", 1, code)
    assert shown["last_error"].startswith(error)
    waits = (Delivery.objects.get().next_attempt_at or before) - before
    assert 5 <= waits.total_seconds() < 5 * 1.2 + 1
    assert len(receiver.got) == 1
    assert ada.client.get(path(hook)).json()["consecutive_failures"] == 1
    receiver.status, receiver.hangs_up = 204, False
    make_due()
    work()
    assert [one.headers["webhook-id"] for one in receiver.got] == [
        receiver.got[0].headers["webhook-id"]
    ] * 2
    assert listed(ada, hook)[0]["status"] == "Delivered"
    assert ada.client.get(path(hook)).json()["consecutive_failures"] == 0


def test_an_answer_that_comes_too_late_has_failed(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work, settings: Any
) -> None:
    settings.WEBHOOK_TIMEOUT_S = 0.2
    receiver.may_answer.clear()
    ada.client.post(path(hook, "test/"))
    work()
    (shown,) = listed(ada, hook)
    assert (shown["status"], shown["last_error"]) == ("Pending", "No whole answer within 0.2 s.")


def test_nobody_there_and_addresses_that_became_private(
    ada: Caller, hook: dict[str, Any], work: Work, settings: Any
) -> None:
    wanted = {
        "http://127.0.0.1:1/": "ConnectError",
        "http://nowhere.invalid/": "Unresolved",
    }
    for url, error in wanted.items():
        Webhook.objects.update(url=url, consecutive_failures=0)
        ada.client.post(path(hook, "test/"))
        work()
        assert listed(ada, hook, "?limit=1")[0]["last_error"].startswith(error)
    settings.ALLOW_PRIVATE_URLS = False
    Webhook.objects.update(url="http://127.0.0.1:1/", consecutive_failures=0)
    ada.client.post(path(hook, "test/"))
    work()
    assert listed(ada, hook, "?limit=1")[0]["last_error"] == "Blocked"


@pytest.mark.parametrize(
    ("status", "asked", "least", "most"),
    [
        (503, "60", 60, 61),
        (429, "999999", 86_400, 86_401),
        (503, "Wed, 21 Oct 2015 07:28:00 GMT", 5, 7),
        (500, "60", 5, 7),
        (503, "soon", 5, 7),
    ],
)
def test_retry_after(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work,
    status: int, asked: str, least: float, most: float,
) -> None:  # fmt: skip
    receiver.status, receiver.headers = status, {"Retry-After": asked}
    ada.client.post(path(hook, "test/"))
    before = timezone.now()
    work()
    waits = (Delivery.objects.get().next_attempt_at or before) - before
    assert least <= waits.total_seconds() < most + 1


def test_after_the_last_attempt_it_has_failed(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    receiver.status = 500
    ada.client.post(path(hook, "test/"))
    delays = configured.WEBHOOK_RETRY_DELAYS_S
    for _ in range(len(delays)):
        work()
        make_due()
    assert listed(ada, hook)[0]["status"] == "Pending"
    work()
    (shown,) = listed(ada, hook)
    assert (shown["status"], shown["attempts"], shown["next_attempt_at"]) == ("Failed", 10, None)
    # By hand it gets all its attempts again, under the id it has.
    receiver.status = 200
    made = ada.client.post(path(hook, f"deliveries/{shown['id']}/redeliver/"))
    assert (made.status_code, made.json()["status"], made.json()["attempts"]) == (202, "Pending", 0)
    make_due()
    work()
    assert listed(ada, hook)[0]["status"] == "Delivered"
    assert {one.headers["webhook-id"] for one in receiver.got} == {
        receiver.got[0].headers["webhook-id"]
    }


def test_redelivers_all_that_failed(ada: Caller, hook: dict[str, Any]) -> None:
    for _ in range(3):
        ada.client.post(path(hook, "test/"))
    first, second, third = Delivery.objects.order_by("id")
    Delivery.objects.filter(pk__in=[first.pk, second.pk]).update(status="Failed")
    Delivery.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(days=2))
    body = {"status": "Failed", "since": (timezone.now() - timedelta(days=1)).isoformat()}
    again = ada.client.post(path(hook, "redeliver/"), body, format="json")
    assert (again.status_code, again.json()) == (202, {"redelivered": 1})
    again = ada.client.post(path(hook, "redeliver/"), {"status": "Failed"}, format="json")
    assert again.json() == {"redelivered": 1}
    assert_invalid(
        ada.client.post(path(hook, "redeliver/"), {"status": "Pending"}, format="json"),
        {"status": ['"Pending" is not a valid choice.']},
    )
    assert_invalid(
        ada.client.post(path(hook, "redeliver/"), {"status": "Failed", "from": "x"}, format="json"),
        {"from": ["There is no such field: leave it out."]},
    )
    assert third.status == "Pending"


def test_gone_switches_it_off(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work, task: int
) -> None:
    receiver.status = 410
    work()
    shown = ada.client.get(path(hook)).json()
    assert (shown["is_active"], shown["disabled_reason"]) == (False, "gone")
    assert [one["status"] for one in listed(ada, hook)] == ["Pending", "Failed"]


def test_a_receiver_that_is_down_is_probed_and_then_gets_everything(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work, project: Any,
    make_task: MakeTask,
) -> None:  # fmt: skip
    work()
    receiver.got.clear()
    receiver.status = 500
    ids = [make_task(ada, project) for _ in range(6)]
    work()
    assert len(receiver.got) == state.DOWN_AFTER
    work()
    assert len(receiver.got) == state.DOWN_AFTER
    # Half a minute later the oldest that is due.
    Webhook.objects.update(paused_until=None)
    work()
    assert receiver.got[3].body["tasks"][0]["id"] == ids[3]
    assert len(receiver.got) == state.DOWN_AFTER + 1
    receiver.status = 200
    receiver.got.clear()
    Webhook.objects.update(paused_until=None)
    work()
    told = [one.body["tasks"][0]["id"] for one in receiver.got]
    # One probe, and with its success what waits, in order.
    assert told == [ids[4], *ids[:4], ids[5]]


def test_after_five_days_of_failures_it_is_switched_off(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work, project: Any,
    make_task: MakeTask,
) -> None:  # fmt: skip
    work()
    receiver.got.clear()
    receiver.status = 500
    task = make_task(ada, project)
    five_days = timedelta(seconds=configured.WEBHOOK_DISABLE_AFTER_S)
    Webhook.objects.update(failing_since=timezone.now() - five_days, consecutive_failures=50)
    work()
    shown = ada.client.get(path(hook)).json()
    assert (shown["is_active"], shown["disabled_reason"]) == (False, "failing")
    make_due()
    work()
    assert len(receiver.got) == 1
    make_task(ada, project)
    assert not Event.objects.exists()  # it listens no more
    receiver.status = 200
    ada.client.patch(path(hook), {"is_active": True}, format="json")
    work()
    assert receiver.got[1].body["tasks"][0]["id"] == task
    assert listed(ada, hook)[0]["status"] == "Delivered"


def test_switched_off_its_deliveries_wait_but_tests_go(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work, task: int
) -> None:
    ada.client.patch(path(hook), {"is_active": False}, format="json")
    work()
    assert not receiver.got
    ada.client.post(path(hook, "test/"))
    work()
    assert receiver.actions == ["TEST"]
    body = {"is_active": True, "url": f"{receiver.url}/moved", "headers": {"X-New": "1"}}
    ada.client.patch(path(hook), body, format="json")
    work()
    assert receiver.actions[1:] == ["PROJECT_CREATED", "TASKS_CREATED"]
    assert (receiver.got[1].path, receiver.got[1].headers["X-New"]) == ("/moved", "1")


def test_a_killed_worker_costs_its_lease(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    ada.client.post(path(hook, "test/"))
    killed = state.sender()
    assert state.claim(hook["id"], killed)
    assert not outgoing.busy().exists()
    sending.send(hook["id"], lambda: False)
    assert not receiver.got
    Webhook.objects.update(lease_until=timezone.now())
    work()
    assert receiver.actions == ["TEST"]
    # What the killed one would have written is not written.
    lane = sending.Lane(Webhook.objects.get(), killed, None, None)  # type: ignore[arg-type]
    with pytest.raises(LeaseLost):
        lane.note(None)


def test_an_event_that_cannot_be_told_keeps_no_other_waiting(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Work, task: int
) -> None:
    event = Event.objects.order_by("id")[0]
    Event.objects.filter(pk=event.pk).update(action="UNKNOWN")
    work()
    assert receiver.actions == ["UNKNOWN", "TASKS_CREATED"]


def test_old_ones_are_deleted(
    ada: Caller, hook: dict[str, Any], work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        ada.client.post(path(hook, "test/"))
    now = timezone.now()
    ages = {"Delivered": (6, 8), "Failed": (29, 31)}
    rows = iter(Delivery.objects.order_by("id"))
    for status, days in ages.items():
        for age in days:
            then = now - timedelta(days=age)
            row = next(rows)
            Delivery.objects.filter(pk=row.pk).update(status=status, ended_at=then)
            Payload.objects.filter(pk=row.payload_id).update(created_at=then)
    monkeypatch.setattr(tasks, "_purged_at", -tasks.PURGES_EVERY_S)
    assert tasks.purge() == 2
    left = Delivery.objects.order_by("id").values_list("status", flat=True)
    assert list(left) == ["Delivered", "Failed"]
    assert Payload.objects.count() == 2
    assert tasks.purge() == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_and_one_that_hangs(
    ada: Caller, create: Create, receiver: Receiver, make_task: MakeTask, project: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Each delivery is attempted by one; who makes deliveries makes them alone."""
    from django.db import connections, transaction

    monkeypatch.setattr(sending, "STAYS_S", -1.0)
    hook = create(ada, receiver.url)
    ids = [make_task(ada, project) for _ in range(30)]
    with transaction.atomic():
        assert outgoing.lock()
        told: list[int | None] = []

        def tell() -> None:
            told.append(fanning.make_deliveries())
            connections.close_all()

        other = threading.Thread(target=tell)
        other.start()
        other.join()
        assert told == [None]
    assert fanning.make_deliveries() == 30
    assert fanning.make_deliveries() == 0

    def send() -> None:
        sending.send(hook["id"], lambda: False)
        connections.close_all()

    crew = [threading.Thread(target=send) for _ in range(3)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    assert [one.body["tasks"][0]["id"] for one in receiver.got] == ids
