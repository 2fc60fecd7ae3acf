"""POST /:workspace/model-evals with `query`: an evaluation of some tasks of a project."""

from typing import Any

import pytest

from evals.jobs import run
from evals.models import ModelEval
from predictions.models import Project, TaskTag
from tests.conftest import Caller
from tests.evals.conftest import computed, load, tasks


@pytest.fixture
def ids(ada: Caller, project: Project) -> list[int]:
    """The tasks one to five; two and three are tagged."""
    made = load(ada, project, tasks())
    TaskTag.objects.bulk_create(
        TaskTag(project=project, task_id=task, name="night") for task in made[1:3]
    )
    return made


def filtered(name: str, operator: str, value: Any) -> dict[str, Any]:
    item = {"filter": f"filter:tasks:{name}", "operator": operator, "value": value}
    return {"filters": {"conjunction": "and", "items": [item]}}


def counted(evaluation: ModelEval) -> list[int | None]:
    return list(evaluation.images.order_by("position").values_list("task_id", flat=True))


def test_counts_those_alone(ada: Caller, project: Project, ids: list[int]) -> None:
    whole = computed(ada, project)
    query = filtered("tags", "contains", "night")
    body = {"project": project.slug, "modelVersion": "v1", "query": query}
    answer = ada.client.post("/lab/model-evals", body, format="json")
    assert answer.status_code == 202
    made = ModelEval.objects.get(eval_id=answer.json()["evalId"])
    run.run(made.pk)

    done = ada.client.get(f"/lab/model-evals/{made.eval_id}").json()
    assert (done["status"], done["query"]) == ("done", query)
    assert done["images"] == {"train": 0, "valid": 1, "test": 1}
    assert counted(made) == ids[1:3]
    # The same again is of the tasks that the query means now.
    TaskTag.objects.filter(task_id=ids[2]).delete()
    again = ada.client.post(f"/lab/model-evals/{made.eval_id}/rerun").json()
    repeated = ModelEval.objects.get(eval_id=again["evalId"])
    run.run(repeated.pk)
    assert counted(repeated) == ids[1:2]
    # Those with errors in another one.
    wrong = filtered(f"evaluation.{whole.eval_id}.errors", "greater", 0)
    assert counted(computed(ada, project, query=wrong)) == ids[1:4]
    assert "query" not in ada.client.get(f"/lab/model-evals/{whole.eval_id}").json()


def test_warns_of_tasks_that_are_not_there(ada: Caller, project: Project, ids: list[int]) -> None:
    """A typing error leaves out, or lets through, what was not meant."""
    chosen = {"selectedItems": {"all": False, "included": [*ids[:2], max(ids) + 2, max(ids) + 1]}}
    found = computed(ada, project, query=chosen)
    message = (
        f"The query names 2 tasks that the project does not have: {max(ids) + 1}, "
        f"{max(ids) + 2}. They were deleted, or are of another project."
    )
    warning = {"reason": "unknown_tasks", "tasks": 2, "message": message}
    assert (counted(found), found.warnings[:1]) == (ids[:2], [warning])
    without = {"selectedItems": {"all": True, "excluded": [ids[0], max(ids) + 1]}}
    assert computed(ada, project, query=without).warnings[0]["reason"] == "unknown_tasks"
    all_there = {"selectedItems": {"all": True, "excluded": ids[:1]}}
    reasons = {one["reason"] for one in computed(ada, project, query=all_there).warnings}
    assert "unknown_tasks" not in reasons


def test_fails_where_nothing_is_left(ada: Caller, project: Project, ids: list[int]) -> None:
    none = {"selectedItems": {"all": False, "included": []}}
    made = computed(ada, project, query=none)
    assert made.status == ModelEval.Status.FAILED
    assert made.failure_reason == "No task that its query lets through has ground truth."


def test_is_refused_where_its_evaluation_is_gone(
    ada: Caller, project: Project, ids: list[int]
) -> None:
    whole = computed(ada, project)
    query = filtered(f"evaluation.{whole.eval_id}.errors", "greater", 0)
    made = computed(ada, project, query=query)
    ada.client.delete(f"/lab/model-evals/{whole.eval_id}")
    refused = ada.client.post(f"/lab/model-evals/{made.eval_id}/rerun")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert f"no finished evaluation '{whole.eval_id}'" in refused.json()["message"]
    assert [one.pk for one in ModelEval.objects.all()] == [made.pk]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (filtered("moon", "equal", 1), "query: Unknown filter 'moon' with the operator 'equal'."),
        ({"selectedItems": [1]}, "query: selectedItems is an object with all, included and"),
        ([], "query"),
    ],
)
def test_refuses(ada: Caller, project: Project, ids: list[int], query: Any, message: str) -> None:
    body = {"project": project.slug, "modelVersion": "v1", "query": query}
    answer = ada.client.post("/lab/model-evals", body, format="json")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert message in answer.json()["message"]
    assert not ModelEval.objects.exists()
