"""The loop of docs/guides/loop.md, without a person: new tasks, predictions by an ML backend, a
webhook, an evaluation, a verdict. A real worker does the work, and the receiver of the examples
listens.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.db import connection
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
#: What a worker needs to start, and a sweep to come by.
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

    monkeypatch.setattr(
        example, "print", lambda text, **_: lines.extend(str(text).splitlines()), raising=False
    )
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
        server.gates.shutdown()


@pytest.fixture
def worker(transactional_db: None) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py worker` on the database of the test."""
    at = connection.settings_dict
    place = f"postgres://{at['USER']}@/{at['NAME']}?host={at['HOST']}&port={at['PORT']}"
    environment = {
        **os.environ,
        "DATABASE_URL": place,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "ALLOW_PRIVATE_URLS": "true",
    }
    command = [sys.executable, "manage.py", "worker", "--interval=0.1"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True) as process:
        yield process
        process.terminate()


@pytest.mark.parametrize(("least", "verdict"), [("0.5", "good"), ("0.9", "worse")])
@pytest.mark.slow
def test_from_new_tasks_to_a_verdict(
    listen: Start, worker: subprocess.Popen[bytes], ada: Caller, create: Create,
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

    until(lambda: f"gate of v1: {verdict}" in lines, within_s=WITHIN_S)
    until(lambda: not Delivery.objects.filter(status="Pending").exists(), within_s=WITHIN_S)
    job = PredictionJob.objects.get()
    assert (job.status, job.done_tasks, job.is_automatic) == ("Completed", 4, True)
    assert Prediction.objects.filter(model_version="v1").count() == 4
    made = ModelEval.objects.get()
    assert (made.project_id, made.model_version, made.status) == (project.pk, "v1", "done")
    assert lines[0] == actions[0]
    assert actions[1] in lines
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
