"""The webhook of an ML backend: made, moved and deleted with it, and what it is told."""

from collections.abc import Callable
from typing import Any

import pytest

from backends.models import Delivery, Webhook
from predictions.models import Project
from tests.backends.conftest import MakeTasks
from tests.backends.scripted import Scripted
from tests.backends.webhooks.conftest import Create, Receiver
from tests.conftest import A_MOMENT, Caller

GUARDED = {"auth_method": "BASIC_AUTH", "basic_auth_user": "u", "basic_auth_pass": "s3cret"}


def register(ada: Caller, project: Project, url: str, **more: Any) -> int:
    body = {"project": project.pk, "url": url, **more}
    answer = ada.client.post("/api/ml/", body, format="json")
    assert answer.status_code == 201, answer.content
    pk: int = answer.json()["id"]
    return pk


def webhooks(ada: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ada.client.get("/api/webhooks/").json()
    return found


def test_follows_its_backend(
    ada: Caller, text_project: Project, scripted: Scripted, url: str
) -> None:
    pk = register(ada, text_project, f"{url}/")
    (made,) = webhooks(ada)
    assert made == {
        "id": made["id"],
        "organization": ada.workspace.pk,
        "project": text_project.pk,
        "url": f"{url}/webhook",
        "send_payload": True,
        "send_for_all_actions": True,
        "headers": {},
        "is_active": True,
        "actions": [],
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "consecutive_failures": 0,
        "disabled_reason": None,
        "ml_backend": pk,
    }
    elsewhere = url.replace("127.0.0.1", "localhost")
    body = {"url": elsewhere, "title": "moved"}
    assert ada.client.patch(f"/api/ml/{pk}", body, format="json").status_code == 200
    (moved,) = webhooks(ada)
    assert moved == {**made, "url": f"{elsewhere}/webhook", "updated_at": A_MOMENT}
    # What does not name the URL leaves it as somebody changed it.
    mine = {"is_active": False, "headers": {"X-Own": "1"}}
    ada.client.patch(f"/api/webhooks/{made['id']}/", mine, format="json")
    ada.client.patch(f"/api/ml/{pk}", {"title": "again"}, format="json")
    assert webhooks(ada) == [{**moved, **mine, "updated_at": A_MOMENT}]
    assert ada.client.post(f"/api/webhooks/{made['id']}/test/").status_code == 202
    assert ada.client.delete(f"/api/ml/{pk}").status_code == 204
    assert not Webhook.objects.exists()
    assert not Delivery.objects.exists()


def test_none_is_made_beside_another_of_that_address(
    ada: Caller, text_project: Project, scripted: Scripted, url: str, create: Create
) -> None:
    mine = create(ada, f"{url}/webhook", project=text_project.pk)
    pk = register(ada, text_project, url)
    assert [(one["id"], one["ml_backend"]) for one in webhooks(ada)] == [(mine["id"], None)]
    assert ada.client.delete(f"/api/ml/{pk}").status_code == 204
    assert [one["id"] for one in webhooks(ada)] == [mine["id"]]


@pytest.mark.parametrize(
    ("guard", "expected"), [({}, None), (GUARDED, "Basic dTpzM2NyZXQ=")], ids=["open", "guarded"]
)
def test_is_told_what_label_studio_tells(
    ada: Caller, text_project: Project, scripted: Scripted, url: str, receiver: Receiver,
    create: Create, work: Callable[[], None], make_tasks: MakeTasks,
    make_prediction: Any, make_annotation: Any, guard: dict[str, Any], expected: str | None,
) -> None:  # fmt: skip
    create(ada, receiver.url)
    register(ada, text_project, url, **guard)
    (task,) = make_tasks(text_project, "good")
    make_prediction(ada, task, result=[])
    annotation = make_annotation(ada, task, result=[])
    ada.client.patch(f"/api/projects/{text_project.pk}/", {"title": "New"}, format="json")
    body = {"ids": [annotation["id"]], "ground_truth": True}
    ada.client.patch("/api/annotations/", body, format="json")
    work()
    told = [sent for sent in scripted.sent if sent.path == "/webhook"]
    actions = [
        "TASKS_CREATED", "ANNOTATION_CREATED", "PROJECT_UPDATED", "ANNOTATION_UPDATED",
    ]  # fmt: skip
    assert [sent.body["action"] for sent in told] == actions
    assert {sent.headers.get("Authorization") for sent in told} == {expected}
    assert all(sent.headers["webhook-signature"].startswith("v1,") for sent in told)
    # Ours go to others.
    assert receiver.actions == [actions[0], "PREDICTION_CREATED", *actions[1:]]
    assert {"Authorization" in one.headers for one in receiver.got} == {False}
