"""The faults of model servers, databases and people that a job survives, one test each."""

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections

from backends.asking import calls
from backends.db import items
from backends.db import jobs as job_rows
from backends.db.outcomes import Outcome, Row
from backends.jobs import executor, outcomes, start, state
from backends.models import JobItem, PredictionJob
from predictions.models import Prediction, Project
from predictions_api.jobs.leases import Holder
from tests.backends.conftest import Executed, MakeBackend, MakeTasks
from tests.backends.jobs.test_engine import RESULT, counts, failures
from tests.backends.scripted import Answer, Scripted, always, in_turn, slowly, well
from tests.conftest import TEXT_CONFIG, Caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_a_busy_backend_is_asked_again(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    status: int,
) -> None:
    make_tasks(text_project, "good")
    scripted.on("/predict", in_turn(always((status, b"")), well))
    assert counts(executed(make_backend())) == ("Completed", 1, 0, 0, 1)
    assert len(scripted.asked()) == 2


def test_it_is_asked_no_sooner_than_it_says(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    make_tasks(text_project, "good")
    asked_at: list[float] = []

    def busy_at_first(body: Any) -> Answer:
        asked_at.append(time.monotonic())
        return (503, b"") if len(asked_at) == 1 else well(body)

    scripted.on("/predict", busy_at_first)
    scripted.retry_after = "0.3"
    assert counts(executed(make_backend())) == ("Completed", 1, 0, 0, 1)
    first, second = asked_at
    assert second - first >= 0.3


def test_nobody_there(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    make_tasks(text_project, "good")
    job = executed(make_backend(url="http://127.0.0.1:1"))
    assert counts(job) == ("Failed", 0, 0, 1, 0)
    [(_, kind, message)] = failures(job)
    assert kind == "Unreachable"
    assert message.startswith("The connection failed: ")


@pytest.mark.parametrize("status", [400, 404, 418, 501])
def test_other_statuses_are_errors_of_the_backend(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    status: int,
) -> None:
    [task] = make_tasks(text_project, "good")
    scripted.on("/predict", always((status, b"no")))
    job = executed(make_backend())
    assert failures(job) == [(task, "BackendError", f"{status}: no")]
    assert len(scripted.asked()) == 2


def test_uneven_answers_are_asked_for_singly_for_the_rest_of_the_job(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    ids = make_tasks(text_project, *["good"] * 6)

    def one_too_many(body: Any) -> Answer:
        status, answer = well(body)
        extra = [answer["results"][0]] if len(body["tasks"]) > 1 else []
        return status, {"results": answer["results"] + extra}

    scripted.on("/predict", one_too_many)
    job = executed(make_backend(batch_size=2))
    assert counts(job) == ("Completed", 6, 0, 0, 6)
    assert scripted.asked() == [ids[:2], *[[pk] for pk in ids]]
    assert job.asks_singly


def test_regions_that_the_project_refuses_fail_their_task(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    Project.objects.update(validate_predictions=True)
    good, bad = make_tasks(text_project, "good", "bad")
    moon = [{**RESULT[0], "value": {"choices": ["moon"]}}]
    scripted.on("/predict", always((200, {"results": [{"result": RESULT}, {"result": moon}]})))
    job = executed(make_backend())
    assert counts(job) == ("Completed", 1, 0, 1, 1)
    [(task, kind, message)] = failures(job)
    assert (task, kind) == (bad, "InvalidAnswer")
    assert message.startswith("Error validating prediction: ")
    assert Prediction.objects.get().task_id == good


def test_an_answer_without_an_end_is_read_no_further(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "MAX_PREDICTED_BYTES", 100_000)
    small, large = make_tasks(text_project, "good", "large")

    def script(body: Any) -> Answer:
        is_large = any(task["id"] == large for task in body["tasks"])
        return (200, b" " * 200_000) if is_large else well(body)

    scripted.on("/predict", script)
    job = executed(make_backend())
    assert counts(job) == ("Completed", 1, 0, 1, 1)
    [(task, kind, message)] = failures(job)
    assert (task, kind) == (large, "InvalidAnswer")
    assert message == "The answer is longer than 100,000 bytes."
    assert Prediction.objects.get().task_id == small


@pytest.mark.parametrize("depth", [600, 200_000])
def test_an_answer_that_is_nested_too_deeply(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    depth: int,
) -> None:
    flat, deep = make_tasks(text_project, "good", "deep")

    def script(body: Any) -> Answer:
        nested = b'{"result": [{"value": ' + b"[" * depth + b"]" * depth + b"}]}"
        found = [nested if task["id"] == deep else b'{"result": []}' for task in body["tasks"]]
        return 200, b'{"results": [' + b",".join(found) + b"]}"

    scripted.on("/predict", script)
    job = executed(make_backend())
    assert counts(job) == ("Completed", 1, 0, 1, 1)
    assert [(task, kind) for task, kind, _ in failures(job)] == [(deep, "InvalidAnswer")]
    assert Prediction.objects.get().task_id == flat


def test_a_worker_killed_between_the_answer_and_its_transaction(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    scripted: Scripted,
) -> None:
    ids = make_tasks(text_project, "good", "bad")
    backend = make_backend(batch_size=1)
    job = start.create(backend, job_rows.every_task(text_project.pk))
    assert state.begin(job.pk)
    state.prepare(job.pk, "v1")
    killed = Holder(60)
    assert [claim.task_id for claim in items.claim(job.pk, killed, 1)] == ids[:1]
    executor.execute(job.pk, lambda: bool(scripted.asked()))
    assert scripted.asked() == [ids[1:]]
    JobItem.objects.filter(lease_owner=killed.id).update(lease_until="2020-01-01T00:00:00Z")
    executor.execute(job.pk)
    job.refresh_from_db()
    assert counts(job) == ("Completed", 2, 0, 0, 2)
    assert scripted.asked() == [ids[1:], ids[:1]]
    # Were it only slow, it would come too late.
    row = Row("[]", "v1", None, None, None, 0.0)
    outcomes.store(job.pk, [Outcome(ids[0], (row,))], owner=killed.id)
    assert Prediction.objects.count() == 2


def test_a_changed_config_is_sent_with_the_next_batch(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    ada: Caller,
    settings: Any,
) -> None:
    make_tasks(text_project, *["good"] * 12)
    changed = TEXT_CONFIG.replace("<View>", "<View><!-- new -->")
    path = f"/api/projects/{text_project.pk}/"

    def script(body: Any) -> Answer:
        if len(scripted.asked()) == 1:
            done = ada.client.patch(path, {"label_config": changed}, format="json")
            assert done.status_code == 200
            connections.close_all()
        return slowly(0.1)(body)

    scripted.on("/predict", script)
    # Its worker looks at the project four times as often.
    settings.RUN_LEASE_S = 1.2
    job = executed(make_backend(batch_size=1))
    assert counts(job) == ("Completed", 12, 0, 0, 12)
    sent = [body["label_config"] for body in scripted.bodies("/predict")]
    n_old = sent.index(changed)
    assert sent == [TEXT_CONFIG] * n_old + [changed] * (12 - n_old)


def test_a_backend_deleted_meanwhile_is_not_believed(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    scripted: Scripted,
    ada: Caller,
) -> None:
    make_tasks(text_project, *["good"] * 3)
    backend = make_backend(batch_size=1)

    def deleting(body: Any) -> Answer:
        assert ada.client.delete(f"/api/ml/{backend.pk}").status_code == 204
        connections.close_all()
        return well(body)

    scripted.on("/predict", in_turn(deleting, slowly(0.5)))
    job = start.create(backend, job_rows.every_task(text_project.pk))
    executor.execute(job.pk)
    # One request may have been on its way.
    assert len(scripted.asked()) <= 2
    assert not Prediction.objects.exists()
    assert not PredictionJob.objects.exists()


def test_two_jobs_about_the_same_tasks_double_nothing(
    text_project: Project, make_tasks: MakeTasks, make_backend: MakeBackend, scripted: Scripted
) -> None:
    ids = make_tasks(text_project, *["good"] * 20)
    backend = make_backend(batch_size=2, max_concurrency=2)
    every = job_rows.every_task(text_project.pk)
    jobs = [start.create(backend, every, force=True) for _ in range(2)]
    scripted.on("/predict", slowly(0.01))

    def work(job_id: int) -> None:
        executor.execute(job_id)
        connections.close_all()

    crew = [threading.Thread(target=work, args=[job.pk]) for job in jobs]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    for job in jobs:
        job.refresh_from_db()
        assert counts(job) == ("Completed", 20, 0, 0, 20)
    stored = Prediction.objects.order_by("task_id").values_list("task_id", "model_version")
    assert list(stored) == [(pk, "v1") for pk in ids]
    assert scripted.most_in_flight <= 2


def test_a_job_outlasts_lost_connections_to_the_database(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    make_tasks(text_project, *["good"] * 8)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [ours] = cursor.fetchone()

    def script(body: Any) -> Answer:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid NOT IN (%s, pg_backend_pid())"
                " AND backend_type = 'client backend'",
                [ours],
            )
        connection.close()
        return well(body)

    scripted.on("/predict", script)
    assert counts(executed(make_backend(batch_size=2))) == ("Completed", 8, 0, 0, 8)
    assert Prediction.objects.count() == 8
