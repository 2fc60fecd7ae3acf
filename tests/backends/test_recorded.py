"""What was recorded from Label Studio and from backends of both generations of their package.

The bodies sent to backends have the recorded keys in the recorded order, the documents of backends
too; and each recorded answer of a backend is asked for again, with what section 0 of the contract
makes of it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from backends.asking import bodies
from backends.jobs import executor
from backends.models import PredictionJob
from predictions.events import objects
from predictions.models import Prediction, Project
from tests.backends.api.test_backends import document
from tests.backends.conftest import Executed, MakeBackend, MakeTasks
from tests.backends.scripted import Answer, Scripted, always
from tests.checking import CheckingClient
from tests.conftest import Caller

EXCHANGES: dict[str, dict[str, Any]] = {
    exchange["name"]: exchange
    for exchange in map(
        json.loads,
        (Path(__file__).parents[1] / "contract" / "ml_exchanges.jsonl").read_text().splitlines(),
    )
}


def sent_to(path: str) -> list[dict[str, Any]]:
    """The bodies that backends got there."""
    return [
        one["body"]
        for exchange in EXCHANGES.values()
        for one in exchange["sent"]
        if one["path"] == path and one["to"] != "receiver" and isinstance(one["body"], dict)
    ]


def test_bodies_have_the_recorded_keys() -> None:
    setups = sent_to("/setup")
    ours = bodies.setup("1.2", label_config="", hostname="", access_token="", extra_params=None)
    assert len(setups) > 50
    assert {tuple(body) for body in setups} == {tuple(ours)}
    asked = sent_to("/predict")
    assert {tuple(body) for body in asked} == {
        tuple(bodies.predict([], project="", label_config=""))
    }
    kinds = {tuple(task) for body in asked for task in body["tasks"]}
    assert kinds == {bodies.TASK_KEYS, bodies.INTERACTIVE_KEYS}
    trainings = [body for body in sent_to("/webhook") if body["action"] == "START_TRAINING"]
    assert {tuple(body["project"]) for body in trainings} == {objects.PROJECT_KEYS}


def test_backends_have_the_recorded_keys(text_project: Project) -> None:
    made = EXCHANGES["ml-create-full"]["response"]["body"]
    assert tuple(document(1, "", text_project))[: len(made)] == tuple(made)


REFUSED = [
    "ml-list-without-project",
    "ml-list-unknown-project",
    "ml-list-anonymous",
    "ml-create-no-url",
    "ml-create-no-project",
    "ml-create-project-text",
    "ml-create-url-null",
    "ml-create-url-nonsense",
    "ml-create-url-ftp",
    "ml-create-timeout-text",
    "ml-create-timeout-null",
    "ml-create-basic-without-credentials",
    "ml-create-array",
    "ml-create-health-500",
    "ml-create-health-html",
    "ml-create-health-redirect",
    "ml-create-setup-500",
    "ml-create-setup-html",
    "ml-get-unknown",
    "ml-get-text",
    "ml-get-anonymous",
    "ml-patch-unknown",
    "ml-train-unknown",
    "ml-predict-all-unknown",
    "ml-delete-unknown",
    "ml-interactive-unknown-backend",
]
# What the original says in sentences of its own.
OWN_WORDS = ("health", "setup", "url-", "get-text")


def scripts(scripted: Scripted, exchange: dict[str, Any]) -> None:
    """The backend answers as it did then."""
    for one in exchange["sent"]:
        answered = one["answered"]
        found: Answer = (answered["status"], as_content(answered["body"]))
        scripted.on(one["path"], always(found))


def as_content(body: Any) -> Any:
    return body.encode() if isinstance(body, str) else body


@pytest.mark.parametrize("name", REFUSED)
def test_what_was_refused_is_refused(
    ada: Caller, text_project: Project, scripted: Scripted, url: str, name: str
) -> None:
    exchange = EXCHANGES[name]
    request, expected = exchange["request"], exchange["response"]
    scripts(scripted, exchange)
    body = request["body"]
    if isinstance(body, dict):
        body = {**body}
        if body.get("project") == 1:
            body["project"] = text_project.pk
        if str(body.get("url", "")).startswith("http://127.0.0.1:18174"):
            body["url"] = url
    caller = CheckingClient() if name.endswith("anonymous") else ada.client
    answer = caller.generic(
        request["method"],
        request["path"],
        json.dumps(body) if body is not None else "",
        content_type="application/json",
    )
    assert answer.status_code == expected["status"]
    said, was = answer.json(), expected["body"]
    # Unknown ids were answered with a page of HTML.
    if isinstance(was, dict) and "__truncated__" not in was:
        assert list(said) == list(was)
        assert list(said.get("validation_errors", {})) == list(was.get("validation_errors", {}))
        if not any(part in name for part in OWN_WORDS) and "project=" not in request["path"]:
            assert said.get("validation_errors") == was.get("validation_errors")


INVALID = "InvalidAnswer"
# Of three tasks: how many are done, the predictions stored, and what the failures are.
ANSWERS: dict[str, tuple[int, int, set[str]]] = {
    "500": (0, 0, {"BackendError"}),
    "json-500": (0, 0, {"BackendError"}),
    "list": (0, 0, {INVALID}),
    "no-results": (0, 0, {INVALID}),
    "results-empty": (0, 0, {INVALID}),
    "fewer": (0, 0, {INVALID}),
    "one-for-many": (3, 3, set()),
    "no-result-key": (2, 2, {INVALID}),
    "item-null": (2, 2, {INVALID}),
    "item-number": (0, 0, {INVALID}),
    "item-empty-list": (3, 1, set()),
    "score-text": (2, 2, {INVALID}),
    "score-nan": (0, 0, {INVALID}),
    "version-null": (3, 3, set()),
    "version-top-level": (3, 3, set()),
    "version-number": (3, 3, set()),
    "result-string": (3, 3, set()),
    "result-object": (3, 3, set()),
    "bad-label": (3, 3, set()),
    "model2-shape": (3, 3, set()),
}


@pytest.mark.django_db(transaction=True)
def test_recorded_answers_are_asked_for(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    make_tasks(text_project, "good", "bad", "good")
    backend = make_backend()
    for name, expected in ANSWERS.items():
        Prediction.objects.all().delete()
        scripted.reset()
        scripts(scripted, EXCHANGES[f"ml-retrieve-answer-{name}"])
        job = executed(backend, force=True)
        kinds = set(job.items.exclude(error_type="").values_list("error_type", flat=True))
        assert (job.done_tasks, Prediction.objects.count(), kinds) == expected, name
        assert job.done_tasks + job.failed_tasks == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("generation", ["real1", "real2"])
def test_both_generations_of_the_package(
    ada: Caller,
    text_project: Project,
    make_tasks: MakeTasks,
    scripted: Scripted,
    url: str,
    generation: str,
) -> None:
    """Registered, asked about a task, its versions, a job: by what real ones answered."""
    [task] = make_tasks(text_project, "good")
    parts = ("create", "interactive", "versions", "train")
    for part in parts:
        scripts(scripted, EXCHANGES[f"{generation}-{part}"])
    body = {**EXCHANGES[f"{generation}-create"]["request"]["body"]}
    made = ada.client.post(
        "/api/ml/", {**body, "project": text_project.pk, "url": url}, format="json"
    ).json()
    recorded = EXCHANGES[f"{generation}-create"]["response"]["body"]
    for key in ("state", "title", "extra_params", "model_version", "is_interactive"):
        assert made[key] == recorded[key]
    path = f"/api/ml/{made['id']}"
    said = ada.client.post(f"{path}/interactive-annotating", {"task": task}, format="json")
    assert said.json() == EXCHANGES[f"{generation}-interactive"]["response"]["body"]
    assert ada.client.get(f"{path}/versions").json()["versions"] == [made["model_version"]]
    ada.client.post(f"{path}/predict")
    executor.execute(PredictionJob.objects.get().pk)
    [stored] = Prediction.objects.all()
    recorded_row = EXCHANGES[f"{generation}-rows"]["response"]["body"][0]
    assert stored.model_version == recorded_row["model_version"]
    assert stored.result == recorded_row["result"]
