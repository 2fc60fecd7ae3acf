"""The Idempotency-Key header on POST."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from predictions.db import idempotency
from predictions.models import Annotation, IdempotentRequest, Prediction, Project, Task
from predictions_api.jobs import sweeps
from tests.conftest import Caller, MakeProject, MakeTask, assert_invalid

URL = "/api/predictions/"
USED = {"non_field_errors": ["This Idempotency-Key was used for another request."]}


def post(caller: Caller, body: Any, key: str = "k", url: str = URL) -> Any:
    return caller.client.post(url, body, format="json", headers={"idempotency-key": key})


def test_the_same_request_again_is_answered_not_done(ada: Caller, task: int) -> None:
    body = {"task": task, "result": []}

    first, second = post(ada, body), post(ada, body)

    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert second["Content-Type"] == "application/json"
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert Prediction.objects.count() == 1


def test_other_keys_and_no_key_store_again(ada: Caller, task: int) -> None:
    body = {"task": task, "result": []}

    post(ada, body, "a")
    post(ada, body, "b")
    for _ in range(2):
        ada.client.post(URL, body, format="json")

    assert Prediction.objects.count() == 4


@pytest.mark.parametrize("change", [{"score": 0.5}, {"result": [{}]}, {"task": "text"}], ids=str)
def test_a_key_is_for_one_request(ada: Caller, task: int, change: dict[str, Any]) -> None:
    body = {"task": task, "result": []}
    post(ada, body)

    change = {"task": str(task)} if "task" in change else change
    assert_invalid(post(ada, {**body, **change}), USED)
    assert_invalid(post(ada, body, url=f"{URL}?upsert=true"), USED)
    assert_invalid(post(ada, [body]), USED)
    assert Prediction.objects.count() == 1


def test_workspaces_do_not_share_keys(
    ada: Caller, olga: Caller, task: int, make_project: MakeProject, make_task: MakeTask
) -> None:
    other = make_task(olga, make_project(olga))

    assert post(ada, {"task": task, "result": []}).json()["task"] == task
    assert post(olga, {"task": other, "result": []}).json()["task"] == other


def test_a_refusal_is_not_kept(ada: Caller, task: int) -> None:
    assert post(ada, {"task": task}).status_code == 400
    assert post(ada, {"task": 999999, "result": []}).status_code == 400
    assert not IdempotentRequest.objects.exists()

    assert post(ada, {"task": task, "result": []}).status_code == 201


def test_after_a_day_the_key_is_free(ada: Caller, task: int) -> None:
    body = {"task": task, "result": []}
    first = post(ada, body)
    day_before = timezone.now() - timedelta(hours=24, seconds=1)
    IdempotentRequest.objects.update(created_at=day_before)

    second = post(ada, {**body, "score": 1})

    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    assert post(ada, {**body, "score": 1}).content == second.content


def test_old_answers_are_purged(ada: Caller, task: int) -> None:
    for key in ("old", "new"):
        post(ada, {"task": task, "result": []}, key)
    day_before = timezone.now() - timedelta(hours=24, seconds=1)
    IdempotentRequest.objects.filter(key="old").update(created_at=day_before)

    assert idempotency.purge() == 1
    assert IdempotentRequest.objects.get().key == "new"
    assert idempotency.purge in sweeps.registered()


def test_the_longest_key(ada: Caller, task: int) -> None:
    body = {"task": task, "result": []}

    assert post(ada, body, "k" * 255).status_code == 201
    assert_invalid(
        post(ada, body, "k" * 256),
        {"non_field_errors": ["Idempotency-Key has at most 255 characters."]},
    )


def test_imports_too(ada: Caller, project: Project, task: int) -> None:
    predictions = f"/api/projects/{project.pk}/import/predictions"
    tasks = f"/api/projects/{project.pk}/import?return_task_ids=true"

    for url, body in (
        (predictions, [{"task": task, "result": []}]),
        (tasks, [{"image": "http://x.y/2.jpg"}]),
    ):
        first, second = post(ada, body, url, url), post(ada, body, url, url)
        assert first.status_code == 201
        assert first.content == second.content
        assert second["Idempotent-Replayed"] == "true"
    assert (Prediction.objects.count(), Task.objects.count()) == (1, 2)


def test_whatever_else_is_made(ada: Caller, project: Project, task: int) -> None:
    text = "<View><Text name='t' value='$text'/></View>"
    for url, body, model in (
        ("/api/projects/", {"title": "Other", "label_config": text}, Project),
        ("/api/tasks/", {"project": project.pk, "data": {"image": "http://x.y/2.jpg"}}, Task),
        (f"/api/tasks/{task}/annotations/", {"result": [], "ground_truth": True}, Annotation),
    ):
        before = model.objects.count()
        first, second = post(ada, body, url, url), post(ada, body, url, url)
        assert first.status_code == second.status_code == 201, first.content
        assert (first.content, second["Idempotent-Replayed"]) == (second.content, "true")
        assert model.objects.count() == before + 1
        assert_invalid(post(ada, {**body, "id": 1}, url, url), USED)


def test_no_longer_allowed_means_no_answer(ada: Caller, task: int) -> None:
    post(ada, {"task": task, "result": []})
    rita_now = APIClient(HTTP_AUTHORIZATION="Token " + "f" * 40)

    response = rita_now.post(URL, {"task": task, "result": []}, headers={"idempotency-key": "k"})

    assert response.status_code == 401


@pytest.mark.django_db(transaction=True)
def test_many_at_once_store_one(
    ada: Caller, make_project: MakeProject, make_task: MakeTask
) -> None:
    task = make_task(ada, make_project(ada))

    def send(_: int) -> Any:
        client = APIClient(HTTP_AUTHORIZATION=f"Token {ada.key}")
        try:
            return client.post(
                URL, {"task": task, "result": []}, format="json", headers={"idempotency-key": "k"}
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(send, range(6)))

    assert [response.status_code for response in responses] == [201] * 6
    assert len({response.content for response in responses}) == 1
    assert sum("Idempotent-Replayed" not in response for response in responses) == 1
    assert Prediction.objects.count() == 1
