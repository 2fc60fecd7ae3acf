"""Regions outside of their image, as pixels are that were stored as per cent: told, and counted."""

from typing import Any

import pytest

from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, load, task

Json = dict[str, Any]
MESSAGE = (
    "{n} regions lie wholly outside of their image. Places are per cent of its width and height, "
    "from 0 to 100: are these pixels?"
)


def turned(region: Json) -> Json:
    return {**region, "value": {**region["value"], "rotation": 30}}


def outline(region: Json) -> Json:
    value = region["value"]
    left, top = value["x"], value["y"]
    right, bottom = left + value["width"], top + value["height"]
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {
        **region,
        "type": "polygonlabels",
        "value": {"points": corners, "polygonlabels": value["rectanglelabels"]},
    }


@pytest.mark.parametrize("shaped", [dict, turned, outline])
@pytest.mark.parametrize(
    ("place", "n"),
    [
        ((320, 240, 64, 64), 1),
        ((10, 100, 5, 5), 1),
        ((-40, 10, 20, 5), 1),
        ((-10, 90, 40, 40), 0),
        ((10, 10, 20, 20), 0),
    ],
)
def test_outside_is_told(
    ada: Caller, project: Project, shaped: Any, place: tuple[float, float, float, float], n: int
) -> None:
    truth, said = shaped(box(CAR, 10, 10, 20, 20)), shaped(box(CAR, *place, 0.9))
    load(ada, project, [task("one", truth=[truth], said={"v1": [said]})])
    found = computed(ada, project)
    assert found.status == "done", found.failure_reason
    expected = {"reason": "outside_image", "regions": n, "message": MESSAGE.format(n=n)}
    assert found.warnings == ([expected] if n else [])


@pytest.mark.parametrize("shaped", [dict, turned, outline])
@pytest.mark.parametrize(
    ("meta", "n"),
    [
        ({"iscrowd": 0, "area": 5}, 0),
        ({"iscrowd": "1", "area": "5"}, 0),
        ({"iscrowd": None, "area": ""}, 0),
        ({"iscrowd": 2}, 1),
        ({"iscrowd": "maybe", "area": -1}, 1),
        ({"area": [5]}, 1),
    ],
)
def test_what_is_not_read_of_an_object_is_told(
    ada: Caller, project: Project, shaped: Any, meta: Json, n: int
) -> None:
    """It was passed over without a word."""
    car = box("Car", 10, 10, 20, 20)
    truth = [shaped({**car, "meta": meta}), shaped(box("Person", 50, 50, 5, 5))]
    said = [shaped({**car, "meta": {"iscrowd": 5}})]
    load(ada, project, [task("one", truth=truth, said={"v1": said})])
    found = computed(ada, project)
    told = [(one["reason"], one["regions"]) for one in found.warnings]
    assert told == [("unread_meta", n)] * bool(n)


@pytest.mark.parametrize(
    ("meta", "n"),
    [
        ({"image_size": {"width": "640", "height": 480}, "augmentations": "2", "image_id": 5}, 0),
        ({"image_size": None, "augmentations": None, "image_id": "", "image_name": None}, 0),
        ({"image_size": [640, 480]}, 1),
        ({"image_size": "640x480", "augmentations": 1.5}, 1),
        ({"augmentations": True}, 1),
        ({"image_id": ["a"]}, 1),
        ({"image_name": {"a": 1}}, 1),
    ],
)
def test_facts_of_a_task_that_are_not_read_are_told(
    ada: Caller, project: Project, meta: Json, n: int
) -> None:
    """A size as a list gave way to that of the prediction, without a word."""
    car = box("Car", 10, 10, 20, 20)
    one = task("one", truth=[car], said={"v1": [car]})
    load(ada, project, [{**one, "meta": meta}])
    found = computed(ada, project)
    told = [(one["reason"], one["tasks"]) for one in found.warnings]
    assert told == [("unread_task_facts", n)] * bool(n)
    assert found.images.get().augmentations == (2 if meta.get("augmentations") == "2" else 0)
