"""Which annotation of a task an evaluation takes: the newest marked one, or the newest of all."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from evals.jobs import requests, run
from evals.models import EvalImage, ModelEval
from predictions.models import Annotation, Project, Task
from tests.conftest import Caller, MakeProject
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
    assert shown["summary"] == {
        "mAP": 1.0,
        "mIoU": None,
        "precision": 1.0,
        "recall": 1.0,
        "primary": {"name": "mAP50_95", "value": 1.0, "higherIsBetter": True},
    }
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

    sliced = ["--slice", "meta.camera", "--slice", "data.source"]
    call_command(*asked, "--ground-truth", "all", *sliced)
    made = ModelEval.objects.get(eval_id=capsys.readouterr().out.split()[-1])
    assert (made.status, made.ground_truth) == ("done", "all")
    assert made.options == {"slices": ["meta.camera", "data.source"]}


def mask(label: str, *points: tuple[int, int]) -> Any:
    return {
        "from_name": "outline",
        "to_name": "image",
        "type": "polygonlabels",
        "original_width": 100,
        "original_height": 100,
        "value": {"points": points, "polygonlabels": [label]},
    }


SHAPES = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/><Label value="Person"/></RectangleLabels>'
    '<PolygonLabels name="outline" toName="image"><Label value="Car"/><Label value="Person"/>'
    '</PolygonLabels><Choices name="mood" toName="image" choice="multiple"><Choice value="a"/>'
    '<Choice value="b"/></Choices></View>'
)
LEFT, MIDDLE = ((0, 0), (50, 0), (50, 50), (0, 50)), ((20, 0), (70, 0), (70, 50), (20, 50))
MOOD = {"from_name": "mood", "to_name": "image", "type": "choices"}


@pytest.mark.parametrize(
    ("asked", "truth", "said"),
    [
        ({"control": "label"}, [RIGHT, WRONG], [box(CAR, 10, 10, 20, 20, 0.9)]),
        (
            {"control": "outline"},
            [mask(CAR, *LEFT), mask(PERSON, *MIDDLE)],
            [{**mask(CAR, *LEFT), "score": 0.7}],
        ),
        (
            {"control": "outline", "taskType": "semantic-segmentation"},
            [mask(CAR, *LEFT), mask(PERSON, *MIDDLE)],
            [{**mask(CAR, *LEFT), "score": 0.7}],
        ),
        (
            {"control": "mood"},
            [{**MOOD, "value": {"choices": ["a"]}}, {**MOOD, "value": {"choices": ["b"]}}],
            [{**MOOD, "value": {"choices": ["a"]}, "score": 0.7}],
        ),
    ],
)
def test_scores_in_the_truth_do_not_matter(
    ada: Caller, make_project: MakeProject, asked: Any, truth: list[Any], said: list[Any]
) -> None:
    """Those that a model left there: low ones, falling ones, and what is no number."""
    shown = []
    for n, scores in enumerate([(None, None), (0.9, 0.1), (0.1, 0.9), ("high", True), (42, -3)]):
        made = make_project(ada, SHAPES, title=f"Scores {n}")
        scored = [{**one, "score": s} for one, s in zip(truth, scores, strict=True)]
        load(ada, made, [task("a", truth=scored, said={"v1": said})])
        found = computed(ada, made, **asked)
        path = f"/lab/model-evals/{found.eval_id}"
        panels = [
            ada.client.get(f"{path}/{panel}").json()
            for panel in ("map-results", "confidence-sweep", "confusion-matrix")
        ]
        for panel in panels:
            for name in ("evalId", "project"):
                panel.pop(name)
        shown.append((found.status, found.ignored, panels))
    assert shown == [shown[0]] * 5
    assert shown[0][:2] == ("done", [])


OWN = "/api/dm/actions/?id=predictions_to_annotations&project={}"


def test_says_where_a_version_is_measured_against_itself(ada: Caller, project: Project) -> None:
    said = {"v1": [box(CAR, 10, 10, 20, 20, 0.9)], "v2": [box(CAR, 12, 12, 20, 20, 0.9)]}
    one, two, three, four = load(ada, project, [task(f"i{n}", said=said) for n in range(4)])
    chosen = {"selectedItems": {"all": True}, "model_version": "v1"}
    ada.client.post(OWN.format(project.pk), chosen, format="json")
    own = {row.task_id: row.pk for row in Annotation.objects.all()}
    # Corrected by somebody; drawn by somebody afterwards.
    Annotation.objects.filter(pk=own[two]).update(result=[WRONG])
    annotate(three, [WRONG])

    found = computed(ada, project, groundTruth="all")
    assert header(ada, found)["warnings"] == [
        {
            "reason": "own_predictions",
            "tasks": 2,
            "message": "The ground truth of 2 tasks was made of this version's own predictions and "
            "is unchanged: there it cannot be wrong.",
        }
    ]
    assert header(ada, computed(ada, project, "v2", groundTruth="all"))["warnings"] == []
    body = {"project": project.pk, "ground_truth": True}
    assert ada.client.patch("/api/annotations/", body, format="json").json() == {"updated": 5}
    assert header(ada, computed(ada, project))["warnings"][0]["tasks"] == 2
    same = {"task": one, "model_version": "v1", "result": [box(CAR, 10, 10, 20, 20, 0.8)]}
    assert ada.client.post("/api/predictions/?upsert=true", same, format="json").status_code == 201
    assert header(ada, computed(ada, project))["warnings"][0]["tasks"] == 2
    # Beside the one that was accepted: it is the newest that is evaluated.
    other = {**same, "result": [box(CAR, 50, 50, 20, 20, 0.8)]}
    assert ada.client.post("/api/predictions/", other, format="json").status_code == 201
    assert header(ada, computed(ada, project))["warnings"][0]["tasks"] == 1
    assert ada.client.post("/api/predictions/", same, format="json").status_code == 201
    assert header(ada, computed(ada, project))["warnings"][0]["tasks"] == 2
    Annotation.objects.filter(pk=own[four]).update(was_cancelled=True)
    assert header(ada, computed(ada, project))["warnings"][0]["tasks"] == 1
    assert one in own
