"""The receiver of the examples: it believes what is signed, and evaluates what jobs predicted."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from backends.db.webhooks import hooks
from evals.models import ModelEval
from examples.webhook_receiver import receiver as example
from predictions.models import Project
from predictions_api.outbound.events import recording
from tests.backends.webhooks.conftest import Create
from tests.conftest import Caller

SECRET = "whsec_" + "QUJD" * 8


@pytest.fixture
def running(
    transactional_db: None, live_server: LiveServer, ada: Caller, settings: Any
) -> Iterator[example.Receiver]:
    settings.ALLOW_PRIVATE_URLS = True
    server = example.Receiver(0, example.Store(live_server.url, ada.key), SECRET)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_what_a_finished_job_predicted_is_evaluated(
    running: example.Receiver, ada: Caller, project: Project, create: Create,
    work: Callable[[], None], make_prediction: Any, make_annotation: Any, task: int,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    url = f"http://127.0.0.1:{running.server_port}"
    make_prediction(ada, task, model_version="v")
    make_annotation(ada, task, ground_truth=True)
    hook = create(ada, url, signing_secret=SECRET)
    job = {"status": "Completed", "model_version": "v"}
    monkeypatch.setitem(
        example_payloads(), "PREDICTION_JOB_COMPLETED",
        lambda told: iter([{"prediction_job": job, "project": {"id": told.project_id}}]),
    )  # fmt: skip
    recording.record(
        "PREDICTION_JOB_COMPLETED", workspace_id=ada.workspace.pk, project_id=project.pk, body={}
    )
    work()
    made = ModelEval.objects.get()
    assert (made.project_id, made.model_version) == (project.pk, "v")
    assert capsys.readouterr().out == f"PREDICTION_JOB_COMPLETED\nevaluating v: {made.eval_id}\n"
    assert hooks.webhooks(ada.workspace.pk).get(pk=hook["id"]).consecutive_failures == 0
    # Nobody else is believed.
    assert httpx.post(url, json={"action": "TEST"}, headers={"webhook-id": "x"}).status_code == 401


def example_payloads() -> dict[str, Any]:
    from predictions_api.outbound.events import payloads

    return payloads._payloads
