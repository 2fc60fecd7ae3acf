"""What requests of all rooms leave in the audit trail: one row each, or none."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from evals.models import ModelEval
from predictions.models import Prediction, Project
from tests.accounts.test_admin import desk_of
from tests.conftest import Caller
from tests.evals.api.test_operations import FILE

VERSIONS = "/api/projects/{project}/model-versions/"
CONNECTIONS = "/api/model-provider-connections/"
KEY = {"provider": "OpenAI", "api_key": "sk-x", "scope": "Model"}
SELECTED = {"selectedItems": {"all": True, "excluded": []}}

# Verb, path, body, the action and its target.
RECORDED: dict[str, tuple[str, str, Any, str, str]] = {
    "project": ("delete", "/api/projects/{project}/", None, "project.deleted", "project {project}"),
    "version of a project": (
        "delete",
        VERSIONS,
        {"model_version": "v1"},
        "version.deleted",
        "project {project}",
    ),
    "version of predictions": (
        "delete",
        "/api/predictions/?project={project}&model_version=v1",
        None,
        "version.deleted",
        "project {project}",
    ),
    "selection": (
        "post",
        "/api/dm/actions/?id=delete_tasks&project={project}",
        SELECTED,
        "selection.delete_tasks",
        "project {project}",
    ),
    "import of predictions": (
        "post",
        "/api/projects/{project}/import/predictions",
        [{"task": "{task}", "result": []}],
        "predictions.imported",
        "project {project}",
    ),
    "import of tasks": (
        "post",
        "/api/projects/{project}/import",
        [{"data": {"image": "http://x.y/2.jpg"}}],
        "tasks.imported",
        "project {project}",
    ),
    "export of a project": (
        "get",
        "/api/projects/{project}/export?exportType=JSON",
        None,
        "project.exported",
        "project {project}",
    ),
    "export of predictions": (
        "get",
        "/api/predictions/export?project={project}",
        None,
        "predictions.exported",
        "project {project}",
    ),
    "evaluation": (
        "post",
        "/lab/model-evals",
        {"project": "cars", "modelVersion": "v1"},
        "evaluation.started",
        "evaluation {eval}",
    ),
    "import of an evaluation": (
        "post",
        "/lab/model-evals/import",
        FILE,
        "evaluation.imported",
        "evaluation {eval}",
    ),
    "provider connection": (
        "post",
        CONNECTIONS,
        KEY,
        "connection.created",
        "provider connection {connection}",
    ),
}

UNRECORDED: list[tuple[str, str, Any]] = [
    ("post", "/api/predictions/", {"task": "{task}", "result": []}),
    ("post", "/api/predictions/", [{"task": "{task}", "result": []}]),
    ("patch", "/api/predictions/{prediction}/", {"score": 0.1}),
    ("delete", "/api/predictions/{prediction}/", None),
    ("post", "/api/tasks/{task}/annotations/", {"result": []}),
    ("delete", "/api/tasks/{task}/", None),
    ("get", "/api/predictions/?project={project}", None),
    ("get", "/api/projects/{project}/", None),
    # Refused, so nothing was done.
    ("delete", "/api/projects/999999/", None),
    ("post", "/api/projects/999999/import", [{"data": {"image": "http://x.y/2.jpg"}}]),
    ("post", "/api/dm/actions/?id=nothing&project={project}", SELECTED),
    ("post", "/lab/model-evals", {"project": "nowhere", "modelVersion": "v1"}),
]


@pytest.fixture
def ids(
    ada: Caller, project: Project, task: int, make_prediction: Any, make_annotation: Any
) -> dict[str, Any]:
    made = make_prediction(ada, task, model_version="v1")
    make_annotation(ada, task, ground_truth=True)
    return {"project": project.pk, "task": task, "prediction": made["id"]}


def filled(body: Any, ids: dict[str, Any]) -> Any:
    if isinstance(body, dict):
        return {name: filled(value, ids) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, ids) for value in body]
    return ids[body[1:-1]] if isinstance(body, str) and body.startswith("{") else body


def send(caller: Caller, verb: str, path: str, body: Any, ids: dict[str, Any]) -> Any:
    call: Callable[..., Any] = getattr(caller.client, verb)
    address = path.format(**ids)
    response = call(address) if body is None else call(address, filled(body, ids), format="json")
    if response.streaming:
        b"".join(response)
    return response


@pytest.mark.parametrize("what", RECORDED)
def test_leaves_one_row(ada: Caller, ids: dict[str, Any], what: str) -> None:
    verb, path, body, action, target = RECORDED[what]

    with CaptureQueriesContext(connection) as queries:
        response = send(ada, verb, path, body, ids)

    assert response.status_code < 300, response.content
    (row,) = AuditEntry.objects.all()
    if "{eval}" in target:
        ids["eval"] = ModelEval.objects.get().eval_id
    if "{connection}" in target:
        ids["connection"] = response.json()["id"]
    assert (row.action, row.target) == (action, target.format(**ids))
    assert (row.actor, row.via, row.token_id) == ("ada@example.com", "key", ada.token.pk)
    assert row.workspace_id == ada.workspace.pk
    written = [q for q in queries if "accounts_auditentry" in q["sql"]]
    assert len(written) == 1


@pytest.mark.parametrize(("verb", "path", "body"), UNRECORDED)
def test_leaves_none(ada: Caller, ids: dict[str, Any], verb: str, path: str, body: Any) -> None:
    send(ada, verb, path, body, ids)
    assert not AuditEntry.objects.exists()


def test_details_say_how_much(ada: Caller, ids: dict[str, Any]) -> None:
    send(ada, "delete", VERSIONS, {"model_version": "v1"}, ids)
    send(ada, "post", "/api/dm/actions/?id=delete_tasks&project={project}", SELECTED, ids)
    details = [row.details for row in AuditEntry.objects.order_by("id")]
    assert details == [{"version": "v1", "predictions": 1}, {"tasks": 1}]


def test_a_replayed_request_is_recorded_once(ada: Caller, ids: dict[str, Any]) -> None:
    path = f"/api/projects/{ids['project']}/import"
    for _ in range(2):
        body = [{"data": {"image": "http://x.y/2.jpg"}}]
        headers = {"idempotency-key": "k"}
        assert ada.client.post(path, body, format="json", headers=headers).status_code == 201
    assert AuditEntry.objects.count() == 1


def test_the_life_of_an_evaluation(ada: Caller, ids: dict[str, Any]) -> None:
    made = ada.client.post("/lab/model-evals/import", FILE, format="json").json()
    eval_id = made["evalId"]
    ada.client.post(f"/lab/model-evals/{eval_id}/cancel", {}, format="json")
    ada.client.delete(f"/lab/model-evals/{eval_id}")
    rows = AuditEntry.objects.order_by("id")
    assert [(row.action, row.target) for row in rows] == [
        (f"evaluation.{act}", f"evaluation {eval_id}")
        for act in ("imported", "cancelled", "deleted")
    ]


class TestDesk:
    def test_one_prediction_leaves_none_a_selection_one(
        self, ada: Caller, ids: dict[str, Any], make_prediction: Any
    ) -> None:
        desk = desk_of(ada)
        desk.post(f"/admin/predictions/prediction/{ids['prediction']}/delete/", {"post": "yes"})
        assert not AuditEntry.objects.exists()
        made = [make_prediction(ada, ids["task"])["id"] for _ in range(3)]
        form = {"action": "delete_selected", "_selected_action": made, "post": "yes"}
        desk.post("/admin/predictions/prediction/", form)
        assert not Prediction.objects.exists()
        (row,) = AuditEntry.objects.all()
        assert (row.action, row.target) == ("selection.deleted", "3 predictions")
        assert sorted(row.details["ids"]) == made
        assert (row.workspace_id, row.via) == (ada.workspace.pk, "session")

    def test_a_project_and_an_evaluation(self, ada: Caller, ids: dict[str, Any]) -> None:
        made = ada.client.post("/lab/model-evals/import", FILE, format="json").json()
        desk = desk_of(ada)
        evaluation = ModelEval.objects.get()
        desk.post(f"/admin/evals/modeleval/{evaluation.pk}/delete/", {"post": "yes"})
        desk.post(f"/admin/predictions/project/{ids['project']}/delete/", {"post": "yes"})
        rows = AuditEntry.objects.order_by("id")[1:]
        assert [(row.action, row.target) for row in rows] == [
            ("evaluation.deleted", f"evaluation {made['evalId']}"),
            ("project.deleted", f"project {ids['project']}: Cars"),
        ]


def test_commands(ada: Caller, ids: dict[str, Any], tmp_path: Path) -> None:
    project, file = str(ids["project"]), tmp_path / "p.ndjson"
    more = {"stdout": StringIO(), "stderr": StringIO(), "verbosity": 0}
    call_command("export_predictions", "--project", project, str(file), **more)
    call_command("import_predictions", "--project", project, str(file), **more)
    rows = AuditEntry.objects.order_by("id")
    assert [(row.action, row.target, row.via) for row in rows] == [
        ("predictions.exported", f"project {project}", "command"),
        ("predictions.imported", f"project {project}", "command"),
    ]
