"""Calls that a request waits for: one task, versions; and trainings, which it does not wait for."""

import json
from typing import Any

import pytest

from backends.jobs import training
from backends.models import Endpoint, Training
from predictions.events import objects
from predictions.models import Prediction, Project
from tests.backends.conftest import MakeBackend, MakeTasks
from tests.backends.scripted import Scripted, always, item, slowly
from tests.conftest import A_MOMENT, Caller, MakeProject, assert_invalid, assert_refused


def test_one_task_is_asked_about_while_a_person_labels_it(
    ada: Caller,
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
    scripted: Scripted,
) -> None:
    [task] = make_tasks(text_project, "good")
    path = f"/api/ml/{make_backend(is_interactive=True).pk}/interactive-annotating"
    context = {"result": [{"id": "x"}]}
    answer = ada.client.post(path, {"task": task, "context": context}, format="json")
    expected = {"data": item({"data": {"text": "good"}})}
    assert (answer.status_code, answer.json()) == (200, expected)
    [body] = scripted.bodies("/predict")
    sent = {
        "id": task,
        "annotations": [],
        "drafts": [],
        "predictions": [],
        "data": {"text": "good"},
        "meta": {},
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "allow_skip": True,
        "inner_id": 1,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": text_project.pk,
        "updated_by": None,
        "comment_authors": [],
    }
    assert body["tasks"] == [sent]
    assert list(body["tasks"][0]) == list(sent)
    assert body["params"] == {"login": None, "password": None, "context": context}
    assert not Prediction.objects.exists()


ERRORS: list[tuple[tuple[int, Any], str]] = [
    ((500, b"no"), "500: no"),
    ((200, b"<html>"), "The answer is no JSON: '<html>'"),
    ((200, {}), "The answer has no results."),
    ((200, {"results": []}), "The answer has no results."),
    ((200, {"results": [7]}), "The first result is the number 7."),
]


def test_what_a_backend_gets_wrong_is_told(
    ada: Caller,
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
    scripted: Scripted,
) -> None:
    [task] = make_tasks(text_project, "good")
    backend = make_backend(is_interactive=True, timeout=1)
    path = f"/api/ml/{backend.pk}/interactive-annotating"
    for found, told in ERRORS:
        scripted.on("/predict", always(found))
        answer = ada.client.post(path, {"task": task}, format="json")
        assert (answer.status_code, answer.json()) == (200, {"errors": [told]})
    scripted.on("/predict", slowly(1.5))
    answer = ada.client.post(path, {"task": task}, format="json")
    assert answer.json() == {"errors": ["No answer within 1 s."]}


def test_what_is_not_asked(
    ada: Caller,
    text_project: Project,
    make_project: MakeProject,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
    scripted: Scripted,
) -> None:
    [task] = make_tasks(text_project, "good")
    [other] = make_tasks(make_project(ada, text_project.label_config), "good")
    path = f"/api/ml/{make_backend().pk}/interactive-annotating"
    answer = ada.client.post(path, {"task": task}, format="json")
    told = "Model is not set to be used for interactive preannotations"
    assert answer.json() == {"errors": [told]}
    assert_invalid(ada.client.post(path, {}, format="json"), {"task": ["This field is required."]})
    text = ada.client.post(path, {"task": "x"}, format="json")
    assert_invalid(text, {"task": ["A valid integer is required."]})
    foreign = ada.client.post(path, {"task": other}, format="json")
    assert_refused(foreign, 404, "No Task matches the given query.")
    assert scripted.sent == []


OLD = "The backend serves no list of versions; this is the one that it named at its set-up."
VERSIONS: list[tuple[tuple[int, Any], Any]] = [
    ((200, {"versions": ["b", "a"]}), {"versions": ["b", "a"]}),
    ((200, {}), {"versions": []}),
    ((404, b"<html>"), {"versions": ["v1"], "message": OLD}),
    ((405, b"<html>"), {"versions": ["v1"], "message": OLD}),
    ((500, b"no"), {"versions": ["v1"], "message": "500: no"}),
    (
        (200, {"versions": 7}),
        {"versions": ["v1"], "message": "`versions` is no list of texts."},
    ),
]


def test_versions(ada: Caller, make_backend: MakeBackend, scripted: Scripted) -> None:
    path = f"/api/ml/{make_backend().pk}/versions"
    for found, expected in VERSIONS:
        scripted.on("/versions", always(found))
        for slash in ("", "/"):
            answer = ada.client.get(f"{path}{slash}")
            assert (answer.status_code, answer.json()) == (200, expected)


def test_a_task_is_tried(
    ada: Caller,
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
    scripted: Scripted,
    url: str,
) -> None:
    path = f"/api/ml/{make_backend().pk}/predict/test"
    empty = ada.client.post(f"{path}?random=true")
    assert_invalid(empty, {"non_field_errors": ["The project has no tasks."]})
    [task] = make_tasks(text_project, "good")
    unnamed = "Name a task with ?task=, or ask for any with ?random=true."
    assert_invalid(ada.client.post(path), {"non_field_errors": [unnamed]})
    for query in ("random=true", f"task={task}"):
        answer = ada.client.post(f"{path}?{query}").json()
        request = answer.pop("request")
        assert answer == {
            "status": 200,
            "error_message": None,
            "url": url,
            "task": task,
            "response": {"results": [item({"data": {"text": "good"}})]},
        }
        assert request == scripted.bodies("/predict")[-1]
    scripted.on("/predict", lambda _: (500, b"no"))
    failed = ada.client.post(f"{path}?task={task}")
    assert_invalid(failed, {"non_field_errors": ["The backend did not answer. 500: no"]})


@pytest.mark.django_db(transaction=True)
def test_a_backend_is_asked_to_train(
    ada: Caller, text_project: Project, make_backend: MakeBackend, scripted: Scripted
) -> None:
    backend = make_backend()
    path = f"/api/ml/{backend.pk}"

    def shown() -> tuple[Any, ...]:
        found = ada.client.get(f"{path}?check=false").json()
        return found["state"], found["error_message"]

    for _ in range(2):
        answer = ada.client.post(f"{path}/train", {}, format="json")
        assert answer.status_code == 200
    assert (Training.objects.count(), shown()) == (1, ("TR", None))
    training.work(backend.pk, lambda: False)
    [body] = scripted.bodies("/webhook")
    assert list(body) == ["action", "project"]
    assert body["action"] == "START_TRAINING"
    project = body["project"]
    assert (project["id"], project["label_config"]) == (text_project.pk, text_project.label_config)
    assert project["data_types"] == {"text": "Text"}
    assert tuple(project) == objects.PROJECT_KEYS
    assert project["token"] is None
    assert ada.key not in json.dumps(body)
    assert (Training.objects.count(), shown()) == (0, ("CO", None))


@pytest.mark.django_db(transaction=True)
def test_a_training_that_fails_is_tried_again(
    ada: Caller, make_backend: MakeBackend, scripted: Scripted
) -> None:
    backend = make_backend()
    scripted.on("/webhook", lambda _: (500, b"no"))
    training.ask(backend.pk)
    for n in range(1, 4):
        training.work(backend.pk, lambda: False)
        # It waits for its time.
        training.work(backend.pk, lambda: False)
        assert len(scripted.bodies("/webhook")) == n
        Training.objects.update(lease_until="2020-01-01T00:00:00Z")
    endpoint = Endpoint.objects.get()
    assert (Training.objects.count(), endpoint.state, endpoint.error_message) == (
        0,
        "ER",
        "500: no",
    )


@pytest.mark.django_db(transaction=True)
def test_a_training_asked_for_meanwhile_comes_next(
    make_backend: MakeBackend, scripted: Scripted
) -> None:
    backend = make_backend()

    def asks(_: Any) -> tuple[int, Any]:
        training.ask(backend.pk)
        training.ask(backend.pk)
        return 201, {}

    scripted.on("/webhook", asks)
    training.ask(backend.pk)
    training.work(backend.pk, lambda: False)
    assert [row.is_again for row in Training.objects.all()] == [False]
    scripted.on("/webhook", lambda _: (201, {}))
    training.work(backend.pk, lambda: False)
    assert (Training.objects.count(), len(scripted.bodies("/webhook"))) == (0, 2)
