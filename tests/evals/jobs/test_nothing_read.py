"""Evaluations whose regions are all of other controls or classes say so beside their numbers."""

import pytest

from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import CAR, Json, box, computed, load, task

CHOICES = (
    '<View><Image name="image" value="$image"/><Choices name="mood" toName="image">'
    '<Choice value="good"/></Choices></View>'
)
NEITHER = (
    "Neither side has a region of the controls and classes that are evaluated, only 2 others "
    "({reason}: 1, such as task {task}, region {region}; "
    "{reason}: 1, such as task {task}, region {region}): the numbers are of tasks without anything."
)


def one_car(caller: Caller, made: Project) -> tuple[int, str]:
    """A task with the same box on both sides: its id, and the region's."""
    region = box(CAR, 10, 10, 20, 20)
    said = {"v1": [{**region, "score": 0.9}]}
    (task_id,) = load(caller, made, [task("a", truth=[region], said=said)])
    return task_id, region["id"]


def test_boxes_where_the_config_asks_for_choices(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, CHOICES, title="Moods")
    task_id, region = one_car(ada, made)
    found = computed(ada, made)
    message = NEITHER.format(reason="other_control", task=task_id, region=region)
    warning = {"reason": "nothing_read", "regions": 2, "message": message}
    assert (found.status, found.warnings) == ("done", [warning])


UNKNOWN = {
    "reason": "unknown_classes",
    "message": "Of the classes that were asked for, neither the labelling config nor any region has"
    " 'Bus'.",
}


@pytest.mark.parametrize(
    ("asked", "more"), [({"classes": ["Bus"]}, [UNKNOWN]), ({"labelMap": {"Car": None}}, [])]
)
def test_no_class_that_is_asked_for(
    ada: Caller, project: Project, asked: Json, more: list[Json]
) -> None:
    task_id, region = one_car(ada, project)
    found = computed(ada, project, **asked)
    message = NEITHER.format(reason="other_class", task=task_id, region=region)
    warning = {"reason": "nothing_read", "regions": 2, "message": message}
    assert (found.status, found.warnings) == ("done", [warning, *more])


@pytest.mark.parametrize("side", ["groundTruth", "predictions"])
def test_one_side_answers_another_question_alone(
    ada: Caller, make_project: MakeProject, side: str
) -> None:
    """As where a control was renamed: every number of the other side is compared with nothing."""
    made = make_project(ada, BOTH, title="Both")
    region = {**box(CAR, 10, 10, 20, 20), "score": 0.9}
    truth, said = (MOOD, region) if side == "groundTruth" else (region, MOOD)
    (task_id,) = load(ada, made, [task("a", truth=[truth], said={"v1": [said]})])
    found = computed(ada, made, control="label")
    called = {"groundTruth": "the ground truth", "predictions": "the predictions"}[side]
    message = (
        f"All 1 regions of {called} are of other controls or classes than those that are evaluated "
        f"(other_control: 1, such as task {task_id}, region 0): the other side is compared with "
        "nothing. Was a control renamed, or another question answered?"
    )
    warning = {"reason": "one_side_read", "side": side, "regions": 1, "message": message}
    assert (found.status, found.warnings) == ("done", [warning])


def test_sides_that_are_empty_are_evaluated(ada: Caller, project: Project) -> None:
    load(ada, project, [task("a", truth=[], said={"v1": []})])
    found = computed(ada, project)
    assert (found.status, found.warnings) == ("done", [])


BOTH = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/></RectangleLabels><Choices name="mood" toName="image">'
    '<Choice value="good"/></Choices></View>'
)
MOOD = {"from_name": "mood", "to_name": "image", "type": "choices", "value": {"choices": ["good"]}}


def hidden(side: str, n_tasks: int) -> Json:
    called = {"groundTruth": "the ground truth", "predictions": "the predictions"}[side]
    return {
        "reason": "newest_of_other_control",
        "side": side,
        "tasks": n_tasks,
        "message": f"Of {n_tasks} tasks the newest of {called} is about other controls alone, and"
        " an older one about those that are evaluated. The newest alone counts, so there nothing is"
        " said: keep both in one annotation, or prediction.",
    }


def test_an_older_row_holds_what_is_evaluated(ada: Caller, make_project: MakeProject) -> None:
    """Two questions of a task, answered in two annotations, or predictions of one version."""
    made = make_project(ada, BOTH, title="Both")
    region, score = box(CAR, 10, 10, 20, 20), {"score": 0.9}
    found = {**region, **score}
    items = [task(name, truth=[region], said={"v1": [found]}) for name in "abcdef"]
    one, two, both, empty, other_version, unmarked = items
    one["annotations"].append({"result": [MOOD], "ground_truth": True})
    two["predictions"].append({"result": [{**MOOD, **score}], "model_version": "v1"})
    both["annotations"].append({"result": [MOOD, region], "ground_truth": True})
    # Nothing is there: that is said, and meant.
    empty["annotations"].append({"result": [], "ground_truth": True})
    other_version["predictions"].append({"result": [{**MOOD, **score}], "model_version": "v2"})
    unmarked["annotations"].append({"result": [MOOD]})
    load(ada, made, items)
    evaluated = computed(ada, made, control="label")
    assert evaluated.warnings == [hidden("groundTruth", 1), hidden("predictions", 1)]
    # The newest of all annotations is another one there.
    asked = {"control": "label", "groundTruth": "all"}
    assert computed(ada, made, **asked).warnings[0] == hidden("groundTruth", 2)
    # The choices are the newest where they are at all.
    assert computed(ada, made, control="mood").warnings == []


def test_rows_of_one_question_hide_nothing(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, BOTH, title="Both")
    item = task("a", truth=[MOOD], said={"v1": [{**MOOD, "score": 0.9}]})
    item["annotations"].append({"result": [MOOD], "ground_truth": True})
    load(ada, made, [item])
    reasons = [one["reason"] for one in computed(ada, made, control="label").warnings]
    assert reasons == ["nothing_read"]
