"""POST /api/prompts/{prompt}/versions/{version}/inference-runs."""

from collections.abc import Callable
from typing import Any

import pytest
from django_tasks_db.models import DBTaskResult

from predictions.models import Prediction, Project
from prompts.models import ModelRun, PromptVersion
from prompts.runs import tasks
from tests.conftest import A_MOMENT, Caller, assert_invalid, assert_refused
from tests.prompts.conftest import MakeTasks, path_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids(make_tasks: MakeTasks, text_project: Project) -> list[int]:
    return make_tasks(text_project, *[f"text {n}" for n in range(30)])


def post(caller: Caller, version: PromptVersion, **body: Any) -> Any:
    return caller.client.post(f"{path_of(version)}/inference-runs", body, format="json")


def test_a_retried_request_makes_one_run(
    ada: Caller, our_version: PromptVersion, text_project: Project, ids: list[int]
) -> None:
    """It would be paid for twice."""
    body = {"project": text_project.pk, "project_subset": "All"}
    url, headers = f"{path_of(our_version)}/inference-runs", {"idempotency-key": "nightly"}
    first, second = (ada.client.post(url, body, format="json", headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.content, second["Idempotent-Replayed"]) == (second.content, "true")
    assert ModelRun.objects.count() == 1


def tasks_of(response: Any) -> list[int]:
    assert response.status_code == 201, response.json()
    run = ModelRun.objects.get(pk=response.json()["id"])
    return list(run.items.order_by("task_id").values_list("task_id", flat=True))


def test_the_whole_document(
    ada: Caller,
    our_version: PromptVersion,
    text_project: Project,
    ids: list[int],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = post(
            ada, our_version, project=text_project.pk, project_subset="All", organization=None
        )
    assert response.status_code == 201
    assert response.json() == {
        "id": ModelRun.objects.get().pk,
        "project": text_project.pk,
        "model_version": our_version.pk,
        "parent_model": our_version.parent_model_id,
        "project_subset": "All",
        "status": "Pending",
        "status_reason": "",
        "job_id": None,
        "filters_json": None,
        "task_ids": None,
        "sample_subset_size": None,
        "only_missing_predictions": False,
        "source_model_run": None,
        "total_tasks": 30,
        "total_predictions": 0,
        "total_correct_predictions": 0,
        "total_failed": 0,
        "budget_usd": None,
        "cost_usd": None,
        "predictions_updated_at": None,
        "organization": ada.workspace.pk,
        "created_by": {
            "id": ada.user.pk,
            "username": "ada",
            "first_name": "",
            "last_name": "",
            "email": "ada@example.com",
            "avatar": None,
        },
        "created_at": A_MOMENT,
        "triggered_at": None,
        "completed_at": None,
    }
    queued = DBTaskResult.objects.get()
    assert queued.args_kwargs == {"args": [response.json()["id"]], "kwargs": {}}


def test_a_queue_that_is_away_costs_no_run(
    ada: Caller,
    our_version: PromptVersion,
    text_project: Project,
    ids: list[int],
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def enqueue(*args: Any) -> None:
        raise ConnectionError("no queue here")

    monkeypatch.setattr("django_tasks_db.DatabaseBackend.enqueue", enqueue)
    with django_capture_on_commit_callbacks(execute=True):
        response = post(ada, our_version, project=text_project.pk, project_subset="All")
    assert (response.status_code, response.json()["status"]) == (201, "Pending")
    ModelRun.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert tasks.requeue_stalled() == [response.json()["id"]]


def test_who_executes(
    ada: Caller,
    version: PromptVersion,
    our_version: PromptVersion,
    text_project: Project,
    ids: list[int],
) -> None:
    body = {"project": text_project.pk, "project_subset": "All"}
    made = [post(ada, our_version, **body), post(ada, our_version, **body, job_id="x")]
    made.append(post(ada, version, **body))
    found = [ModelRun.objects.get(pk=response.json()["id"]).is_ours for response in made]
    assert found == [True, False, False]


def test_subsets(
    ada: Caller,
    version: PromptVersion,
    text_project: Project,
    ids: list[int],
    truth: Callable[[int, str], None],
    settings: Any,
) -> None:
    truth(ids[3], "pos")
    project = text_project.pk
    assert tasks_of(post(ada, version, project=project)) == [ids[3]], "HasGT unless told"
    assert tasks_of(post(ada, version, project=project, project_subset="HasGT")) == [ids[3]]
    sample = post(ada, version, project=project, project_subset="Sample")
    assert tasks_of(sample) == ids[:20]
    settings.PROMPTER_SAMPLE_SUBSET_SIZE = 3
    sample = post(ada, version, project=project, project_subset="Sample")
    assert tasks_of(sample) == ids[:3]
    sized = post(ada, version, project=project, project_subset="Sample", sample_subset_size=5)
    assert tasks_of(sized) == ids[:5]
    custom = {"project": project, "project_subset": "Custom"}
    wanted = [ids[5], ids[1]]
    for more in ({"task_ids": wanted}, {"filters_json": {"task_ids": wanted}}):
        response = post(ada, version, **custom, **more)
        assert tasks_of(response) == sorted(wanted)
        assert response.json()["task_ids"] == sorted(wanted)


def item(name: str, operator: str, value: Any, kind: str = "String") -> dict[str, Any]:
    return {"filter": f"filter:tasks:{name}", "operator": operator, "value": value, "type": kind}


def test_filters(
    ada: Caller,
    version: PromptVersion,
    text_project: Project,
    make_tasks: MakeTasks,
    make_task: Any,
    truth: Callable[[int, str], None],
) -> None:
    a, b, c = make_tasks(text_project, "Apple pie", "banana", "Cherry pie")
    d = make_task(ada, text_project, data={"text": "dates", "stars": 4, "deep": {"er": "x"}})
    truth(b, "pos")
    Prediction.objects.create(
        task_id=c, project=text_project, result=[], model_version="v7", score=0.4
    )
    cases: list[tuple[list[dict[str, Any]], list[int]]] = [
        ([item("data.text", "contains", "PIE")], [a, c]),
        ([item("data.text", "not_contains", "pie")], [b, d]),
        ([item("data.text", "equal", "banana")], [b]),
        ([item("data.text", "in_list", ["banana", "dates"])], [b, d]),
        ([item("data.stars", "greater", 3, "Number")], [d]),
        ([item("data.stars", "in", {"min": 4, "max": 9}, "Number")], [d]),
        ([item("data.stars", "empty", True)], [a, b, c]),
        ([item("data.deep.er", "equal", "x")], [d]),
        ([item("id", "greater_or_equal", c, "Number")], [c, d]),
        ([item("id", "in_list", [a, d], "List")], [a, d]),
        ([item("ground_truth", "equal", True)], [b]),
        ([item("ground_truth", "equal", "false")], [a, c, d]),
        ([item("model_version", "equal", "v7")], [c]),
        ([item("model_version", "not_equal", "v7")], [a, b, d]),
        ([item("model_version", "empty", True)], [a, b, d]),
        ([item("score", "less", 0.5, "Number")], [c]),
        ([item("id", "equal", a), item("data.text", "contains", "pie")], [a]),
    ]
    for items, expected in cases:
        group = {"conjunction": "and", "items": items}
        response = post(
            ada,
            version,
            project=text_project.pk,
            project_subset="Custom",
            filters_json=group,
        )
        assert tasks_of(response) == expected, items
    either = {"conjunction": "or", "items": [item("id", "equal", a), item("id", "equal", b)]}
    response = post(
        ada, version, project=text_project.pk, project_subset="Custom", filters_json=either
    )
    assert tasks_of(response) == [a, b]


CUSTOM = {"project_subset": "Custom"}
REFUSED = [
    ({"project": None}, "This field may not be null."),
    ({"project": 999999}, 'Invalid pk "999999" - object does not exist.'),
    ({"project": "x"}, "Incorrect type. Expected pk value, received str."),
    ({"project_subset": "Most"}, '"Most" is not a valid choice.'),
    ({"sample_subset_size": -1}, "greater than or equal to 0"),
    ({"sample_subset_size": 2**31}, "less than or equal to 2147483647"),
    ({"total_tasks": 2**31}, "less than or equal to 2147483647"),
    ({"job_id": "x" * 256}, "no more than 255 characters"),
    ({"predictions_updated_at": "soon"}, "Datetime has wrong format"),
    ({"budget_usd": -1}, "greater than or equal to 0"),
    ({"filters_json": [1]}, "Expected a JSON object."),
    ({"budget_usd": 0}, "It must be more than 0: nothing can be asked for that."),
    ({"budget_usd": True}, "A valid number is required."),
    ({"budget_usd": "1_0"}, "A valid number is required."),
    ({"task_ids": [1]}, "Only for the project_subset Custom, and this one is HasGT."),
    ({"project_subset": "All", "filters_json": {"items": []}}, "the project_subset Custom, and"),
    ({"project_subset": "All", "sample_subset_size": 3}, "the project_subset Sample, and this"),
    ({"subset": "All"}, "There is no such field: did you mean project_subset?"),
    (
        {**CUSTOM, "filters_json": {"ids": [1]}},
        "filters_json has no 'ids', only conjunction, items, task_ids.",
    ),
    ({**CUSTOM, "filters_json": {"items": [item("id", "equal", 1)]}, "task_ids": [1]}, "not both"),
    ({**CUSTOM, "filters_json": {"items": [], "task_ids": [1]}}, "not both"),
    (CUSTOM, "A Custom run needs task_ids or a filter group."),
    ({**CUSTOM, "task_ids": ["x"]}, "Expected a list of task ids."),
    ({**CUSTOM, "task_ids": [999999]}, "The project has no task 999999."),
    ({**CUSTOM, "filters_json": {"items": []}}, "A filter group has 1 to 50 items."),
    (
        {**CUSTOM, "filters_json": {"conjunction": "xor", "items": [item("id", "equal", 1)]}},
        "The conjunction is",
    ),
    ({**CUSTOM, "filters_json": {"items": [item("mood", "equal", 1)]}}, "Unknown filter 'mood'"),
    ({**CUSTOM, "filters_json": {"items": [item("id", "like", 1)]}}, "does not go with numbers"),
    ({**CUSTOM, "filters_json": {"items": [item("data.a", "like", 1)]}}, "not go with text"),
    ({**CUSTOM, "filters_json": {"items": [item("id", "equal", "x")]}}, "is not a number"),
    ({**CUSTOM, "filters_json": {"items": [5]}}, "A filter is an object"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_rejections(
    ada: Caller,
    version: PromptVersion,
    text_project: Project,
    ids: list[int],
    body: dict[str, Any],
    message: str,
) -> None:
    response = post(ada, version, **{"project": text_project.pk, **body})
    assert response.status_code == 400
    assert message in str(response.json()["validation_errors"])
    assert ModelRun.objects.count() == 0


def test_placeholders_must_be_fields_of_the_project(
    ada: Caller, version: PromptVersion, text_project: Project, ids: list[int]
) -> None:
    PromptVersion.objects.update(prompt="{text} by {author} of {{house}}")
    response = post(ada, version, project=text_project.pk)
    message = (
        "Unknown placeholders: {author}. Fields of the tasks: text."
        " Double the braces of text that is none."
    )
    assert_invalid(response, {"project": [message]})


def test_a_config_without_controls_is_refused(
    ada: Caller, version: PromptVersion, make_project: Any
) -> None:
    empty = make_project(ada, "<View></View>", title="Empty")
    response = post(ada, version, project=empty.pk)
    assert "no control" in str(response.json()["validation_errors"]["project"])


def test_a_run_without_tasks_has_ended(
    ada: Caller, our_version: PromptVersion, text_project: Project, ids: list[int]
) -> None:
    response = post(ada, our_version, project=text_project.pk, project_subset="HasGT").json()
    assert (response["status"], response["total_tasks"]) == ("Failed", 0)
    assert response["status_reason"] == "No task of the project has a ground-truth annotation."
    assert response["completed_at"] == A_MOMENT


def test_another_prompts_version_is_not_there(
    ada: Caller, version: PromptVersion, text_project: Project
) -> None:
    url = f"/api/prompts/999/versions/{version.pk}/inference-runs"
    response = ada.client.post(url, {"project": text_project.pk}, format="json")
    assert_refused(response, 404, "No ThirdPartyModelVersion matches the given query.")


@pytest.mark.parametrize("n", [1, 200])
def test_statements_do_not_grow_with_the_tasks(
    ada: Caller,
    version: PromptVersion,
    text_project: Project,
    make_tasks: MakeTasks,
    n: int,
    django_assert_num_queries: Any,
) -> None:
    make_tasks(text_project, *["x"] * n)
    with django_assert_num_queries(14):
        post(ada, version, project=text_project.pk, project_subset="All")


def test_what_the_address_chooses_is_refused(
    ada: Caller, our_version: PromptVersion, text_project: Project, ids: list[int]
) -> None:
    """All would be asked about, and paid for."""
    body = {"project": text_project.pk, "project_subset": "All"}
    url = f"{path_of(our_version)}/inference-runs?task_ids={ids[0]}"
    answer = ada.client.post(url, body, format="json")
    assert_invalid(answer, {"task_ids": ["There is no such parameter: leave it out."]})
    assert not ModelRun.objects.exists()
