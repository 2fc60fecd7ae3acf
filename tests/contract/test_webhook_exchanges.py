"""Exchanges about webhooks recorded from Label Studio, and what it sent to a receiver meanwhile,
sent again in order.

Ids are made to be those of the recording. Compared: status, `Allow`, and every body with the order
of its keys, its types and its texts; not compared are times, unique ids, numbers and `version`.
Where this service differs on purpose, INTENDED says in what.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection

from backends.models import Webhook
from backends.models.actions import OURS
from predictions.models import Project
from tests.backends.webhooks.conftest import Create, Receiver, create, receiver, work
from tests.checking import CheckingClient
from tests.clustered import recorded_ids
from tests.conftest import TEXT_CONFIG, Caller, MakeProject

__all__ = ["create", "receiver", "work"]

FILE = Path(__file__).with_name("webhook_exchanges.jsonl")
EXCHANGES = [json.loads(line) for line in FILE.read_text().splitlines()]
RECORDED_AT = "http://127.0.0.1:18176"
OF_WEBHOOK = ["consecutive_failures", "disabled_reason", "ml_backend", "signing_secret"]
#: Of other values each time; null there where nothing happened yet, or always null here.
MOVING = {"id", "version", "created_at", "updated_at", "unique_id", "duration", "created_username"}
MOVING |= {"token", "search_vector", "created_by", "updated_by", "model_version", "detail", "title"}
TABLES = {
    "/api/webhooks/": "backends_webhook",
    "/api/tasks/": "predictions_task",
    "/api/predictions/": "predictions_prediction",
    "/api/projects/": "predictions_project",
}
PK = 'Invalid pk "{}" - object does not exist.'
ONLY = {"non_field_errors": ["Project webhook can't contain organization-only action."]}
CHOICE = "Select a valid choice. That choice is not one of the available choices."
#: By name: the status here and, of a refusal, its errors.
INTENDED: dict[str, tuple[int, Any]] = {
    "wh-create-project-null": (201, None),
    "wh-create-foreign-project": (400, {"project": [PK.format(1)]}),
    "wh-create-url-ftp": (400, {"url": ["Enter a valid URL."]}),
    "wh-list-foreign": (400, {"project": [CHOICE]}),
    "wh-patch-organization-action": (400, ONLY),
    # Rows that are refused here, or there already, and ours with their own tests.
    "wh-list": (200, None),
    "wh-list-null": (200, None),
    "wh-list-after-gone": (200, None),
    "ev-annotation-refused": (400, None),
    "ev-prediction-delete": (204, None),
    "ev-model-version-delete": (200, None),
}
#: A receiver that was down there and lost what was sent, and a way of deleting that told nobody.
TELLS_MORE = {"ev-receiver-down", "ev-after-down", "ev-delete-all-tasks"}  # fmt: skip


def faults(expected: Any, found: Any, place: str = "") -> Iterator[str]:
    """Where two documents differ in what is compared."""
    key = place.rpartition(".")[2]
    if isinstance(expected, dict) and isinstance(found, dict):
        # Headers come in the order in which they were sent.
        if (list(expected) != list(found)) if key != "headers" else (expected != found):
            yield f"{place}: {list(found)} instead of {list(expected)}"
        for name in expected.keys() & found.keys():
            yield from faults(expected[name], found[name], f"{place}.{name}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{place}: {len(found)} entries instead of {len(expected)}"
        for n, pair in enumerate(zip(expected, found, strict=False)):
            yield from faults(*pair, f"{place}.{n}")
    elif key not in MOVING and (
        type(expected) is not type(found) or (isinstance(expected, str) and expected != found)
    ):
        yield f"{place}: {found!r} instead of {expected!r}"


def restart(table: str, id_: int) -> None:
    """The table's next row has this id."""
    with connection.cursor() as cursor:
        sequence = f"pg_get_serial_sequence('{table}', 'id')"
        cursor.execute(f"SELECT setval({sequence}, %s, false)", [id_])


def as_here(text: str, receiver: Receiver) -> str:
    return text.replace(RECORDED_AT, receiver.url)


def without_ours(body: Any) -> Any:
    """A webhook's document without the keys that are ours, which come last."""
    if isinstance(body, list):
        return [without_ours(entry) for entry in body]
    if isinstance(body, dict) and "send_for_all_actions" in body:
        assert [name for name in body if name in OF_WEBHOOK] == list(body)[11:]
        return {name: value for name, value in body.items() if name not in OF_WEBHOOK}
    return body


@recorded_ids
def test_answers_and_sends_as_recorded(
    ada: Caller, olga: Caller, receiver: Receiver, create: Create,
    work: Callable[[], None], make_project: MakeProject, make_task: Callable[..., int],
    make_annotation: Callable[..., Any],
) -> None:  # fmt: skip
    restart("backends_webhook", 1)
    restart("predictions_project", 1)
    project = make_project(ada, TEXT_CONFIG, title="hook probe")
    restart("predictions_task", 1)
    for n in range(3):
        make_task(ada, project, data={"text": f"item-{n}"})
    callers = {"Token <secret:admin>": ada.client, "Token <secret:other>": olga.client}
    found: list[str] = []
    for exchange in EXCHANGES:
        name, request, recorded = exchange["name"], exchange["request"], exchange["response"]
        prepare(name, ada, receiver, create, work, make_annotation)
        body, kind = request["body"], "application/json"
        form = body.get("__form__") if isinstance(body, dict) else None
        path = request["path"]
        if recorded["status"] == 201 and path in TABLES:
            restart(TABLES[path], recorded["body"]["id"])
        if name == "ev-tasks-import":
            restart("predictions_task", recorded["body"]["task_ids"][0])
        if "annotations/" in path and request["method"] == "POST":
            restart("predictions_annotation", recorded["body"]["id"])
        receiver.got.clear()
        nobody = CheckingClient()
        send = getattr(
            callers.get(request["headers"].get("Authorization"), nobody), request["method"].lower()
        )
        if form is not None:
            response = send(
                path, {**form, "url": as_here(form["url"], receiver)}, format="multipart"
            )
        elif body is None:
            response = send(path)
        else:
            text = body if isinstance(body, str) else json.dumps(body)
            response = send(path, as_here(text, receiver), content_type=kind)
        work()
        found += [f"{name}{one}" for one in differences(exchange, response, receiver)]
    assert not found, "\n".join(found)


def prepare(
    name: str,
    ada: Caller,
    receiver: Receiver,
    create: Create,
    work: Callable[[], None],
    make_annotation: Callable[..., Any],
) -> None:
    """What was done between two recorded exchanges."""
    if name == "wh-create-quiet":
        restart("backends_webhook", 2)
        create(ada, f"{receiver.url}/all", project=1)
    if name == "wh-create-to-delete":
        # The URLs that the recording changed, and changed back.
        Webhook.objects.filter(pk=4).update(url=f"{receiver.url}/some")
    if name == "wh-patch-active":
        Webhook.objects.filter(pk=4).update(url=f"{receiver.url}/some")
    if name == "wh-delete-again":
        assert ada.client.delete("/api/webhooks/10/").status_code == 204
    if name == "ev-task-create":
        Webhook.objects.filter(pk=4).update(
            is_active=True, actions=["TASKS_CREATED", "ANNOTATION_CREATED"]
        )
        Webhook.objects.filter(project=None).delete()
    if name == "ev-annotation-create":
        Project.objects.update(model_version="v")
    if name == "ev-dm-delete-annotations":
        for task in (1, 2):
            make_annotation(ada, task, result=[])
        work()
        receiver.got.clear()
    if name == "wh-get-after-project-delete":
        assert ada.client.delete("/api/projects/1/").status_code == 204
        work()
    if name == "ev-project-create":
        create(ada, f"{receiver.url}/org")
    if name in {"ev-receiver-500", "ev-receiver-redirects", "ev-receiver-gone"}:
        receiver.status = {"5": 500, "r": 302, "g": 410}[name.removeprefix("ev-receiver-")[0]]
        mine = Webhook.objects.filter(pk__in=[2, 3, 4])
        mine.update(paused_until=None, is_active=True, consecutive_failures=0)
    if name in {"wh-list-after-gone", "ev-after-down"}:
        receiver.status = 200
        Webhook.objects.filter(pk__in=[2, 3, 4]).update(is_active=True, paused_until=None)


def differences(exchange: dict[str, Any], response: Any, receiver: Receiver) -> Iterator[str]:
    name, recorded = exchange["name"], exchange["response"]
    status, errors = INTENDED.get(name, (recorded["status"], None))
    if response.status_code != status:
        yield f": {response.status_code} instead of {status}: {response.content[:300]!r}"
        return
    body: Any = response.json() if response.content else ""
    if recorded["allow"] and name.startswith("wh-"):
        yield from faults(recorded["allow"], response["Allow"], ".Allow")
    if errors is not None:
        yield from faults(errors, body["validation_errors"], "")
    elif name.startswith("wh-info"):
        kept = {
            action: {**body[action], "description": ""}
            for action in list(body)
            if action not in OURS
        }
        yield from faults(recorded["body"], kept)
    elif name not in INTENDED and name.startswith("wh-") and body:
        expected = json.loads(as_here(json.dumps(recorded["body"]), receiver))
        yield from faults(with_ours(name, expected), without_ours(body))
    if name in TELLS_MORE:
        return
    by_path: dict[str, list[Any]] = {}
    for one in receiver.got:
        if one.body["action"] not in OURS:
            by_path.setdefault(one.path, []).append(one.body)
    for path in sorted({one["path"] for one in exchange["sent"]} | by_path.keys()):
        wanted = [one["body"] for one in exchange["sent"] if one["path"] == path]
        yield from faults(wanted, by_path.get(path, []), f" sent to {path}")


def with_ours(name: str, expected: Any) -> Any:
    """A recorded answer as the decisions have it."""
    if name.startswith("wh-create-form"):
        return {**expected, "send_payload": True, "send_for_all_actions": True}
    actions = ["TASKS_CREATED", "ANNOTATION_CREATED"]
    if isinstance(expected, dict) and expected.get("id") == 4 and "actions" in expected:
        return {**expected, "actions": actions}
    return expected
