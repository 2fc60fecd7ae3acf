"""GET /api/tasks/?query=: what an evaluation counted on a task, as a column."""

import json
from typing import Any

import pytest

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject, assert_invalid
from tests.evals.conftest import CAR, PERSON, computed, load, tasks


@pytest.fixture
def ids(ada: Caller, project: Project) -> list[int]:
    """The tasks one to five of the scene."""
    return load(ada, project, tasks())


@pytest.fixture
def evaluation(ada: Caller, project: Project, ids: list[int]) -> ModelEval:
    """Of v1, done."""
    return computed(ada, project)


def ask(caller: Caller, project: Project, *, items: Any = (), ordering: Any = ()) -> Any:
    query: dict[str, Any] = {"ordering": list(ordering)}
    if items:
        query["filters"] = {
            "conjunction": "and",
            "items": [
                {"filter": f"filter:tasks:{name}", "operator": op, "value": value, "type": "Number"}
                for name, op, value in items
            ],
        }
    asked = {"project": str(project.pk), "include": "id", "query": json.dumps(query)}
    return caller.client.get("/api/tasks/", asked)


@pytest.mark.parametrize(
    ("column", "operator", "value", "expected"),
    [
        ("evaluation.{}.truePositives", "greater", 0, [0, 1]),
        ("evaluation.{}.falsePositives", "greater_or_equal", 1, [1, 2]),
        ("evaluation.{}.falseNegatives", "equal", 1, [1, 3]),
        ("evaluation.{}.errors", "in", {"min": 1, "max": 1}, [2, 3]),
        ("evaluation.{}.precision", "equal", 1, [0]),
        ("evaluation.{}.recall", "less", 0.5, [2, 3]),
        ("evaluation.{}.f1", "equal", 0.5, [1]),
        ("evaluation.{}.f1", "empty", True, [4]),
        ("evaluation.{}.measure", "empty", True, [0, 1, 2, 3, 4]),
        ("agreement", "less", 1, [1, 2, 3]),
        ("agreement", "empty", True, [4]),
    ],
)
def test_filters(
    ada: Caller,
    project: Project,
    ids: list[int],
    evaluation: ModelEval,
    column: str,
    operator: str,
    value: Any,
    expected: list[int],
) -> None:
    answer = ask(ada, project, items=[(column.format(evaluation.eval_id), operator, value)])
    assert [ids.index(task["id"]) for task in answer.json()["tasks"]] == expected


def test_orders(ada: Caller, project: Project, ids: list[int], evaluation: ModelEval) -> None:
    worst = ask(ada, project, ordering=[f"-tasks:evaluation.{evaluation.eval_id}.errors"]).json()
    assert [ids.index(task["id"]) for task in worst["tasks"]] == [1, 3, 2, 0, 4]
    # Of a newer one, which is right everywhere.
    computed(ada, project, "v2")
    agreed = ask(ada, project, ordering=["tasks:agreement"]).json()
    assert [ids.index(task["id"]) for task in agreed["tasks"]] == [0, 1, 2, 3, 4]


def test_tasks_do_not_agree_by_some_of_their_classes(
    ada: Caller, project: Project, ids: list[int], evaluation: ModelEval
) -> None:
    before = ask(ada, project, items=[("agreement", "less", 1)]).json()
    computed(ada, project, classes=[PERSON])
    computed(ada, project, labelMap={CAR: None})
    part = {"selectedItems": {"all": False, "included": ids[:1]}}
    computed(ada, project, query=part)
    after = ask(ada, project, items=[("agreement", "less", 1)]).json()
    assert [one["id"] for one in after["tasks"]] == ids[1:4]
    assert after == before


def test_without_an_evaluation_no_task_agrees(
    ada: Caller, project: Project, ids: list[int]
) -> None:
    assert ask(ada, project, items=[("agreement", "greater", -1)]).json()["tasks"] == []


def test_refuses(
    ada: Caller, olga: Caller, project: Project, evaluation: ModelEval, make_project: MakeProject
) -> None:
    other, foreign = make_project(ada), make_project(olga)
    column = f"evaluation.{evaluation.eval_id}.f1"
    message = f"The project has no finished evaluation '{evaluation.eval_id}'."
    for caller, place in ((ada, other), (olga, foreign)):
        assert_invalid(ask(caller, place, items=[(column, "greater", 0)]), {"query": [message]})
        assert_invalid(ask(caller, place, ordering=[f"-{column}"]), {"query": [message]})
    assert ask(olga, project, items=[(column, "greater", 0)]).status_code == 404
    unknown = ask(ada, project, items=[(f"{column}s", "greater", 0)])
    assert unknown.status_code == 400
