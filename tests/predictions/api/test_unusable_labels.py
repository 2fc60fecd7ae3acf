"""What is no label is refused on every way in, by its place, if the project validates."""

import json
from typing import Any

import pytest

from predictions.models import Prediction, Project, Task
from tests.conftest import Caller, MakeProject, MakeTask, region

LINES = "application/x-ndjson"
CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/></RectangleLabels><Rectangle name="bare" toName="image"/></View>'
)
NO_LABELS: list[Any] = [
    None,
    5,
    True,
    {},
    [None],
    [5],
    [True],
    [{}],
    [[]],
    ["Car", None],
    [["Car", 1]],
]
# Under the control's key; in a bare shape and under another key, where the library does not look.
PLACES = ["labelled", "bare", "beside"]


def with_labels(place: str, labels: Any) -> dict[str, Any]:
    made = region("Car")
    if place == "beside":
        made["value"] |= {"rectanglelabels": [], "labels": labels}
        return made
    made["value"]["rectanglelabels"] = labels
    return made if place == "labelled" else {**made, "from_name": "bare", "type": "rectangle"}


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada, CONFIG, validate_predictions=True)


@pytest.fixture
def task(ada: Caller, make_task: MakeTask, project: Project) -> int:
    return make_task(ada, project)


def refused(response: Any, start: str) -> None:
    """A 400 that names the second item, and its second region."""
    assert response.status_code == 400, response.content
    text = json.dumps(response.json()["validation_errors"])
    assert start in text
    assert "Region 1: " in text
    assert "Region 0: " not in text


@pytest.mark.parametrize("labels", NO_LABELS, ids=repr)
@pytest.mark.parametrize("place", PLACES)
def test_is_refused(ada: Caller, project: Project, task: int, place: str, labels: Any) -> None:
    client, of_project = ada.client, f"/api/projects/{project.pk}"
    good = {"task": task, "result": [region()]}
    bad = {"task": task, "result": [region(), with_labels(place, labels)]}
    kept = client.post("/api/predictions/", good, format="json").json()
    one = f"/api/predictions/{kept['id']}/"
    start = "Error validating prediction"

    refused(client.post("/api/predictions/", bad, format="json"), start)
    refused(client.post("/api/predictions/", [good, bad], format="json"), '[{}, {"non_f')
    refused(client.patch(one, {"result": bad["result"]}, format="json"), start)
    refused(client.put(one, bad, format="json"), start)
    url = f"{of_project}/import/predictions"
    refused(client.post(url, [good, bad], format="json"), "Prediction 1: ")
    lines = "".join(json.dumps(item) + "\n" for item in (good, bad))
    refused(client.post(url, lines, content_type=LINES), "Prediction 1: ")
    tasks = [{"data": {"image": "http://x.y/1.jpg"}, "predictions": [p]} for p in (good, bad)]
    refused(client.post(f"{of_project}/import", tasks, format="json"), "Error at item 1: ")

    skipping = client.post(f"{url}?on_error=skip", lines, content_type=LINES).json()
    assert (skipping["created"], [s["index"] for s in skipping["skipped"]]) == (1, [1])
    assert client.get(one).json() == kept
    assert (Prediction.objects.count(), Task.objects.count()) == (2, 1)


@pytest.mark.parametrize("labels", [["Car"], "Car", [["Vehicle", "Car"]], [], [""]], ids=repr)
def test_labels_of_a_bare_shape_are_stored(ada: Caller, task: int, labels: Any) -> None:
    body = {"task": task, "result": [with_labels("bare", labels)]}
    response = ada.client.post("/api/predictions/", body, format="json")
    assert (response.status_code, response.json()["result"]) == (201, body["result"])


@pytest.mark.parametrize("labels", NO_LABELS, ids=repr)
def test_is_stored_if_the_project_does_not_validate(ada: Caller, task: int, labels: Any) -> None:
    Project.objects.update(validate_predictions=False)
    body = {"task": task, "result": [with_labels("labelled", labels)]}
    assert ada.client.post("/api/predictions/", body, format="json").status_code == 201
