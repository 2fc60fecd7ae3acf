"""Projects whose tasks are answered as a whole, and their evaluations, asked for over the API."""

from typing import Any

from evals.jobs import run
from evals.models import ModelEval
from predictions.models import Project, Task
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import Json, load

#: Where a region's value has its answer.
KEYS = {
    "textarea": "text",
    "number": "number",
    "rating": "rating",
    "taxonomy": "taxonomy",
    "pairwise": "selected",
}


def region(kind: str, value: Any, score: float | None = None, name: str = "answer") -> Json:
    """A region of a control that is called `answer` unless named."""
    found: Json = {"from_name": name, "to_name": "text", "type": kind, "value": {KEYS[kind]: value}}
    return found if score is None else {**found, "score": score}


def task(name: str, truth: list[Json], said: list[Json] | None, split: str = "test") -> Json:
    """A task to import; without a prediction where `said` is None."""
    predictions = [] if said is None else [{"result": said, "model_version": "v1", "score": 0.5}]
    return {
        "data": {"text": f"Text of {name}"},
        "meta": {"image_name": name, "split": split},
        "annotations": [{"result": truth, "ground_truth": True}],
        "predictions": predictions,
    }


def ask(caller: Caller, project: Project, **more: Any) -> Any:
    """The answer to a request to evaluate v1."""
    body = {"project": project.slug, "modelVersion": "v1", **more}
    return caller.client.post("/lab/model-evals", body, format="json")


def evaluated(
    caller: Caller, make_project: MakeProject, config: str, items: list[Json], **asked: Any
) -> ModelEval:
    """The evaluation of these tasks, done."""
    made = make_project(caller, config, title="Answers")
    load(caller, made, items)
    answer = ask(caller, made, **asked)
    assert answer.status_code == 202, answer.json()
    found = ModelEval.objects.get(eval_id=answer.json()["evalId"])
    run.run(found.pk)
    found.refresh_from_db()
    assert found.status == "done", found.failure_reason
    return found


def get(caller: Caller, evaluation: ModelEval, route: str = "", **query: Any) -> Any:
    """The answer of a route of the evaluation."""
    path = f"/lab/model-evals/{evaluation.eval_id}" + (f"/{route}" if route else "")
    return caller.client.get(path, query)


def tasks_by_name() -> dict[str, int]:
    """Task ids by the name of the image."""
    return {task.meta["image_name"]: task.pk for task in Task.objects.all()}
