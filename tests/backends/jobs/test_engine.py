"""Jobs against a real server: what it is sent, and what is made of its answers and faults."""

import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from backends.db import items
from backends.db import jobs as job_rows
from backends.db.webhooks import hooks
from backends.delivery import fanning, sending
from backends.delivery.signatures import new_secret
from backends.jobs import executor, plans, start, state
from backends.models import (
    Delivery,
    Endpoint,
    JobItem,
    JobShare,
    PredictionJob,
    Training,
    Webhook,
)
from predictions.models import Annotation, Prediction, Project, Task
from tests.backends.conftest import Executed, MakeBackend, MakeTasks
from tests.backends.scripted import Answer, Scripted, in_turn, item, sentiment, slowly, well
from tests.conftest import A_MOMENT, Caller

pytestmark = pytest.mark.django_db(transaction=True)


def counts(job: PredictionJob) -> tuple[Any, ...]:
    return job.status, job.done_tasks, job.skipped_tasks, job.failed_tasks, job.total_predictions


def failures(job: PredictionJob) -> list[tuple[int, str, str]]:
    found = items.failures(job.pk, after=0, limit=100)
    return [(one["task"], one["error_type"], one["message"]) for one in found]


def test_a_job_predicts_every_task(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    ids = make_tasks(text_project, *(f"good {n}" if n % 2 else f"bad {n}" for n in range(50)))
    backend = make_backend()
    job = executed(backend)
    assert counts(job) == ("Completed", 50, 0, 0, 50)
    assert (job.model_version, job.batch_size, job.status_reason) == ("v1", 20, "")
    assert None not in (job.started_at, job.completed_at)
    assert scripted.paths == ["/setup", "/predict", "/predict", "/predict"]
    assert scripted.asked() == [ids[:20], ids[20:40], ids[40:]]
    stored = list(Prediction.objects.order_by("task_id"))
    assert [row.task_id for row in stored] == ids
    assert {(row.model_id, row.model_version, row.score) for row in stored} == {
        (backend.pk, "v1", 0.75)
    }
    assert [row.result[0]["value"]["choices"] for row in stored[:2]] == [["neg"], ["pos"]]
    assert not JobShare.objects.exists()


def test_the_body_is_that_of_the_contract(
    ada: Caller,
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    [task_id] = make_tasks(text_project, "good")
    executed(make_backend())
    [body] = scripted.bodies("/predict")
    task = {
        "id": task_id,
        "data": {"text": "good"},
        "meta": {},
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "is_labeled": False,
        "overlap": 1,
        "inner_id": 1,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": text_project.pk,
        "updated_by": None,
        "file_upload": None,
        "comment_authors": [],
        "annotations": [],
        "predictions": [],
    }
    expected = {
        "tasks": [task],
        "project": f"{text_project.pk}.{int(text_project.created_at.timestamp())}",
        "label_config": text_project.label_config,
        "params": {"login": None, "password": None, "context": None},
    }
    assert list(body.items()) == list(expected.items())
    assert list(body["tasks"][0]) == list(task)
    assert list(body["params"]) == ["login", "password", "context"]


def one(answer: Any) -> Callable[[Any], Answer]:
    """For a single task: this item."""
    return lambda body: (200, {"results": [answer]})


RESULT = sentiment("good")
NUL = [{**RESULT[0], "value": {"choices": ["\0"]}}]
ITEMS = [
    (None, "An object with `result` is expected, not null."),
    (7, "An object with `result` is expected, not the number 7."),
    ({}, "There is no `result`."),
    ({"result": None}, "`result` is null."),
    ({"result": RESULT, "score": "high"}, "`score` is no finite number, but the text 'high'."),
    (
        {"result": RESULT, "score": float("nan")},
        "`score` is no finite number, but the number nan.",
    ),
    ({"result": RESULT, "cluster": "3"}, "`cluster` is no whole number of 32 bits, but the text"),
    ({"result": RESULT, "cluster": 2**31}, "`cluster` is no whole number of 32 bits, but the num"),
    ({"result": RESULT, "neighbors": "1,2"}, "`neighbors` is no list, but the text '1,2'."),
    (
        {"result": RESULT, "mislabeling": True},
        "`mislabeling` is no finite number, but true.",
    ),
    ({"result": RESULT, "model_version": ["m"]}, "`model_version` is no text, but a list of 1."),
    ({"result": RESULT, "model_version": True}, "`model_version` is no text, but true."),
    ({"result": RESULT, "modelVersion": "m"}, "`modelVersion` is not read: did it mean `model_ver"),
    ({"result": RESULT, "confidence": 0.5}, "`confidence` is not read: did it mean `score`?"),
    ([{"result": RESULT, "probability": 1}], "`probability` is not read: did it mean `score`?"),
    ({"result": {"moon": 1}}, "result: A result must be a list of regions;"),
    ({"result": NUL}, "Null characters are not allowed."),
    ([{"result": RESULT}, 7], "An object with `result` is expected, not the number 7."),
]


def test_an_item_that_is_no_prediction_fails_its_task(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    ids = make_tasks(text_project, *["good"] * (len(ITEMS) + 1))
    answers = [answer for answer, _ in ITEMS]
    scripted.on("/predict", lambda body: (200, {"results": [*answers, item(body["tasks"][-1])]}))
    job = executed(make_backend())
    assert counts(job) == ("Completed", 1, 0, len(ITEMS), 1)
    assert job.status_reason == (
        f"{len(ITEMS)} of {len(ITEMS) + 1} tasks failed. The first: {ITEMS[0][1]}"
    )
    assert len(scripted.asked()) == 1
    found = failures(job)
    assert [(task, kind) for task, kind, _ in found] == [(pk, "InvalidAnswer") for pk in ids[:-1]]
    for (_, _, message), (_, expected) in zip(found, ITEMS, strict=True):
        assert message.startswith(expected)


TAKEN = [
    ([], []),
    ([item({"data": {"text": "good"}}), item({"data": {"text": "x"}})], [("v1", 0.75)] * 2),
    ({"result": "pos"}, [("v1", None)]),
    ({"result": [], "model_version": 3}, [("3", None)]),
    ({"result": [], "model_version": " v2\t"}, [("v2", None)]),
    ({"result": [], "model_version": "", "score": 12, "id": 9, "task": 9}, [("", 12.0)]),
    ({"result": [], "score": 0.5, "confidence": 0.9}, [("v1", 0.5)]),
]


@pytest.mark.parametrize(("answer", "rows"), TAKEN)
def test_what_an_item_may_be(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    answer: Any,
    rows: list[Any],
) -> None:
    make_tasks(text_project, "good")
    scripted.on("/predict", one(answer))
    job = executed(make_backend())
    assert counts(job) == ("Completed", 1, 0, 0, len(rows))
    stored = Prediction.objects.order_by("id").values_list("model_version", "score")
    assert list(stored) == rows
    assert counts(executed(job.backend)) == ("Completed", 0, 1, 0, 0)


def test_an_answer_whose_version_is_called_otherwise_fails(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    make_tasks(text_project, "good")
    scripted.on(
        "/predict", lambda body: (200, {"results": [{"result": RESULT}], "modelVersion": "m"})
    )
    job = executed(make_backend())
    assert counts(job)[0] == "Failed"
    [(_, kind, message)] = failures(job)
    said = "`modelVersion` is not read: did it mean `model_version`?"
    assert (kind, message) == ("InvalidAnswer", said)


def test_the_versions_of_an_answer(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    """A backend of 1.0.9 names its version on top, and another one in its items."""
    make_tasks(text_project, "good", "bad")
    items_of = [{"result": RESULT, "model_version": "own"}, {"result": RESULT}]
    answer = {"results": items_of, "model_version": " top ", "cluster": 1}
    scripted.on("/predict", lambda _: (200, answer))
    scripted.on("/setup", lambda _: (200, {"model_version": "\nv1 "}))
    backend = make_backend()
    job = executed(backend)
    assert (counts(job), job.model_version) == (("Completed", 2, 0, 0, 2), "v1")
    assert [p.model_version for p in Prediction.objects.order_by("task_id")] == ["own", "top"]
    # It is not asked again, although its predictions name other versions than its set-up.
    assert counts(executed(backend)) == ("Completed", 0, 2, 0, 0)
    assert len(scripted.asked()) == 1
    # If it is, its rows are replaced.
    assert counts(executed(backend, force=True)) == ("Completed", 2, 0, 0, 2)
    assert Prediction.objects.count() == 2


def test_replaced_predictions_leave_their_annotations_a_parent(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    same, other = make_tasks(text_project, "good", "good too")
    backend = make_backend()
    executed(backend)
    for row in Prediction.objects.all():
        Annotation.objects.create(
            project=text_project, task_id=row.task_id, result=row.result, parent_prediction=row
        )
    changed = {"result": sentiment("bad")}
    scripted.on("/predict", lambda _: (200, {"results": [{"result": RESULT}, changed]}))
    executed(backend, force=True)
    parents = dict(Annotation.objects.values_list("task_id", "parent_prediction_id"))
    new = Prediction.objects.get(task_id=same)
    assert parents == {same: new.pk, other: None}


FAULTS = [
    ("uneven", lambda body: (200, {"results": []}), "InvalidAnswer", "0 results for 1 tasks.", 5),
    ("500", lambda _: (500, b"no"), "BackendError", "500: no", 1 * 2 + 4 * 2),
    ("html", lambda _: (200, b"<html>"), "InvalidAnswer", "The answer is no JSON: '<html>'", 10),
    ("list", lambda _: (200, []), "InvalidAnswer", "The answer is no object", 10),
    ("none", lambda _: (200, {}), "InvalidAnswer", "The answer has no list of results", 10),
]


@pytest.mark.parametrize(("name", "script", "kind", "message", "n"), FAULTS)
def test_what_fails_is_asked_task_by_task(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    name: str,
    script: Callable[[Any], Answer],
    kind: str,
    message: str,
    n: int,
) -> None:
    ids = make_tasks(text_project, "bad", "bad", "bad", "bad")
    scripted.on("/predict", script)
    job = executed(make_backend())
    assert counts(job) == ("Failed", 0, 0, 4, 0)
    assert [(task, found) for task, found, _ in failures(job)] == [(pk, kind) for pk in ids]
    assert failures(job)[0][2].startswith(message)
    assert len(scripted.asked()) == n
    assert job.status_reason.startswith("All 4 tasks that were asked about failed. The first: ")


def test_one_bad_task_costs_no_other(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    ids = make_tasks(text_project, "good", "breaks", "bad")

    def script(body: Any) -> Answer:
        is_bad = any("breaks" in task["data"]["text"] for task in body["tasks"])
        return (500, b"\0" + b"x" * 900) if is_bad else well(body)

    scripted.on("/predict", script)
    job = executed(make_backend())
    assert counts(job) == ("Completed", 2, 0, 1, 2)
    assert failures(job) == [(ids[1], "BackendError", "500: " + "x" * 500)]


def test_an_outage_is_waited_out(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    settings: Any,
) -> None:
    settings.ML_OUTAGE_S = 30
    make_tasks(text_project, "good", "bad")
    busy = lambda _: (503, b"loading")  # noqa: E731 - a script
    scripted.on("/predict", in_turn(*[busy] * 7, lambda _: (0, b""), well))
    scripted.on("/health", in_turn(busy, lambda _: (200, {})))
    job = executed(make_backend())
    assert counts(job) == ("Completed", 2, 0, 0, 2)
    assert len(scripted.asked()) == 9


def test_what_is_away_for_too_long_fails(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    make_tasks(text_project, "good", "bad", "bad")
    scripted.on("/predict", in_turn(well, lambda _: (503, b"loading")))
    scripted.on("/health", lambda _: (503, b"loading"))
    job = executed(make_backend(batch_size=1))
    assert counts(job) == ("Completed", 1, 0, 2, 1)
    assert {found[1:] for found in failures(job)} == {("Unreachable", "503: loading")}
    assert Endpoint.objects.get().state == "DI"


def test_a_batch_that_takes_too_long_is_split(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    settings: Any,
) -> None:
    settings.ML_TRIES = 2
    ids = make_tasks(text_project, "good", "slow", "bad")

    def script(body: Any) -> Answer:
        is_slow = any("slow" in task["data"]["text"] for task in body["tasks"])
        return slowly(0.8)(body) if is_slow else well(body)

    scripted.on("/predict", script)
    job = executed(make_backend(timeout=0.3))
    assert counts(job) == ("Completed", 2, 0, 1, 2)
    assert failures(job) == [(ids[1], "Timeout", "No answer within 0.3 s.")]


ENDINGS = [
    ("/predict", (401, b"who?"), "Unauthorized", "The credentials are missing or wrong: 401: who?"),
    ("/predict", (307, b""), "Blocked", "307: it redirects, which is not followed."),
    ("/setup", (500, b"no weights"), "BackendError", "500: no weights"),
    ("/setup", (200, []), "InvalidAnswer", "The answer is no object, but a list of 0."),
    ("/setup", (403, b""), "Unauthorized", "The credentials are missing or wrong: 403"),
    ("/setup", (503, b""), "Unreachable", "503"),
]


@pytest.mark.parametrize(("route", "answer", "kind", "message"), ENDINGS)
def test_what_ends_the_job_at_once(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    route: str,
    answer: Answer,
    kind: str,
    message: str,
) -> None:
    make_tasks(text_project, *["good"] * 50)
    scripted.on(route, lambda _: answer)
    scripted.on("/health", lambda _: (503, b""))
    job = executed(make_backend())
    assert counts(job) == ("Failed", 0, 0, 50, 0)
    assert {found[1:] for found in failures(job)} == {(kind, message)}
    assert job.status_reason == f"{kind}: {message}"
    assert len(scripted.asked()) == (route == "/predict")
    assert Endpoint.objects.get().state in {"ER", "DI"}


def test_a_private_address_ends_the_job(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    settings: Any,
) -> None:
    make_tasks(text_project, "good")
    backend = make_backend()
    settings.ALLOW_PRIVATE_URLS = False
    job = executed(backend)
    assert [found[1] for found in failures(job)] == ["Blocked"]
    assert scripted.sent == []


def test_tasks_and_jobs_that_go_away(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    kept, gone = make_tasks(text_project, "good", "bad")

    def deleting(body: Any) -> Answer:
        Task.objects.filter(pk=gone).delete()
        return well(body)

    scripted.on("/predict", deleting)
    backend = make_backend()
    job = executed(backend)
    assert counts(job) == ("Completed", 1, 1, 0, 1)
    assert [row.task_id for row in Prediction.objects.all()] == [kept]

    def canceling(body: Any) -> Answer:
        state.cancel(PredictionJob.objects.latest("id").pk)
        return well(body)

    scripted.on("/predict", canceling)
    job = executed(backend, force=True)
    assert (job.status, job.status_reason, job.done_tasks) == ("Canceled", "Canceled by a user.", 0)
    assert (job.total_tasks, job.skipped_tasks) == (1, 1)


def test_a_second_job_waits_for_its_share(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    make_tasks(text_project, *["good"] * 40)
    backend = make_backend(max_concurrency=4, batch_size=1)
    scripted.on("/predict", slowly(0.02))
    assert counts(executed(backend)) == ("Completed", 40, 0, 0, 40)
    assert scripted.most_in_flight == 4


def test_a_handed_over_job_goes_on_where_it_was(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    ids = make_tasks(text_project, *["good"] * 30)
    backend = make_backend(batch_size=1)
    job = start.create(backend, job_rows.every_task(text_project.pk))
    noticed = threading.Event()

    def is_over() -> bool:
        if scripted.asked():
            noticed.set()
        return noticed.is_set()

    def patiently(body: Any) -> Answer:
        assert noticed.wait(10)
        return well(body)

    scripted.on("/predict", patiently)
    executor.execute(job.pk, is_over)
    job.refresh_from_db()
    assert job.status == "InProgress"
    assert not JobItem.objects.filter(lease_owner__isnull=False).exists()
    executor.execute(job.pk)
    job.refresh_from_db()
    assert counts(job) == ("Completed", 30, 0, 0, 30)
    assert sorted(itertools.chain.from_iterable(scripted.asked())) == ids
    assert scripted.paths.count("/setup") == 1


@pytest.mark.parametrize(("n_characters", "is_large"), [(5_000, True), (5, False)])
def test_few_large_tasks_are_claimed_ahead(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    monkeypatch: pytest.MonkeyPatch,
    n_characters: int,
    is_large: bool,
) -> None:
    make_tasks(text_project, *["good " * (n_characters // 5)] * 200)
    monkeypatch.setattr(executor, "MOST_BYTES_AHEAD", 20_000)
    taken: list[int] = []
    take = plans.take

    def noted(*args: Any) -> Any:
        taken.append(args[3])
        return take(*args)

    monkeypatch.setattr(plans, "take", noted)
    job = executed(make_backend(batch_size=1))
    assert counts(job) == ("Completed", 200, 0, 0, 200)
    assert (max(taken[1:]) <= 4) == is_large


def test_listeners_are_told(
    ada: Caller,
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    """A webhook hears of the predictions and of the job's end; that of the backend hears neither,
    but of annotations, for which the backend trains where its project says so.
    """
    [task] = make_tasks(text_project, "good")
    Project.objects.update(start_training_on_annotation_update=True)
    backend = make_backend()
    own = Webhook.objects.get(ml_backend=backend)
    assert (own.url, own.project_id) == (f"{backend.url}/webhook", text_project.pk)
    hook = hooks.create({"url": "http://receiver.example"}, ada.access, secret=new_secret())
    job = executed(backend)
    ada.client.post(f"/api/tasks/{task}/annotations/", {"result": []}, format="json")
    fanning.make_deliveries()
    heard = Delivery.objects.filter(webhook=hook).order_by("id")
    bodies = [json.loads(body) for body in heard.values_list("payload__body", flat=True)]
    assert [body["action"] for body in bodies] == [
        "PREDICTIONS_CREATED",
        "PREDICTION_JOB_COMPLETED",
        "ANNOTATION_CREATED",
    ]
    assert [row["model"] for row in bodies[0]["predictions"]] == [backend.pk]
    assert bodies[1]["prediction_job"]["id"] == job.pk
    assert bodies[1]["prediction_job"]["status"] == "Completed"
    told = Delivery.objects.filter(webhook=own).values_list("payload__action", flat=True)
    assert list(told) == ["ANNOTATION_CREATED"]
    assert list(Training.objects.values_list("pk", flat=True)) == [backend.pk]


def test_a_guarded_backend_gets_events_with_its_credentials(
    ada: Caller,
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    scripted: Scripted,
) -> None:
    [task] = make_tasks(text_project, "good")
    guarded = {"auth_method": "BASIC_AUTH", "basic_auth_user": "u", "basic_auth_pass": "s3cret"}
    backend = make_backend(**guarded)
    ada.client.post(f"/api/tasks/{task}/annotations/", {"result": []}, format="json")
    fanning.make_deliveries()
    own = Webhook.objects.get(ml_backend=backend)
    sending.send(own.pk, lambda: bool(scripted.bodies("/webhook")))
    [sent] = [one for one in scripted.sent if one.path == "/webhook"]
    assert sent.body["action"] == "ANNOTATION_CREATED"
    assert sent.headers["Authorization"] == "Basic dTpzM2NyZXQ="
    assert "webhook-signature" in sent.headers
