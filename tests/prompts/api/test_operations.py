"""Each documented operation of these rooms succeeds, is open to those it should be, and to no
one else."""

from typing import Any

import pytest

from predictions.models import Project
from prompts.models import ModelRun, PromptVersion, Refinement
from prompts.runs import tasks
from tests.checking import contract
from tests.conftest import Caller, make_caller
from tests.prompts.conftest import MakeRun, MakeTasks, MakeVersion
from tests.prompts.operations import REQUESTS

pytestmark = pytest.mark.django_db

VERBS = {
    operation["operationId"]: verb
    for on in contract().document["paths"].values()
    for verb, operation in on.items()
}
IDS = [operation for operation, _, _ in REQUESTS]


def filled(template: Any, values: dict[str, Any]) -> Any:
    """The template with `{name}` replaced, a value that is nothing else by the value itself."""
    if isinstance(template, dict):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    if not isinstance(template, str):
        return template
    return values.get(template.strip("{}")) or template.format_map(values)


@pytest.fixture
def values(
    our_version: PromptVersion,
    make_version: MakeVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
) -> dict[str, Any]:
    """What the placeholders of the table stand for."""
    (task,) = make_tasks(text_project, "good")
    refinement = Refinement.objects.create(
        version=our_version,
        project=text_project,
        teacher_model_name="t",
        teacher_connection_id=our_version.model_provider_connection_id or 0,
    )
    return {
        "prompt": our_version.parent_model_id,
        "version": our_version.pk,
        "run": make_run(our_version).pk,
        "outside_run": make_run(our_version, job_id="j").pk,
        "project": text_project.pk,
        "task": task,
        "connection": our_version.model_provider_connection_id,
        "refinement": str(refinement.pk),
    }


def send(caller: Caller, operation: str, path: str, body: Any, values: dict[str, Any]) -> Any:
    call = getattr(caller.client, VERBS[operation])
    return call(filled(path, values), filled(body, values), format="json")


@pytest.mark.parametrize(("operation", "path", "body"), REQUESTS, ids=IDS)
def test_succeeds_as_documented(
    operation: str, path: str, body: Any, ada: Caller, values: dict[str, Any]
) -> None:
    response = send(ada, operation, path, body, values)
    assert 200 <= response.status_code < 300, response.content
    on = contract().document["paths"][contract().path_of(response.request["PATH_INFO"])]
    assert on[VERBS[operation]]["operationId"] == operation


# Not about one object: a stranger is answered from their own workspace.
OF_NOBODY = {
    "list_prompts": 200,
    "create_prompt": 400,
    "list_compatible_projects": 200,
    "list_failed_predictions": 200,
    "get_bulk_indicators": 200,
    "list_provider_connections": 200,
    "create_provider_connection": 201,
    "list_provider_choices": 200,
}


@pytest.mark.parametrize(("operation", "path", "body"), REQUESTS, ids=IDS)
def test_is_nobody_elses(
    operation: str, path: str, body: Any, olga: Caller, values: dict[str, Any]
) -> None:
    before = (ModelRun.objects.count(), PromptVersion.objects.count())
    response = send(olga, operation, path, body, values)
    assert response.status_code == OF_NOBODY.get(operation, 404)
    if response.status_code == 200 and operation != "list_provider_choices":
        assert response.json() in (
            [],
            {},
            {"count": 0, "next": None, "previous": None, "results": []},
        )
    assert before == (ModelRun.objects.count(), PromptVersion.objects.count())


@pytest.mark.parametrize(("operation", "path", "body"), REQUESTS, ids=IDS)
def test_a_reader_reads(
    operation: str, path: str, body: Any, rita: Caller, values: dict[str, Any]
) -> None:
    response = send(rita, operation, path, body, values)
    is_read = VERBS[operation] == "get"
    assert response.status_code == 200 or (response.status_code == 202 and is_read) or not is_read
    assert (response.status_code == 403) != is_read


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [
        (["predictions:read"], 200, 403),
        (["prompts:run"], 403, 201),
        (["predictions:write"], 403, 403),
        (["admin"], 200, 201),
    ],
)
def test_scopes(
    scopes: list[str], reads: int, writes: int, ada: Caller, values: dict[str, Any]
) -> None:
    caller = make_caller("ada@example.com", "lab", scopes=scopes)
    assert caller.client.get("/api/prompts/").status_code == reads
    made = caller.client.post("/api/prompts/", {"title": "x"}, format="json")
    assert made.status_code == writes


def test_without_a_key_nothing_is_told(values: dict[str, Any], client: Any) -> None:
    for operation, path, _ in REQUESTS:
        call = getattr(client, VERBS[operation])
        assert call(filled(path, values)).status_code == 401, operation


def test_both_spellings_of_a_path(ada: Caller, values: dict[str, Any]) -> None:
    for operation, path, _ in REQUESTS:
        if VERBS[operation] != "get":
            continue
        plain, question, query = filled(path, values).partition("?")
        for spelling in (plain.rstrip("/"), plain.rstrip("/") + "/"):
            response = ada.client.get(spelling + question + query)
            assert response.status_code in {200, 202}, spelling


def test_every_path_says_what_it_takes(ada: Caller, values: dict[str, Any]) -> None:
    for _, path, _ in REQUESTS:
        assert ada.client.options(filled(path, values)).status_code == 200, path


def test_queued_ids_are_all_a_queue_carries(values: dict[str, Any]) -> None:
    code = tasks.execute_run.func.__code__
    assert code.co_varnames[: code.co_argcount] == ("run_id",)
