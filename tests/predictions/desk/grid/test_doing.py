"""What is done with many tasks from the grid: asked first, then done to those chosen, or to all."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from evals.models import ModelEval
from predictions.models import Annotation, Prediction, Project, TaskTag
from tests.conftest import Caller, desk_of
from tests.evals.conftest import load
from tests.evals.conftest import tasks as scene

FRONT = {
    "filters": {
        "conjunction": "and",
        "items": [
            {"filter": "filter:tasks:meta.split", "operator": "equal", "value": "valid"},
        ],
    }
}


@pytest.fixture
def desk(ada: Caller) -> Client:
    return desk_of(ada)


@pytest.fixture
def tasks(ada: Caller, project: Project) -> list[int]:
    """Five tasks with v1 and v2; the first four have ground truth, the third is of valid."""
    return load(ada, project, scene())


def address(project: Project, query: Any = None) -> str:
    url = f"/admin/predictions/project/{project.pk}/tasks/act/"
    return url if query is None else f"{url}?query={json.dumps(query)}"


def said(answer: Any) -> list[str]:
    """What the request left for the next page to show."""
    return [str(message) for message in answer.wsgi_request._messages._queued_messages]


def test_it_asks_first(desk: Client, project: Project, tasks: list[int]) -> None:
    page = desk.post(address(project), {"do": "accept", "task": tasks[3:]}).content.decode()

    assert "Accept as ground truth: 2 tasks of Cars" in page
    assert "One prediction of each of 2 tasks becomes its ground truth" in page
    assert "1 task of them have ground truth already." in page
    assert re.findall(r'name="task" value="(\d+)"', page) == [str(one) for one in tasks[3:]]
    assert '<option value="v1">v1 (1 prediction)</option>' in page
    assert Annotation.objects.count() == 4

    answer = desk.post(address(project, FRONT), {"do": "delete_predictions", "all": 1})
    text = answer.content.decode()
    assert "Delete predictions: 1 task of Cars" in text
    assert "The predictions of one model version go for good, on 1 task." in text
    assert '<input type="hidden" name="all" value="1">' in text
    assert Prediction.objects.count() == 8


def test_tags(desk: Client, project: Project, tasks: list[int]) -> None:
    some = {"do": "add_tag", "task": tasks[:2], "tag": " night ", "sure": "yes"}
    answer = desk.post(address(project, FRONT), some)
    assert answer["Location"].startswith(f"/admin/predictions/project/{project.pk}/tasks/?query=")
    assert said(answer) == ["2 tasks newly tagged night."]
    desk.post(address(project), {"do": "add_tag", "all": 1, "tag": "all", "sure": "yes"})
    assert TaskTag.objects.filter(name="all").count() == 5
    off = {"do": "remove_tag", "all": 1, "tag": "night", "sure": "yes"}
    assert said(desk.post(address(project), off)) == ["2 tasks no longer tagged night."]
    assert list(TaskTag.objects.values_list("name", flat=True).distinct()) == ["all"]
    recorded = AuditEntry.objects.filter(action__startswith="selection.").order_by("pk")
    assert [(one.action, one.details["tasks"]) for one in recorded] == [
        ("selection.add_tags", 2),
        ("selection.add_tags", 5),
        ("selection.remove_tags", 5),
    ]


def test_accepts_and_deletes(desk: Client, project: Project, tasks: list[int]) -> None:
    accept = {"do": "accept", "task": tasks[4:], "version": "v1", "sure": "yes"}
    assert said(desk.post(address(project), accept)) == ["1 prediction accepted as ground truth."]
    made = Annotation.objects.get(task_id=tasks[4])
    assert made.ground_truth
    assert made.parent_prediction == Prediction.objects.get(task_id=tasks[4])

    delete = {"do": "delete_predictions", "task": tasks[:2], "version": "v1", "sure": "yes"}
    assert said(desk.post(address(project), delete)) == ["2 predictions of v1 deleted."]
    left = Prediction.objects.filter(model_version="v1").order_by("task_id")
    assert [one.task_id for one in left] == [tasks[2], tasks[4]]
    none = desk.post(address(project), {**delete, "version": ""}).content.decode()
    assert "Choose whose predictions go." in none


def test_exports(desk: Client, project: Project, tasks: list[int]) -> None:
    asked = {"do": "export", "task": tasks[3:], "type": "JSON", "source": "predictions"}
    answer = desk.post(address(project), {**asked, "sure": "yes"})
    assert answer["Content-Disposition"].endswith('-predictions.json"')
    assert [task["id"] for task in json.loads(answer.getvalue())] == tasks[3:]
    page = desk.post(address(project), {**asked, "type": "moon", "sure": "yes"}).content.decode()
    assert "Choose a type and what goes with the tasks." in page


def test_evaluates_only_these(
    desk: Client, project: Project, tasks: list[int], run_queued: Any
) -> None:
    asked = {"do": "evaluate", "task": tasks[1:3], "version": "v1", "sure": "yes"}
    answer = desk.post(address(project), asked)
    made = ModelEval.objects.get()
    assert answer["Location"] == f"/admin/evals/modeleval/{made.eval_id}/"
    assert made.options == {"query": {"selectedItems": {"all": False, "included": tasks[1:3]}}}
    run_queued(made)
    counted = list(made.images.order_by("position").values_list("task_id", flat=True))
    assert counted == tasks[1:3]
    unknown = desk.post(address(project), {**asked, "version": "moon"}).content.decode()
    assert "The project has no predictions of version &#x27;moon&#x27;." in unknown
    entry = AuditEntry.objects.get(action="evaluation.started")
    assert (entry.target, entry.details) == (f"evaluation {made.eval_id}", {"tasks": 2})


def test_evaluates_only_these_once(desk: Client, project: Project, tasks: list[int]) -> None:
    asked = {"do": "evaluate", "task": tasks[1:3]}
    page = desk.post(address(project), asked).content.decode()
    form = re.search(r'name="once" value="(\w+)"', page)
    assert form is not None
    sent = {**asked, "version": "v1", "sure": "yes", "once": form[1]}
    first, second = (desk.post(address(project), sent)["Location"] for _ in range(2))
    made = ModelEval.objects.get()
    assert first == second == f"/admin/evals/modeleval/{made.eval_id}/"
    assert AuditEntry.objects.filter(action="evaluation.started").count() == 1


@pytest.fixture
def run_queued() -> Any:
    """Computes an evaluation, as a worker does."""
    from evals.jobs import run

    def compute(made: ModelEval) -> None:
        run.run(made.pk)
        made.refresh_from_db()
        assert made.status == ModelEval.Status.DONE, made.failure_reason

    return compute


@pytest.mark.parametrize(
    ("body", "query", "message"),
    [
        ({"do": "add_tag"}, None, "No task is chosen."),
        ({"do": "add_tag", "task": ["x"]}, None, "Expected ids of tasks."),
        ({"do": "add_tag", "task": ["999999"]}, None, "No task is chosen."),
        ({"do": "add_tag", "all": 1}, [], "The query is not a JSON object."),
        ({"do": "save_view", "title": " "}, None, "A view needs a title."),
    ],
)
def test_refuses(
    desk: Client, project: Project, tasks: list[int], body: Any, query: Any, message: str
) -> None:
    assert said(desk.post(address(project, query), body)) == [message]
    assert not TaskTag.objects.exists()


def test_unknown_acts_and_tags(desk: Client, project: Project, tasks: list[int]) -> None:
    assert desk.post(address(project), {"do": "moon", "all": 1}).status_code == 404
    assert desk.get(address(project)).status_code == 405
    long = {"do": "add_tag", "all": 1, "tag": "x" * 101, "sure": "yes"}
    assert "A tag has 1 to 100 characters." in desk.post(address(project), long).content.decode()
