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


def test_sides_that_are_empty_are_evaluated(ada: Caller, project: Project) -> None:
    load(ada, project, [task("a", truth=[], said={"v1": []})])
    found = computed(ada, project)
    assert (found.status, found.warnings) == ("done", [])
