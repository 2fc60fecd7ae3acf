"""Which annotation of a task an evaluation takes: the newest marked one, or the newest of all."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from evals.jobs import requests, run
from evals.models import EvalImage, ModelEval
from predictions.models import Annotation, Project, Task
from tests.conftest import Caller
from tests.evals.conftest import CAR, PERSON, box, computed, load, task, values

SAID = {"v1": [box(CAR, 10, 10, 20, 20, 0.9)]}
RIGHT, WRONG = box(CAR, 10, 10, 20, 20), box(PERSON, 60, 60, 20, 20)


def annotate(task_id: int, result: list[Any], **more: Any) -> int:
    row = Task.objects.get(pk=task_id)
    made = Annotation.objects.create(task=row, project_id=row.project_id, result=result, **more)
    return made.pk


def taken(evaluation: ModelEval) -> list[tuple[int | None, int | None]]:
    """Task and annotation of each image."""
    rows = EvalImage.objects.filter(evaluation=evaluation).order_by("position")
    return list(rows.values_list("task_id", "annotation_id"))


def header(caller: Caller, evaluation: ModelEval) -> Any:
    return caller.client.get(f"/lab/model-evals/{evaluation.eval_id}").json()


def test_all_takes_the_newest_that_is_not_cancelled(ada: Caller, project: Project) -> None:
    one, two, three, four = load(ada, project, [task(f"i{n}", said=SAID) for n in range(4)])
    annotate(one, [WRONG])
    newest = annotate(one, [RIGHT])
    kept = annotate(two, [RIGHT])
    annotate(two, [WRONG], was_cancelled=True)
    annotate(three, [WRONG], was_cancelled=True)
    # A mark makes no difference here.
    annotate(four, [WRONG], ground_truth=True)
    unmarked = annotate(four, [RIGHT])

    found = computed(ada, project, groundTruth="all")
    assert taken(found) == [(one, newest), (two, kept), (four, unmarked)]
    shown = header(ada, found)
    assert (shown["status"], shown["groundTruth"]) == ("done", "all")
    assert shown["images"] == {"train": 0, "valid": 0, "test": 3}
    assert shown["summary"] == {"mAP": 1.0, "mIoU": None, "precision": 1.0, "recall": 1.0}
    newest_at = Annotation.objects.filter(was_cancelled=False).latest("updated_at").updated_at
    found.refresh_from_db()
    assert (found.newest_ground_truth_at, found.n_ground_truths) == (newest_at, 3)


def test_marked_is_the_default(ada: Caller, project: Project) -> None:
    (one,) = load(ada, project, [task("a", said=SAID)])
    marked = annotate(one, [RIGHT], ground_truth=True)
    annotate(one, [WRONG])

    for more in ({}, {"groundTruth": "marked"}):
        found = computed(ada, project, **more)
        assert taken(found) == [(one, marked)]
        assert header(ada, found)["groundTruth"] == "marked"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {},
            "The project has no ground truth. Mark annotations as ground truth: "
            'PATCH /api/annotations/ {"project": id, "ground_truth": true}. Or ask with '
            '"groundTruth": "all", which takes the newest annotation of each task.',
        ),
        (
            {"groundTruth": "all"},
            "The project has no annotations, or only cancelled ones.",
        ),
    ],
)
def test_nothing_to_measure_against(
    ada: Caller, project: Project, asked: dict[str, str], message: str
) -> None:
    (one,) = load(ada, project, [task("a", said=SAID)])
    annotate(one, [RIGHT], was_cancelled=bool(asked))

    body = {"project": "cars", "modelVersion": "v1", **asked}
    answer = ada.client.post("/lab/model-evals", body, format="json")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "no_ground_truth", "message": message},
    )
    assert not ModelEval.objects.exists()


def test_what_vanished_before_the_plan(ada: Caller, project: Project) -> None:
    (one,) = load(ada, project, [task("a", said=SAID)])
    annotate(one, [RIGHT])
    found = requests.create(values(project, groundTruth="all"), workspace_id=ada.workspace.pk)
    Annotation.objects.update(was_cancelled=True)
    run.run(found.pk)
    found.refresh_from_db()

    assert found.failure_reason == "The project has no annotations, or only cancelled ones."


@pytest.mark.parametrize("word", ["newest", "", None, 1, ["all"]])
def test_refuses_other_words(ada: Caller, project: Project, task_ids: list[int], word: Any) -> None:
    body = {"project": "cars", "modelVersion": "v1", "groundTruth": word}
    answer = ada.client.post("/lab/model-evals", body, format="json")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["message"].startswith("groundTruth: ")


def test_on_the_command_line(
    ada: Caller, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = load(ada, project, [task("a", said=SAID)])
    annotate(one, [RIGHT])
    asked = ["evaluate", "--project", "cars", "--model-version", "v1"]
    with pytest.raises(CommandError, match="no ground truth"):
        call_command(*asked)

    call_command(*asked, "--ground-truth", "all")
    made = ModelEval.objects.get(eval_id=capsys.readouterr().out.split()[-1])
    assert (made.status, made.ground_truth) == ("done", "all")
