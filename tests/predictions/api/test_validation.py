"""Predictions of a project whose labelling config is asked first."""

import json
from typing import Any

import pytest

from predictions.models import Prediction, Project
from tests.conftest import Caller, MakeProject, MakeTask, assert_invalid, region

URL = "/api/predictions/"
MISSING = [
    f"Region 0: Missing required field '{name}'"
    for name in ("from_name", "to_name", "type", "value")
]
LINES = "application/x-ndjson"
ANSWERS = """<View><Text name="text" value="$text"/><Text name="other" value="$text"/>
<Rating name="stars" toName="text"/><Number name="share" toName="text" max="1"/>
<DateTime name="when" toName="text"/><Pairwise name="better" toName="text,other"/>
<Taxonomy name="kind" toName="text"><Choice value="A"><Choice value="B"/></Choice></Taxonomy>
</View>"""
# Control, what it offers, and what Label Studio's library takes besides.
OFFERED: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("stars", "rating", {"rating": 1}, {"rating": 0}),
    ("share", "number", {"number": 1}, {"number": 1.5}),
    ("when", "datetime", {"datetime": "2024-01-31"}, {"datetime": "yesterday"}),
    ("better", "pairwise", {"selected": "left"}, {"selected": "up"}),
    ("kind", "taxonomy", {"taxonomy": [["A", "B"]]}, {"taxonomy": [["B"]]}),
]
BAD_LABEL = region("Bicycle")
FAR_OUT = region(x=1000)

# What is sent instead of a good prediction -> every message, as Label Studio words it.
FAULTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"result": "text"}, ["'result' must be a list"]),
    ({"result": {"label": "Car"}}, ["'result' must be a list"]),
    ({"result": 7}, ["'result' must be a list"]),
    ({"result": "[]"}, ["'result' must be a list"]),
    ({"result": ["a"]}, ["Region must be a dictionary. Got <class 'str'>: a"]),
    ({"result": [{}]}, MISSING),
    (
        {"result": [{**region(), "from_name": "nope"}]},
        ["Region 0: 'from_name' 'nope' not found in configuration"],
    ),
    (
        {"result": [{**region(), "to_name": "nope"}]},
        ["Region 0: 'to_name' 'nope' not found in configuration"],
    ),
    (
        {"result": [region(), {**region(), "type": "polygonlabels"}]},
        [
            "Region 1: Type 'polygonlabels' does not match expected type 'rectanglelabels'"
            " for control 'label'"
        ],
    ),
    (
        {"result": [{"type": "relation", "from_id": "a", "to_id": "b", "direction": "bi"}]},
        [
            "Relation 0: 'from_id' 'a' not found in regions",
            "Relation 0: 'to_id' 'b' not found in regions",
        ],
    ),
    ({"score": 1.5}, ["Score must be between 0.00 and 1.00 inclusive, got 1.5"]),
    ({"score": -0.5}, ["Score must be between 0.00 and 1.00 inclusive, got -0.5"]),
]


def error_text(messages: list[str]) -> dict[str, list[str]]:
    return {"non_field_errors": [f"Error validating prediction: {messages}"]}


@pytest.fixture(autouse=True)
def validating(project: Project) -> None:
    Project.objects.update(validate_predictions=True)


@pytest.fixture
def good(task: int) -> dict[str, Any]:
    return {"task": task, "result": [region()], "score": 0.5}


def test_stores_what_the_config_allows(ada: Caller, task: int, good: dict[str, Any]) -> None:
    without_id = {name: value for name, value in region("Person").items() if name != "id"}

    for body in (good, {**good, "result": []}, {**good, "result": [without_id], "score": None}):
        response = ada.client.post(URL, body, format="json")
        assert response.status_code == 201, response.content
        assert response.json()["result"] == body["result"]


@pytest.mark.parametrize(("change", "messages"), FAULTS, ids=lambda value: repr(value)[:50])
def test_refuses_on_create(
    ada: Caller, good: dict[str, Any], change: dict[str, Any], messages: list[str]
) -> None:
    body = {**good, **change}

    assert_invalid(ada.client.post(URL, body, format="json"), error_text(messages))
    assert_invalid(
        ada.client.post(URL, [good, body], format="json"),
        {"non_field_errors": [{}, error_text(messages)]},
    )
    assert not Prediction.objects.exists()


@pytest.mark.parametrize(("change", "messages"), FAULTS, ids=lambda value: repr(value)[:50])
def test_refuses_on_patch_of_that_field_alone(
    ada: Caller, good: dict[str, Any], change: dict[str, Any], messages: list[str]
) -> None:
    made = ada.client.post(URL, good, format="json").json()
    url = f"{URL}{made['id']}/"

    assert_invalid(ada.client.patch(url, change, format="json"), error_text(messages))
    assert_invalid(ada.client.put(url, {**good, **change}, format="json"), error_text(messages))
    assert ada.client.get(url).json() == made


@pytest.mark.parametrize(
    ("bad", "start", "end"),
    [
        (
            BAD_LABEL,
            "Region 0: Invalid value for control 'label'. Got: {",
            "valid labels: ['Car', 'Person']",
        ),
        (FAR_OUT, "Region 0: Invalid geometry for control 'label': x 1000", "[0, 100]"),
    ],
)
def test_refuses_labels_and_geometry(
    ada: Caller, good: dict[str, Any], bad: Any, start: str, end: str
) -> None:
    response = ada.client.post(URL, {**good, "result": [bad]}, format="json")

    assert response.status_code == 400
    (text,) = response.json()["validation_errors"]["non_field_errors"]
    assert text.startswith("Error validating prediction: [")
    assert start in text
    assert end in text


def test_patch_of_the_result_alone_works(ada: Caller, good: dict[str, Any]) -> None:
    made = ada.client.post(URL, good, format="json").json()

    response = ada.client.patch(
        f"{URL}{made['id']}/", {"result": [region("Person")]}, format="json"
    )

    assert response.status_code == 200
    assert response.json()["result"] == [region("Person")]
    score = ada.client.patch(f"{URL}{made['id']}/", {"score": 1}, format="json")
    assert (score.status_code, score.json()["score"]) == (200, 1.0)


def test_what_the_config_does_not_know_of_passes(ada: Caller, good: dict[str, Any]) -> None:
    response = ada.client.post(URL, {**good, "unheard_of": 1}, format="json")

    assert response.status_code == 201


def test_a_field_is_refused_before_the_config_is_asked(ada: Caller, good: dict[str, Any]) -> None:
    response = ada.client.post(URL, {**good, "score": "high", "result": "x"}, format="json")

    assert_invalid(response, {"score": ["A valid number is required."]})


def test_moves_in_only_if_the_config_allows_it(
    ada: Caller, good: dict[str, Any], task: int, make_project: MakeProject, make_task: MakeTask
) -> None:
    lax = make_task(ada, make_project(ada))
    made = ada.client.post(URL, {"task": lax, "result": [{}], "score": 7}, format="json").json()
    url = f"{URL}{made['id']}/"

    refused = ada.client.patch(url, {"task": task}, format="json")
    messages = ["Score must be between 0.00 and 1.00 inclusive, got 7.0", *MISSING]
    assert_invalid(refused, error_text(messages))
    assert_invalid(
        ada.client.patch(url, {"task": task, "score": None}, format="json"), error_text(MISSING)
    )
    assert ada.client.get(url).json()["task"] == lax

    moved = ada.client.patch(url, {"task": task, "score": 0.5, "result": [region()]}, format="json")
    assert (moved.status_code, moved.json()["task"]) == (200, task)


def test_off_again(ada: Caller, good: dict[str, Any], project: Project) -> None:
    ada.client.patch(f"/api/projects/{project.pk}/", {"validate_predictions": False}, format="json")

    response = ada.client.post(URL, {**good, "result": [{}], "score": 7}, format="json")

    assert response.status_code == 201


def test_a_changed_config_counts_at_once(
    ada: Caller, good: dict[str, Any], project: Project
) -> None:
    body = {**good, "result": [BAD_LABEL]}
    assert ada.client.post(URL, body, format="json").status_code == 400
    config = project.label_config.replace("Person", "Bicycle")
    ada.client.patch(f"/api/projects/{project.pk}/", {"label_config": config}, format="json")

    assert ada.client.post(URL, body, format="json").status_code == 201


@pytest.mark.parametrize(("name", "kind", "good", "bad"), OFFERED, ids=lambda value: str(value))
def test_an_answer_that_its_control_does_not_offer(
    ada: Caller, make_project: MakeProject, make_task: MakeTask,
    name: str, kind: str, good: dict[str, Any], bad: dict[str, Any],
) -> None:  # fmt: skip
    project = make_project(ada, ANSWERS, validate_predictions=True)
    task, client, url = make_task(ada, project), ada.client, f"/api/projects/{project.pk}/import"

    def told(value: dict[str, Any]) -> dict[str, Any]:
        made = {"from_name": name, "to_name": "text", "type": kind, "value": value}
        return {"task": task, "result": [made]}

    def refused(response: Any, start: str) -> None:
        assert response.status_code == 400, response.content
        (text,) = response.json()["validation_errors"]["non_field_errors"]
        assert text.startswith(start)
        assert f"Region 0: Invalid value for control '{name}': " in text

    kept = client.post(URL, told(good), format="json").json()
    one, start = f"{URL}{kept['id']}/", "Error validating prediction: ["
    refused(client.post(URL, told(bad), format="json"), start)
    refused(client.patch(one, {"result": told(bad)["result"]}, format="json"), start)
    refused(client.put(one, told(bad), format="json"), start)
    both = client.post(URL, [told(good), told(bad)], format="json").json()["validation_errors"]
    assert str(both).startswith("{'non_field_errors': [{}, {'non_field_errors': [")
    predictions = f"{url}/predictions"
    refused(client.post(predictions, [told(good), told(bad)], format="json"), "Prediction 1: ")
    lines = json.dumps(told(bad))
    refused(client.post(predictions, lines, content_type=LINES), "Prediction 0: ")
    item = {"data": {"text": "a"}, "predictions": [{"result": told(bad)["result"]}]}
    refused(client.post(url, [item], format="json"), "Error at item 0: ")

    assert client.get(one).json() == kept
    assert Prediction.objects.count() == 1
    project.validate_predictions = False
    project.save()
    assert client.post(URL, told(bad), format="json").status_code == 201
