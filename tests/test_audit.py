"""What requests of all rooms leave in the audit trail: one row each, or none."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from evals.models import ModelEval
from predictions.models import Prediction, Project
from prompts.db import prompts
from prompts.models import ModelRun
from prompts.runs import start, state
from tests.conftest import Caller, desk_of
from tests.evals.api.test_operations import FILE
from tests.evals.conftest import computed

PASSWORD = "a long good one"
VERSIONS = "/api/projects/{project}/model-versions/"
CONNECTIONS = "/api/model-provider-connections/"
RUNS = "/api/prompts/{prompt}/versions/{version}/inference-runs/"
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
    "settings of a project": (
        "patch",
        "/api/projects/{project}/",
        {"title": "Lorries"},
        "project.changed",
        "project {project}",
    ),
    "run": ("post", RUNS, {"project": "{project}", "job_id": "j"}, "run.created", "run {new}"),
    "end of a run": ("post", f"{RUNS}{{run}}/cancel/", {}, "run.cancelled", "run {run}"),
    "run of what was left": (
        "post",
        "/api/inference-runs/{run}/re-evaluate/",
        {"mode": "custom", "task_ids": ["{task}"]},
        "run.created",
        "run {new}",
    ),
    "chosen marks": (
        "patch",
        "/api/annotations/",
        {"ids": ["{annotation}"], "ground_truth": False},
        "annotations.marked",
        "1 annotations",
    ),
    "marks of a project": (
        "patch",
        "/api/annotations/",
        {"project": "{project}", "ground_truth": False},
        "annotations.marked",
        "1 annotations of project {project}",
    ),
    "selection of predictions": (
        "post",
        "/api/dm/actions/?id=delete_tasks_predictions&project={project}",
        SELECTED,
        "selection.delete_tasks_predictions",
        "project {project}",
    ),
    "all tasks": (
        "delete",
        "/api/projects/{project}/tasks/",
        None,
        "selection.delete_tasks",
        "project {project}",
    ),
    "images as CSV": (
        "get",
        "/lab/model-evals/{done}/image-predictions?format=csv",
        None,
        "evaluation.exported",
        "evaluation {done}",
    ),
    "images as JSON Lines": (
        "get",
        "/lab/model-evals/{done}/image-predictions?format=jsonl",
        None,
        "evaluation.exported",
        "evaluation {done}",
    ),
    "COCO files": (
        "get",
        "/lab/model-evals/{done}/coco",
        None,
        "evaluation.exported",
        "evaluation {done}",
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
    ("get", "/lab/model-evals/{done}/image-predictions", None),
    ("get", "/api/projects/{project}/", None),
    # Refused, so nothing was done.
    ("delete", "/api/projects/999999/", None),
    ("post", "/api/projects/999999/import", [{"data": {"image": "http://x.y/2.jpg"}}]),
    ("post", "/api/dm/actions/?id=nothing&project={project}", SELECTED),
    ("post", "/lab/model-evals", {"project": "nowhere", "modelVersion": "v1"}),
    ("patch", "/api/projects/{project}/", {"label_config": "<View"}),
    ("post", RUNS, {"project": 999999}),
    ("post", f"{RUNS}999999/cancel/", {}),
    ("patch", "/api/annotations/", {"project": 999999, "ground_truth": True}),
    ("get", "/lab/model-evals/{done}/image-predictions?format=xml", None),
]


@pytest.fixture
def ids(
    ada: Caller, project: Project, task: int, make_prediction: Any, make_annotation: Any
) -> dict[str, Any]:
    made = make_prediction(ada, task, model_version="v1")
    annotation = make_annotation(ada, task, ground_truth=True)
    prompt = prompts.create_prompt({"title": "Boxes"}, ada.access)
    values = {"title": "one", "prompt": "What is in {image}?", "provider_model_id": "gpt"}
    version = prompts.create_version(prompt, values, ada.access)
    of_run = {"project_id": project.pk, "job_id": "j"}
    return {
        "project": project.pk,
        "task": task,
        "prediction": made["id"],
        "annotation": annotation["id"],
        "prompt": prompt.pk,
        "version": version.pk,
        "run": start.create(of_run, version, ada.access).pk,
        "done": computed(ada, project).eval_id,
    }


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
        ids["eval"] = ModelEval.objects.latest("pk").eval_id
    if "{connection}" in target or "{new}" in target:
        ids["connection"] = ids["new"] = response.json()["id"]
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
    send(ada, "patch", "/api/projects/{project}/", {"title": "Lorries", "color": "#123456"}, ids)
    send(ada, "patch", "/api/annotations/", {"project": ids["project"], "ground_truth": True}, ids)
    send(ada, "get", "/lab/model-evals/{done}/image-predictions?format=csv", None, ids)
    details = [row.details for row in AuditEntry.objects.order_by("id")]
    assert details == [
        {"version": "v1", "predictions": 1},
        {"tasks": 1},
        {"changes": ["color", "title"]},
        {"ground_truth": True},
        {"format": "csv"},
    ]


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
        evaluation = ModelEval.objects.get(eval_id=made["evalId"])
        desk.post(f"/admin/evals/modeleval/{evaluation.pk}/delete/", {"post": "yes"})
        desk.post(f"/admin/predictions/project/{ids['project']}/delete/", {"post": "yes"})
        rows = AuditEntry.objects.order_by("id")[1:]
        assert [(row.action, row.target) for row in rows] == [
            ("evaluation.deleted", f"evaluation {made['evalId']}"),
            ("project.deleted", f"project {ids['project']}: Cars"),
        ]


NEW = "another good one"
# What a person does at the desk: the path, the form, the action, its target, and whether the owners
# of the workspace read it or superusers alone.
AT_THE_DESK: dict[str, tuple[str, dict[str, Any], str, str, bool]] = {
    "logout": ("logout/", {}, "login.ended", "", True),
    "own password": (
        "password_change/",
        {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
        "user.password_changed",
        "",
        False,
    ),
    "end of a run": ("prompts/modelrun/{run}/cancel/", {}, "run.cancelled", "run {run}", True),
    "run of what was left": (
        "prompts/modelrun/{ended}/retry/",
        {},
        "run.created",
        "run {new}",
        True,
    ),
    "chosen marks": (
        "predictions/annotation/",
        {"action": "unmark", "_selected_action": ["{annotation}"]},
        "annotations.marked",
        "1 annotations",
        True,
    ),
    "marks of a project": (
        "predictions/project/",
        {"action": "mark_annotations", "_selected_action": ["{project}"], "post": "yes"},
        "annotations.marked",
        "0 annotations",
        True,
    ),
}


@pytest.mark.parametrize("what", AT_THE_DESK)
def test_what_is_done_at_the_desk_leaves_one_row(
    ada: Caller, ids: dict[str, Any], what: str
) -> None:
    path, form, action, target, is_for_owners = AT_THE_DESK[what]
    ada.user.set_password(PASSWORD)
    ada.user.save()
    if "{ended}" in path:
        state.cancel(ids["run"])
        ids["ended"] = ids["run"]

    answer = desk_of(ada).post("/admin/" + path.format(**ids), filled(form, ids))

    assert answer.status_code in (200, 302)
    ids["new"] = ModelRun.objects.latest("pk").pk
    (row,) = AuditEntry.objects.all()
    assert (row.action, row.target) == (action, target.format(**ids))
    assert (row.actor, row.via) == ("ada@example.com", "session")
    assert row.workspace_id == (ada.workspace.pk if is_for_owners else None)


# What is refused or does nothing.
NOTHING_AT_THE_DESK: list[tuple[str, dict[str, Any]]] = [
    ("password_change/", {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}),
    ("prompts/modelrun/{run}/retry/", {}),
    ("predictions/project/", {"action": "mark_annotations", "_selected_action": ["{project}"]}),
]


@pytest.mark.parametrize(("path", "form"), NOTHING_AT_THE_DESK)
def test_what_is_not_done_at_the_desk_leaves_none(
    ada: Caller, ids: dict[str, Any], path: str, form: dict[str, Any]
) -> None:
    desk_of(ada).post("/admin/" + path.format(**ids), filled(form, ids))
    assert not AuditEntry.objects.exists()


def test_logout_of_nobody_leaves_none(db: None) -> None:
    Client().post("/admin/logout/")
    assert not AuditEntry.objects.exists()


def test_settings_of_a_project_at_the_desk(ada: Caller, ids: dict[str, Any]) -> None:
    desk, path = desk_of(ada), f"/admin/predictions/project/{ids['project']}/change/"
    form = dict(desk.get(path).context["adminform"].form.initial)
    form = {name: value for name, value in form.items() if value not in (None, False)}
    assert desk.post(path, form).status_code == 302
    assert not AuditEntry.objects.exists()  # nothing changed

    assert desk.post(path, {**form, "title": "Lorries"}).status_code == 302

    (row,) = AuditEntry.objects.all()
    assert (row.action, row.workspace_id) == ("project.changed", ada.workspace.pk)
    assert row.details == {"changes": [{"changed": {"fields": ["Title"]}}]}


def test_source_of_an_imported_evaluation(ada: Caller, ids: dict[str, Any]) -> None:
    ids["made"] = ada.client.post("/lab/model-evals/import", FILE, format="json").json()["evalId"]
    send(ada, "get", "/lab/model-evals/{made}/source", None, ids)
    row = AuditEntry.objects.latest("pk")
    assert (row.action, row.details) == ("evaluation.exported", {"format": "source"})


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
