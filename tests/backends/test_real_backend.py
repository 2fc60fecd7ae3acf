"""A backend made with the `label-studio-ml` package, as its users make one, asked and stored.

The package pins a web framework of 2020, so it has an environment of its own, of what
tests/contract/label-studio-ml-1.0.9.txt pins, as `.ci/run` prepares one; where there is none the
test says so and is skipped.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from label_studio_sdk import LabelStudio
from pytest_django.live_server_helper import LiveServer

from backends.jobs import executor, training
from backends.models import Endpoint, PredictionJob
from predictions.models import Prediction, Project
from tests.backends.conftest import MakeTasks
from tests.conftest import Caller
from tests.prompts.crew import until

PYTHON = os.environ.get("LABEL_STUDIO_ML_PYTHON", "")
EXAMPLE = Path(__file__).parents[2] / "examples" / "ml_backend" / "keywords.py"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not PYTHON,
        reason="LABEL_STUDIO_ML_PYTHON names no python with label-studio-ml==1.0.9, redis, rq",
    ),
]


@pytest.fixture
def real_backend(tmp_path: Path) -> Iterator[str]:
    """Its address, once it accepts connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [PYTHON, str(EXAMPLE), str(port)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def accepts() -> bool:
        assert process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(accepts)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_it_is_registered_asked_and_trained(
    ada: Caller,
    text_project: Project,
    make_tasks: MakeTasks,
    real_backend: str,
    live_server: LiveServer,
    settings: Any,
) -> None:
    settings.ALLOW_PRIVATE_URLS = True
    make_tasks(text_project, "good soup", "sad song")
    with httpx.Client() as http:
        client = LabelStudio(base_url=live_server.url, api_key=ada.key, httpx_client=http)
        be_registered_asked_and_trained(client, text_project, real_backend)


def be_registered_asked_and_trained(
    client: LabelStudio, text_project: Project, real_backend: str
) -> None:
    made = client.ml.create(project=text_project.pk, url=real_backend, is_interactive=True)
    assert (made.state, made.model_version) == ("CO", "INITIAL")
    for n_asked in (2, 0):
        client.ml.predict_all_tasks(id=made.id)
        job = PredictionJob.objects.latest("id")
        executor.execute(job.pk)
        job.refresh_from_db()
        # It names another version than its set-up, and is not asked again all the same.
        assert (job.status, job.done_tasks, job.skipped_tasks) == (
            "Completed",
            n_asked,
            2 - n_asked,
        )
    stored = Prediction.objects.order_by("task_id")
    assert [(p.model_version, p.result[0]["value"]["choices"]) for p in stored] == [
        ("keywords-1", ["pos"]),
        ("keywords-1", ["neg"]),
    ]
    assert client.ml.list_model_versions(id=str(made.id)).versions == ["INITIAL"]
    client.ml.train(id=made.id)
    training.work(made.id, lambda: False)
    assert Endpoint.objects.get().state == "CO"
