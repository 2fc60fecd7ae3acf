"""A worker that is asked to stop waits a few seconds for what it has out, and gives it back."""

from collections.abc import Callable

import pytest

from backends.delivery import fanning, sending
from backends.jobs import training
from backends.models import Delivery, Training, Webhook
from predictions_api.jobs import stopping
from tests.backends.conftest import MakeBackend
from tests.backends.scripted import Scripted, slowly
from tests.backends.webhooks.conftest import Receiver
from tests.backends.webhooks.conftest import receiver as receiver
from tests.conftest import Caller

StopOnce = Callable[[Callable[[], bool]], None]


@pytest.fixture
def stop_once(monkeypatch: pytest.MonkeyPatch) -> StopOnce:
    """From now on this process is asked to stop once that is so, and gives little grace."""

    def stop(is_so: Callable[[], bool]) -> None:
        monkeypatch.setattr(stopping, "GRACE_S", 0.05)
        monkeypatch.setattr(stopping.requested, "is_set", is_so)

    return stop


@pytest.mark.django_db(transaction=True)
def test_a_delivery_in_flight_is_left_for_the_next_worker(
    ada: Caller, receiver: Receiver, stop_once: StopOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = ada.client.post("/api/webhooks/", {"url": receiver.url}, format="json").json()
    ada.client.post(f"/api/webhooks/{created['id']}/test/")
    fanning.make_deliveries()
    receiver.may_answer.clear()
    stop_once(lambda: bool(receiver.got))
    sending.send(created["id"], lambda: False)
    assert len(receiver.got) == 1
    [delivery] = Delivery.objects.values("status", "attempts", "log")
    assert delivery == {"status": "Pending", "attempts": 0, "log": []}
    assert Webhook.objects.get().lease_owner is None

    receiver.may_answer.set()
    stop_once(lambda: False)
    monkeypatch.setattr(sending, "STAYS_S", -1.0)
    sending.send(created["id"], lambda: False)
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert Delivery.objects.get().status == "Delivered"


@pytest.mark.django_db(transaction=True)
def test_a_training_in_flight_is_left_for_the_next_worker(
    make_backend: MakeBackend, scripted: Scripted, stop_once: StopOnce
) -> None:
    backend = make_backend()
    training.ask(backend.pk)
    scripted.on("/webhook", slowly(2, lambda _: (201, {})))
    stop_once(lambda: bool(scripted.bodies("/webhook")))
    training.work(backend.pk, lambda: False)
    [row] = Training.objects.values("lease_owner", "attempts", "tries")
    assert row == {"lease_owner": None, "attempts": 0, "tries": 0}

    scripted.on("/webhook", lambda _: (201, {}))
    stop_once(lambda: False)
    training.work(backend.pk, lambda: False)
    assert not Training.objects.exists()
