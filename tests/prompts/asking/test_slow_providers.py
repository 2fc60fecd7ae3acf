"""A provider that sends a byte now and then holds nobody up for longer than an answer may take."""

import http.client
import json
import select
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils import timezone

from predictions_api.http.errors import envelope
from prompts.asking import providers
from prompts.db import trials
from prompts.models import PromptVersion, ProviderConnection, Trial
from tests.conftest import TEXT_CONFIG, Caller
from tests.house.serving import Server, running
from tests.prompts.conftest import MakeTasks, Model, path_of, start_model
from tests.prompts.crew import until

pytestmark = pytest.mark.slow

N_TRIALS = 24
# Half of the server's threads.
N_ASKED = 2
TIMEOUT_S = 60
MESSAGES = [{"role": "user", "content": "good"}]


@pytest.mark.django_db
def test_a_whole_answer_has_its_time(
    model_connection: ProviderConnection, model: Model, settings: Any
) -> None:
    settings.PROVIDER_TIMEOUT_S = 0.5
    model.control(mode="trickle")
    for within_s in (None, 0.3):
        with pytest.raises(providers.Temporary) as raised:
            providers.ask_once(model_connection, model="m", messages=MESSAGES, within_s=within_s)
        assert raised.value.kind == "APITimeoutError"
        assert str(raised.value) == f"No answer within {within_s or 0.5} s."


@pytest.mark.django_db
def test_an_answer_that_nobody_waits_for_is_not_waited_for(
    model_connection: ProviderConnection, model: Model
) -> None:
    model.control(mode="trickle")
    with pytest.raises(providers.Temporary) as raised:
        providers.ask_once(model_connection, model="m", messages=MESSAGES, is_unwanted=lambda: True)
    assert raised.value.kind == "Abandoned"


@pytest.fixture
def tried(
    ada: Caller, our_version: PromptVersion, make_tasks: MakeTasks, text_project: Any
) -> Callable[[], Any]:
    """The answer to a try of a task."""
    [task] = make_tasks(text_project, "good")
    return lambda: ada.client.post(f"{path_of(our_version)}/try-task", {"task": task}, "json")


@pytest.mark.django_db
def test_a_workspace_tries_a_few_tasks_at_once(
    ada: Caller, tried: Callable[[], Any], model: Model, settings: Any
) -> None:
    settings.TRIALS_AT_ONCE = 1
    assert tried().status_code == 200
    with trials.one_more(ada.workspace.pk):
        refused = tried()
    expected = envelope(429, trials.TooManyTrials.default_detail)
    assert (refused.status_code, refused["Retry-After"]) == (429, "5")
    assert refused.json() == {**expected, "id": refused.json()["id"]}
    assert model.counts()["requests"] == 1
    # Of a process that was killed.
    Trial.objects.create(workspace=ada.workspace, lease_until=timezone.now() - timedelta(seconds=1))
    assert tried().status_code == 200
    assert not Trial.objects.exists()


@pytest.mark.django_db
def test_a_refinement_that_is_waited_for_counts_too(
    ada: Caller, our_version: PromptVersion, text_project: Any, settings: Any
) -> None:
    settings.TRIALS_AT_ONCE = 1
    values = {
        "project_id": text_project.pk,
        "teacher_model_name": "teacher",
        "teacher_model_provider_connection_id": our_version.model_provider_connection_id,
    }
    with trials.one_more(ada.workspace.pk):
        refused = ada.client.post(f"{path_of(our_version)}/refine", values, format="json")
        later = ada.client.post(f"{path_of(our_version)}/refine?async=true", values, format="json")
    assert (refused.status_code, later.status_code) == (429, 201)


@pytest.fixture
def trickling() -> Iterator[Model]:
    process, model = start_model()
    model.control(mode="trickle")
    yield model
    process.terminate()
    process.communicate()


def test_the_web_server_answers_while_tries_wait(tmp_path: Path, trickling: Model) -> None:
    with running(tmp_path, ALLOW_PRIVATE_URLS="true", WEB_THREADS="4") as server:
        email = ("--email", "ada@example.com")
        key = server.manage(
            "token", "create", *email, "--workspace", "lab", "--create-workspace", "--role=owner"
        )
        other_key = server.manage(
            "token", "create", *email, "--workspace", "other", "--create-workspace", "--role=owner"
        )
        ask = Asking(server, key)
        url = ask.version_url(trickling)
        with ExitStack() as opened:
            trying = []
            for _ in range(N_TRIALS):
                connection = http.client.HTTPConnection("127.0.0.1", server.port, TIMEOUT_S)
                opened.enter_context(closing(connection))
                body = json.dumps({"task": ask.task})
                connection.request("POST", f"{url}/try-task", body, ask.headers)
                trying.append(connection)
            until(lambda: len(answered(trying)) == N_TRIALS - N_ASKED)
            assert {trial.getresponse().status for trial in answered(trying)} == {429}
            until(lambda: trickling.counts()["trickling"] == N_ASKED)
            for asking in (ask, Asking(server, other_key)):
                assert asking.get("/api/projects/").status_code == 200
                assert asking.get("/ready").status_code == 200
        # Whoever asked has left.
        until(lambda: trickling.counts()["trickling"] == 0)


def answered(connections: list[http.client.HTTPConnection]) -> list[http.client.HTTPConnection]:
    """Those on which an answer has begun to come."""
    readable = select.select([c.sock for c in connections if c.sock], [], [], 0)[0]
    return [c for c in connections if c.sock in readable]


class Asking:
    """A client of a real server."""

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        self.headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        self.task = 0

    def get(self, path: str) -> requests.Response:
        return requests.get(self.server.url + path, headers=self.headers, timeout=TIMEOUT_S)

    def post(self, path: str, body: Any) -> Any:
        url = self.server.url + path
        answer = requests.post(url, json=body, headers=self.headers, timeout=TIMEOUT_S)
        assert answer.status_code == 201, answer.text
        return json.loads(answer.text)

    def version_url(self, model: Model) -> str:
        """Of a version that asks the model, with a task to try it on."""
        config = {"title": "Reviews", "label_config": TEXT_CONFIG}
        project = self.post("/api/projects/", config)["id"]
        task = self.post("/api/tasks/", {"project": project, "data": {"text": "good"}})
        self.task = task["id"]
        row = {"provider": "Custom", "endpoint": model.endpoint, "api_key": "k"}
        connection = self.post("/api/model-provider-connections/", row)["id"]
        prompt = self.post("/api/prompts/", {"title": "M", "associated_projects": [project]})["id"]
        version = {
            "title": "v1",
            "prompt": "Mood of {text}?",
            "provider_model_id": "m",
            "model_provider_connection": connection,
        }
        made = self.post(f"/api/prompts/{prompt}/versions", version)["id"]
        return f"/api/prompts/{prompt}/versions/{made}"
