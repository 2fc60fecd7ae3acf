"""Sides whose places are all shares from 0 to 1, stored as per cent: told for each side."""

from typing import Any

import pytest

from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, load, task
from tests.evals.jobs.test_outside import outline, turned

Json = dict[str, Any]
MESSAGE = (
    "All {n} regions of {called} have places and sizes of at most 1. Places are per cent of the "
    "image's width and height, from 0 to 100: are these shares from 0 to 1?"
)
CALLED = {"groundTruth": "the ground truth", "predictions": "the predictions"}


def warning(side: str, n: int) -> Json:
    message = MESSAGE.format(n=n, called=CALLED[side])
    return {"reason": "within_one_per_cent", "regions": n, "side": side, "message": message}


@pytest.mark.parametrize("shaped", [dict, turned, outline])
@pytest.mark.parametrize(
    ("true_at", "said_at", "sides"),
    [
        ((10, 10, 20, 20), [(0.1, 0.1, 0.2, 0.2), (0.5, 0.5, 0.5, 0.5)], ["predictions"]),
        ((0.1, 0.1, 0.2, 0.2), [(10, 10, 20, 20), (50, 50, 5, 5)], ["groundTruth"]),
        ((0.1, 0.1, 0.2, 0.2), [(0.1, 0.1, 0.2, 0.2)], ["groundTruth", "predictions"]),
        # One that is none is enough: there is no warning about small objects in a corner.
        ((10, 10, 20, 20), [(0.1, 0.1, 0.2, 0.2), (0.5, 0.5, 1.5, 0.5)], []),
        # One that covers nothing says nothing.
        ((10, 10, 20, 20), [(0, 0, 0, 0)], []),
    ],
)
def test_shares_are_told(
    ada: Caller, project: Project, shaped: Any, true_at: Any, said_at: Any, sides: list[str]
) -> None:
    truth = shaped(box(CAR, *true_at))
    said = [shaped({**box(CAR, *at), "score": 0.9}) for at in said_at]
    load(ada, project, [task("one", truth=[truth], said={"v1": said})])
    found = computed(ada, project)
    assert found.status == "done", found.failure_reason
    n = {"groundTruth": 1, "predictions": len(said)}
    assert found.warnings == [warning(side, n[side]) for side in sides]


def test_all_images_decide(ada: Caller, project: Project, settings: Any) -> None:
    settings.EVALUATION_CHUNK = 1
    truth = [box(CAR, 10, 10, 20, 20)]
    small, large = box(CAR, 0.1, 0.1, 0.2, 0.2, 0.9), box(CAR, 10, 10, 20, 20, 0.9)
    load(ada, project, [
        task("a", truth=truth, said={"v1": [small], "v2": [small]}),
        task("b", truth=truth, said={"v1": [large], "v2": [small]}),
        task("c", truth=truth),
    ])  # fmt: skip
    assert computed(ada, project).warnings == []
    assert computed(ada, project, "v2").warnings == [warning("predictions", 2)]
