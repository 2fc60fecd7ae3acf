"""Boxes against outlines are compared as areas, and the evaluation says so."""

from typing import Any

import pytest

from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, load, task
from tests.evals.jobs.test_outside import outline

BOX = box(CAR, 10, 10, 20, 20, 0.9)
OUTLINE = outline(BOX)
MESSAGE = (
    "Of one side there are outlines or masks alone, of the other boxes alone: they are compared "
    "as areas, so even a box that fits its object exactly does not overlap it wholly."
)


@pytest.mark.parametrize(
    ("truth", "said", "n"),
    [
        ([OUTLINE], [BOX], 2),
        ([BOX], [OUTLINE, OUTLINE], 3),
        ([OUTLINE], [OUTLINE], 0),
        ([BOX], [BOX], 0),
        ([BOX, OUTLINE], [BOX], 0),
        ([OUTLINE], [BOX, OUTLINE], 0),
        ([OUTLINE], [], 0),
        ([], [BOX], 0),
    ],
)
def test_it_is_told(ada: Caller, project: Project, truth: Any, said: Any, n: int) -> None:
    load(ada, project, [task("one", truth=truth, said={"v1": said})])
    expected = {"reason": "boxes_beside_outlines", "regions": n, "message": MESSAGE}
    assert computed(ada, project).warnings == ([expected] if n else [])


TOLD = (
    " regions are of an image and class of which one side has outlines or masks alone, and the "
    "other boxes alone: they are compared as areas, so even a box that fits its object exactly "
    "does not overlap it wholly."
)
OTHER_BOX = box("Person", 50, 50, 20, 20, 0.9)
OTHER_OUTLINE = outline(OTHER_BOX)
CROWD = {**OUTLINE, "meta": {"iscrowd": 1}}


@pytest.mark.parametrize(
    ("truth", "said", "n"),
    [
        # Of one class boxes, of the other outlines: the same on both sides, or not.
        ([BOX, OTHER_OUTLINE], [BOX, OTHER_OUTLINE], 0),
        ([OUTLINE, OTHER_OUTLINE], [BOX, BOX, OTHER_OUTLINE], 3),
        ([BOX, OTHER_OUTLINE], [OUTLINE, OTHER_BOX], 4),
        ([BOX, OUTLINE], [BOX, BOX], 0),
        ([OUTLINE, OTHER_BOX], [BOX], 2),
        ([CROWD, OTHER_BOX], [BOX, OTHER_BOX], 0),
    ],
)
def test_it_is_told_of_sides_that_have_both(
    ada: Caller, project: Project, truth: Any, said: Any, n: int
) -> None:
    mixed = [BOX, OTHER_OUTLINE]
    tasks = [task("one", truth=truth, said={"v1": said})]
    load(ada, project, [*tasks, task("two", truth=mixed, said={"v1": mixed})])
    expected = {"reason": "boxes_beside_outlines", "regions": n, "message": f"{n}{TOLD}"}
    assert computed(ada, project).warnings == ([expected] if n else [])
