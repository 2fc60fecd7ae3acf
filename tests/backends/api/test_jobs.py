"""Prediction jobs over HTTP, and the Data Manager's action that makes them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from accounts.models import AuditEntry
from backends.jobs import executor, state
from backends.models import PredictionJob
from predictions.models import MLBackend, Prediction, Project
from tests.backends.conftest import Executed, MakeBackend, MakeTasks
from tests.backends.scripted import Scripted
from tests.conftest import A_MOMENT, Caller, assert_invalid, assert_refused


def document(pk: int, backend: MLBackend, user: int, **more: Any) -> dict[str, Any]:
    """A job that nobody has begun."""
    return {
        "id": pk,
        "ml_backend": backend.pk,
        "project": backend.project_id,
        "status": "Pending",
        "status_reason": "",
        "model_version": "",
        "batch_size": 20,
        "force": False,
        "total_tasks": 2,
        "done_tasks": 0,
        "skipped_tasks": 0,
        "failed_tasks": 0,
        "total_predictions": 0,
        "retry_of": None,
        "created_by": user,
        "created_at": A_MOMENT,
        "started_at": None,
        "completed_at": None,
        **more,
    }


@pytest.mark.django_db(transaction=True)
def test_the_life_of_a_job(
    ada: Caller,
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
    scripted: Scripted,
) -> None:
    _, bad = make_tasks(text_project, "good", "bad")
    backend = make_backend()
    path = f"/api/ml/{backend.pk}/prediction-jobs"
    made = ada.client.post(f"{path}/", {}, format="json")
    first = PredictionJob.objects.get()
    assert made.status_code == 202
    assert list(made.json().items()) == list(document(first.pk, backend, ada.user.pk).items())
    assert AuditEntry.objects.latest("id").target == f"prediction job {first.pk}"
    scripted.on(
        "/predict", lambda body: (200, {"results": [{"result": []}, None][: len(body["tasks"])]})
    )
    executor.execute(first.pk)
    reason = "An object with `result` is expected, not null."
    shown = ada.client.get(f"{path}/{first.pk}").json()
    assert shown == document(
        first.pk,
        backend,
        ada.user.pk,
        status="Completed",
        status_reason=f"1 of 2 tasks failed. The first: {reason}",
        model_version="v1",
        done_tasks=1,
        failed_tasks=1,
        total_predictions=1,
        started_at=A_MOMENT,
        completed_at=A_MOMENT,
    )
    [failure] = ada.client.get(f"{path}/{first.pk}/failures/").json()
    assert failure == {
        "task": bad,
        "error_type": "InvalidAnswer",
        "message": reason,
        "attempts": 1,
        "created_at": A_MOMENT,
    }
    after = ada.client.get(f"{path}/{first.pk}/failures/", {"after": bad})
    assert after.json() == []
    again = ada.client.post(f"{path}/", {"retry_of": first.pk, "batch_size": 1}, format="json")
    second = PredictionJob.objects.get(pk=again.json()["id"])
    assert (second.retry_of_id, second.total_tasks, second.batch_size) == (first.pk, 1, 1)
    listed = [job["id"] for job in ada.client.get(f"{path}/").json()]
    assert listed == [second.pk, first.pk]
    pending = ada.client.get(f"{path}/?status=Pending&limit=1").json()
    assert [job["id"] for job in pending] == [second.pk]
    assert ada.client.get(f"{path}/", {"after": first.pk}).json() == []
    for _ in range(2):
        canceled = ada.client.post(f"{path}/{second.pk}/cancel")
        assert (canceled.status_code, canceled.json()["status"]) == (200, "Canceled")
    ended = ada.client.post(f"{path}/{first.pk}/cancel")
    assert_invalid(ended, {"non_field_errors": ["The job has ended already: Completed."]})


def test_which_tasks_a_job_is_about(
    ada: Caller, text_project: Project, make_backend: MakeBackend, make_tasks: MakeTasks
) -> None:
    ids = make_tasks(text_project, "good", "bad", "good")
    backend = make_backend(batch_size=7)
    path = f"/api/ml/{backend.pk}/prediction-jobs/"
    text = {"filter": "filter:tasks:data.text", "operator": "equal", "value": "good"}
    good = {"conjunction": "and", "items": [{**text, "type": "String"}]}
    low = {"filter": "filter:tasks:agreement", "operator": "less", "value": 1, "type": "Number"}
    disagreed = {"conjunction": "and", "items": [low]}
    chosen: list[tuple[Any, list[int]]] = [
        ({}, ids),
        ({"tasks": ids[1:]}, ids[1:]),
        ({"selectedItems": {"all": True, "excluded": ids[:1]}}, ids[1:]),
        ({"filters": good}, [ids[0], ids[2]]),
        ({"filters": good, "selectedItems": {"all": False, "included": ids[:2]}}, ids[:1]),
        # A column of another room: null without an evaluation.
        ({"filters": disagreed}, []),
    ]
    for body, expected in chosen:
        made = ada.client.post(path, body, format="json").json()
        job = PredictionJob.objects.get(pk=made["id"])
        assert list(job.items.order_by("task_id").values_list("task_id", flat=True)) == expected
        assert (job.total_tasks, job.batch_size) == (len(expected), 7)
    every = ada.client.post(f"/api/ml/{backend.pk}/predict?batch_size=3")
    assert (every.status_code, every.json()["total_tasks"], every.json()["batch_size"]) == (
        202,
        3,
        3,
    )


def test_what_a_job_refuses(
    ada: Caller,
    olga: Caller,
    rita: Caller,
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
) -> None:
    make_tasks(text_project, "good")
    backend = make_backend()
    path = f"/api/ml/{backend.pk}/prediction-jobs/"
    refused: list[tuple[Any, Any]] = [
        ({"tasks": [999999]}, {"tasks": ["The project has no task 999999."]}),
        ({"tasks": []}, {"tasks": ["This list may not be empty."]}),
        (
            {"tasks": [1], "retry_of": 1},
            {"non_field_errors": ["Name one of tasks, retry_of."]},
        ),
        ({"task_ids": [1]}, {"task_ids": ["There is no such field: did you mean tasks?"]}),
        ({"query": {}}, {"query": ["There is no such field: leave it out."]}),
        ({"retry_of": 5}, {"retry_of": ['Invalid pk "5" - object does not exist.']}),
        (
            {"filters": {"items": [{"filter": "filter:tasks:moon"}]}},
            {"non_field_errors": ["Unknown filter 'moon' with the operator ''."]},
        ),
        ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    ]
    for body, errors in refused:
        if body:
            assert_invalid(ada.client.post(path, body, format="json"), errors)
    assert olga.client.get(path).status_code == 404
    assert rita.client.post(path).status_code == 403
    assert_refused(ada.client.get(f"{path}999"), 404, "No PredictionJob matches the given query.")
    assert not PredictionJob.objects.exists()


def test_the_same_request_makes_one_job(
    ada: Caller, text_project: Project, make_backend: MakeBackend, make_tasks: MakeTasks
) -> None:
    make_tasks(text_project, "good")
    path = f"/api/ml/{make_backend().pk}/prediction-jobs/"
    sent: dict[str, Any] = {
        "path": path,
        "data": {},
        "format": "json",
        "HTTP_IDEMPOTENCY_KEY": "once",
    }
    first, second = ada.client.post(**sent), ada.client.post(**sent)
    assert first.json()["id"] == second.json()["id"]
    assert PredictionJob.objects.count() == 1


@contextmanager
def a_worker() -> Iterator[None]:
    """Executes what is there, in a thread, until the block ends."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.wait(0.02):
            for job_id in list(state.unfinished().values_list("pk", flat=True)):
                executor.execute(job_id, is_over.is_set)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_the_data_manager_gets_predictions(
    ada: Caller,
    olga: Caller,
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
    scripted: Scripted,
) -> None:
    ids = make_tasks(text_project, "good", "bad", "good")
    action = f"/api/dm/actions?id=retrieve_tasks_predictions&project={text_project.pk}"

    def run(body: Any = None, query: str = "", caller: Caller = ada) -> Any:
        return caller.client.post(f"{action}{query}", body, format="json")

    none = "The project has no ML backend; register one at /api/ml/."
    assert_invalid(run(), {"non_field_errors": [none]})
    first, second = make_backend(title="A"), make_backend(title="B")
    unknown = {"ml_backend": ['Invalid pk "999" - object does not exist.']}
    assert_invalid(run({"ml_backend": 999}), unknown)
    assert_invalid(run({}, "&wait=31"), {"wait": ["Seconds, from 0 to 30."]})
    assert run(caller=olga).status_code == 404
    assert not PredictionJob.objects.exists()
    with a_worker():
        # A column of another room; no evaluation, no such task.
        low = {"filter": "filter:tasks:agreement", "operator": "less", "value": 1, "type": "Number"}
        none_of_them = run({"filters": {"conjunction": "and", "items": [low]}})
        assert (none_of_them.status_code, none_of_them.json()["processed_items"]) == (200, 0)
        # The project names A by its title.
        some = run({"selectedItems": {"all": False, "included": ids[:2]}})
        assert (some.status_code, some.json()["processed_items"], some.json()["detail"]) == (
            200,
            2,
            "Retrieved 2 predictions",
        )
        assert [job["ml_backend"] for job in some.json()["jobs"]] == [first.pk]
        scripted.on("/predict", lambda _: (200, {"results": [None]}))
        rest = run({})
        assert rest.json()["detail"] == (
            "Retrieved 0 predictions; 2 tasks were passed over; 1 tasks failed:"
            " An object with `result` is expected, not null."
        )
    Project.objects.update(model_version="")
    late = run({"model_version": None}, "&wait=0")
    assert (late.status_code, late.json()["processed_items"]) == (202, 3)
    assert [job["ml_backend"] for job in late.json()["jobs"]] == [first.pk, second.pk]
    assert Prediction.objects.count() == 2
    entry = AuditEntry.objects.filter(action="selection.retrieve_tasks_predictions").first()
    assert entry is not None


@pytest.mark.django_db(transaction=True)
def test_a_deleted_backend_takes_its_jobs(
    ada: Caller,
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
    executed: Executed,
) -> None:
    make_tasks(text_project, "good")
    backend = make_backend()
    executed(backend)
    assert ada.client.delete(f"/api/ml/{backend.pk}").status_code == 204
    assert not PredictionJob.objects.exists()
    assert [row.model_id for row in Prediction.objects.all()] == [None]


def test_chosen_tasks_are_not_all(ada: Caller, make_backend: MakeBackend) -> None:
    """No more is asked about than somebody meant."""
    path = f"/api/ml/{make_backend().pk}"
    for address in (f"{path}/predict", f"{path}/prediction-jobs/"):
        answer = ada.client.post(f"{address}?tasks=1", {}, format="json")
        assert_invalid(answer, {"tasks": ["There is no such parameter: leave it out."]})
    answer = ada.client.post(f"{path}/predict", {"tasks": [1]}, format="json")
    told = "All tasks are asked about: leave the body out. POST …/prediction-jobs/ chooses tasks."
    assert_invalid(answer, {"non_field_errors": [told]})
    assert not PredictionJob.objects.exists()
