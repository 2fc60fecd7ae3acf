"""The loop of docs/guides/loop.md, without a person: new tasks, predictions by an ML backend, a
webhook, an evaluation, a verdict. The worker's command does the work, and the receiver of the
examples listens.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from backends.models import Delivery, PredictionJob
from evals.models import ModelEval
from examples.webhook_receiver import receiver as example
from predictions.models import Prediction, Project
from tests.backends.scripted import Scripted
from tests.backends.webhooks.conftest import Create
from tests.conftest import TEXT_CONFIG, Caller
from tests.prompts.crew import ROOT, until

SECRET = "whsec_" + "QUJD" * 8
GATE = f"{sys.executable} {ROOT / 'examples' / 'ci_gate' / 'gate.py'} --score-limit"
WITHIN_S = 120.0

Start = Callable[[str], tuple[str, list[str]]]


@pytest.fixture
def listen(
    transactional_db: None, live_server: LiveServer, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Starts the receiver with a gate; its address, and the lines that it prints."""
    servers: list[example.Receiver] = []
    lines: list[str] = []

    def start(gate: str) -> tuple[str, list[str]]:
        store = example.Store(live_server.url, ada.key)
        servers.append(example.Receiver(0, store, SECRET, gate))
        threading.Thread(target=servers[-1].serve_forever, args=[0.01], daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}", lines

    def note(*texts: object, **_: Any) -> None:
        lines.extend(" ".join(map(str, texts)).splitlines())

    monkeypatch.setattr(example, "print", note, raising=False)
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
        server.gates.shutdown()


@pytest.mark.parametrize(("least", "verdict"), [("0.5", "good"), ("0.9", "worse")])
@pytest.mark.slow
def test_from_new_tasks_to_a_verdict(
    listen: Start, ada: Caller, create: Create,
    make_project: Any, scripted: Scripted, url: str, least: str, verdict: str,
) -> None:  # fmt: skip
    address, lines = listen(f"{GATE} {least}")
    project: Project = make_project(ada, TEXT_CONFIG, title="Reviews")
    path = f"/api/projects/{project.pk}/"
    ada.client.patch(path, {"evaluate_predictions_automatically": True}, format="json")
    backend = {"project": project.pk, "url": url, "title": "moods"}
    assert ada.client.post("/api/ml/", backend, format="json").status_code == 201
    actions = ["PREDICTION_JOB_COMPLETED", "EVALUATION_COMPLETED"]
    hook = create(
        ada, address, signing_secret=SECRET, send_for_all_actions=False, actions=actions,
        project=project.pk,
    )  # fmt: skip
    # One of four is not what the model says.
    truths = {"good": "pos", "so good": "pos", "bad": "neg", "good grief": "neg"}
    tasks = [
        {"data": {"text": text}, "meta": {"split": "test"}, "annotations": [truth(label)]}
        for text, label in truths.items()
    ]
    assert ada.client.post(f"{path}import", tasks, format="json").status_code == 201

    def is_over() -> bool:
        call_command("worker", once=True, verbosity=0)
        return f"gate of v1: {verdict}" in lines and actions[1] in lines

    until(is_over, within_s=WITHIN_S)
    assert not Delivery.objects.exclude(status="Delivered").exists()
    job = PredictionJob.objects.get()
    assert (job.status, job.done_tasks, job.is_automatic) == ("Completed", 4, True)
    assert Prediction.objects.filter(model_version="v1").count() == 4
    made = ModelEval.objects.get()
    assert (made.project_id, made.model_version, made.status) == (project.pk, "v1", "done")
    assert lines[0] == actions[0]
    assert f"{made.eval_id} done: accuracy 0.75" in lines
    delivered = ada.client.get(f"/api/webhooks/{hook['id']}/deliveries/?status=Delivered").json()
    assert {one["action"] for one in delivered} == set(actions)


def truth(label: str) -> dict[str, Any]:
    choice = {"from_name": "sentiment", "to_name": "text", "type": "choices"}
    return {"ground_truth": True, "result": [{**choice, "value": {"choices": [label]}}]}


def test_nobody_else_is_believed(listen: Start) -> None:
    address, lines = listen("")
    unsigned = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    for headers in ({}, unsigned):
        answer = httpx.post(address, json={"action": "TEST"}, headers=headers)
        assert answer.status_code == 401
    assert lines == []
