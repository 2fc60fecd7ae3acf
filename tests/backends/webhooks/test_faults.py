"""What receivers do wrong, and that it costs no other one."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from backends.delivery import fanning, tasks
from backends.models import Delivery
from predictions_api.jobs import sharing, stopping
from predictions_api.outbound.events import payloads
from tests.backends.webhooks.conftest import Create, Receiver
from tests.conftest import Caller, MakeTask
from tests.prompts.crew import until


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_hangs_delays_no_other(
    ada: Caller, create: Create, receiver: Receiver, make_task: MakeTask, project: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = create(ada, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        create(ada, receiver.url)
        ids = [make_task(ada, project) for _ in range(5)]
        fanning.make_deliveries()
        monkeypatch.setattr(stopping, "GRACE_S", 0.05)
        stops = threading.Event()
        monkeypatch.setattr(stopping.requested, "is_set", stops.is_set)

        def work() -> None:
            sharing.work(tasks.EVENTS, 0)
            connections.close_all()

        worker = threading.Thread(target=work)
        worker.start()
        try:
            held, _ = silent.accept()
            with held:
                until(lambda: len(receiver.got) == len(ids))
                stops.set()
                worker.join()
        finally:
            stops.set()
            worker.join()
    assert [one.body["tasks"][0]["id"] for one in receiver.got] == ids
    waiting = Delivery.objects.filter(webhook_id=hanging["id"])
    assert set(waiting.values_list("status", "attempts")) == {("Pending", 0)}


def test_no_certificate_and_an_answer_without_an_end(
    ada: Caller, create: Create, receiver: Receiver, work: Callable[[], None]
) -> None:
    plain = create(ada, receiver.url.replace("http:", "https:"))
    ada.client.post(f"/api/webhooks/{plain['id']}/test/")
    work()
    [shown] = ada.client.get(f"/api/webhooks/{plain['id']}/deliveries/").json()
    assert (shown["status"], shown["last_status_code"]) == ("Pending", None)
    assert shown["last_error"].startswith("ConnectError")

    receiver.body = b"\0" + b"x" * 1_000_000
    long = create(ada, receiver.url)
    ada.client.post(f"/api/webhooks/{long['id']}/test/")
    work()
    path = f"/api/webhooks/{long['id']}/deliveries/"
    [shown] = ada.client.get(path).json()
    assert shown["status"] == "Delivered"
    [entry] = ada.client.get(f"{path}{shown['id']}/").json()["log"]
    assert entry["response_body"] == "\ufffd" + "x" * 999


def test_a_statement_that_is_refused_keeps_no_other_event_waiting(
    ada: Caller, create: Create, receiver: Receiver, work: Callable[[], None], task: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    create(ada, receiver.url)

    def refused(told: payloads.Told) -> Iterator[payloads.Document]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        yield {}

    monkeypatch.setitem(payloads._payloads, "ANNOTATION_CREATED", refused)
    path = f"/api/tasks/{task}/annotations/"
    made = ada.client.post(path, {"result": []}, format="json").json()
    ada.client.delete(f"/api/annotations/{made['id']}/")
    work()
    assert receiver.actions == ["ANNOTATION_CREATED", "ANNOTATIONS_DELETED"]
    assert receiver.got[0].body == {"action": "ANNOTATION_CREATED"}


def test_a_retry_after_a_rotation_is_signed_by_both(
    ada: Caller, create: Create, receiver: Receiver, work: Callable[[], None]
) -> None:
    hook = create(ada, receiver.url)
    receiver.status = 500
    ada.client.post(f"/api/webhooks/{hook['id']}/test/")
    work()
    ada.client.post(f"/api/webhooks/{hook['id']}/rotate-secret/")
    receiver.status = 200
    Delivery.objects.update(next_attempt_at=timezone.now())
    work()
    signatures = [one.headers["webhook-signature"].split() for one in receiver.got]
    assert [len(found) for found in signatures] == [1, 2]
