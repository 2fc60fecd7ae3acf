"""Prompts of Ada's, a stand-in model to ask, and runs that a worker would execute."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from predictions.db import annotations
from predictions.imports import tasks as task_import
from predictions.models import Project
from predictions_api.outbound import vault
from prompts.db import prompts
from prompts.models import ModelRun, Prompt, PromptVersion, ProviderConnection
from prompts.runs import start
from tests.conftest import TEXT_CONFIG, Caller, MakeProject

STAND_IN = Path(__file__).with_name("stand_in_model.py")


class Model:
    """A running stand-in model."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    @property
    def endpoint(self) -> str:
        return f"{self.address}/v1"

    def control(self, **control: Any) -> None:
        request = urllib.request.Request(
            f"{self.address}/control", json.dumps(control).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=5).close()

    def counts(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.address}/counts", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


def start_model(latency_ms: float = 0.0) -> tuple[subprocess.Popen[str], Model]:
    process = subprocess.Popen(
        [sys.executable, str(STAND_IN), "--latency-ms", str(latency_ms)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Model(int(process.stdout.readline()))


@pytest.fixture(scope="session")
def model_server() -> Iterator[Model]:
    process, model = start_model()
    yield model
    process.terminate()
    process.communicate()


@pytest.fixture
def model(model_server: Model, settings: Any) -> Model:
    """The stand-in model, as new; the engine may call it and does not wait long."""
    model_server.control(reset=True, latency_s=0.0)
    settings.ALLOW_PRIVATE_URLS = True
    settings.PROVIDER_BACKOFF_S = 0.01
    settings.PROVIDER_TIMEOUT_S = 2.0
    return model_server


@pytest.fixture
def text_project(ada: Caller, make_project: MakeProject) -> Project:
    """Ada's project of texts with a sentiment."""
    return make_project(ada, TEXT_CONFIG, title="Reviews")


MakeTasks = Callable[..., list[int]]


@pytest.fixture
def make_tasks(ada: Caller) -> MakeTasks:
    def make(project: Project, *texts: str) -> list[int]:
        items = [{"data": {"text": text}} for text in texts]
        ids: list[int] = task_import.store(project, items, ada.access)["task_ids"]
        return ids

    return make


@pytest.fixture
def truth(ada: Caller) -> Callable[[int, str], None]:
    """Marks what a task truly is."""

    def annotate(task_id: int, sentiment: str) -> None:
        region = {
            "id": "t",
            "from_name": "sentiment",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": [sentiment]},
        }
        annotations.create_annotation(
            task_id, {"result": [region], "ground_truth": True}, ada.access
        )

    return annotate


@pytest.fixture
def connection_row(ada: Caller) -> ProviderConnection:
    """A connection to nowhere."""
    return ProviderConnection.objects.create(
        workspace=ada.workspace,
        provider="Custom",
        endpoint="http://127.0.0.1:9/v1",
        encrypted_secrets=vault.seal({"api_key": "sk-secret-123"}),
    )


@pytest.fixture
def model_connection(connection_row: ProviderConnection, model: Model) -> ProviderConnection:
    """A connection to the stand-in model."""
    connection_row.endpoint = model.endpoint
    connection_row.save()
    return connection_row


@pytest.fixture
def prompt(ada: Caller, text_project: Project) -> Prompt:
    return prompts.create_prompt(
        {"title": "Moods", "associated_projects": [text_project.pk]}, ada.access
    )


MakeVersion = Callable[..., PromptVersion]


@pytest.fixture
def make_version(ada: Caller, prompt: Prompt) -> MakeVersion:
    def make(**values: Any) -> PromptVersion:
        values = {
            "title": "v1",
            "prompt": "Which mood has this review? {text}",
            "provider_model_id": "stand-in",
            **values,
        }
        return prompts.create_version(prompt, values, ada.access)

    return make


@pytest.fixture
def version(make_version: MakeVersion) -> PromptVersion:
    """A version that an outside engine executes."""
    return make_version()


@pytest.fixture
def our_version(make_version: MakeVersion, model_connection: ProviderConnection) -> PromptVersion:
    """A version that our worker executes, on the stand-in model."""
    return make_version(model_provider_connection_id=model_connection.pk, provider="Custom")


MakeRun = Callable[..., ModelRun]


@pytest.fixture
def make_run(ada: Caller, text_project: Project) -> MakeRun:
    def make(version: PromptVersion, **values: Any) -> ModelRun:
        values = {"project_id": text_project.pk, "project_subset": "All", **values}
        return start.create(values, version, ada.access)

    return make


def path_of(version: PromptVersion) -> str:
    return f"/api/prompts/{version.parent_model_id}/versions/{version.pk}"
