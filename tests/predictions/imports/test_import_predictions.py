"""POST /api/projects/{id}/import/predictions: all of them, or none."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.imports.problems import MAX_REASONS
from predictions.models import Prediction, Project, Task
from tests.conftest import (
    LONG_AGO,
    RECORDED,
    TEXT_CONFIG,
    Caller,
    MakeProject,
    MakeTask,
    assert_invalid,
    assert_refused,
    region,
    who_may_write,
)

NO_PROJECT = "No Project matches the given query."
NO_FIT = "A result must be a list of regions; this value fits no control of the labelling config."


@pytest.fixture
def url(project: Project) -> str:
    return f"/api/projects/{project.pk}/import/predictions"


def stored() -> list[tuple[Any, ...]]:
    rows = Prediction.objects.order_by("id")
    return list(rows.values_list("task_id", "model_version", "score", "result"))


def test_imports_predictions(
    ada: Caller, project: Project, task: int, url: str, make_task: MakeTask
) -> None:
    other = make_task(ada, project)
    Task.objects.update(updated_at=LONG_AGO)
    body = [
        {"task": other, "result": [region()], "score": 0.5, "model_version": "v1"},
        {"task": task, "result": []},
        {"task": task, "result": [{"n": 10**30}], "score": "0.25", "model_version": None},
        {"task": task, "result": [], "model_version": "", "cluster": 1, "id": 7, "project": 9},
    ]

    response = ada.client.post(url, body, format="json")

    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    ids = response.json()["prediction_ids"]
    assert response.json() == {"created": 4, "prediction_ids": ids}
    assert ids == sorted(ids)
    assert [p["id"] for p in ada.client.get("/api/predictions/").json()] == ids
    assert stored() == [
        (other, "v1", 0.5, [region()]),
        (task, "undefined", None, []),
        (task, None, 0.25, [{"n": 10**30}]),
        (task, "", None, []),
    ]
    beside = Prediction.objects.order_by("id").values_list("project", "cluster", "mislabeling")
    assert list(beside) == [(project.pk, cluster, 0.0) for cluster in (None, None, None, 1)]
    assert not Task.objects.filter(updated_at__gt=LONG_AGO).exists()
    assert ada.client.get(f"/api/tasks/{task}/").json()["total_predictions"] == 3


def test_keeps_every_character_and_digit(ada: Caller, task: int, url: str) -> None:
    result = [
        {"text": "tab\t nl\n cr\r back\\slash \\u0000 \\N \\. 日本 \x7f\x01", "n": [10**40, -1]}
    ]
    version = "v\t1\n\\N\r\\."

    response = ada.client.post(
        url, [{"task": task, "result": result, "model_version": version}], format="json"
    )

    (pk,) = response.json()["prediction_ids"]
    document = ada.client.get(f"/api/predictions/{pk}/").json()
    assert document["result"] == result
    assert document["model_version"] == version
    assert str(10**40) in ada.client.get(f"/api/predictions/{pk}/").content.decode()


def test_keeps_what_stands_beside_the_regions(ada: Caller, task: int, url: str) -> None:
    near = [{"task": 1, "distance": 0.5}, "\t\\N"]
    body = [
        {"task": task, "result": [], "cluster": 3, "neighbors": near, "mislabeling": 0.25},
        {"task": task, "result": [], "cluster": "3", "mislabeling": "1"},
        {"task": task, "result": [], "cluster": -3.0, "neighbors": {}, "mislabeling": None},
        {"task": task, "result": [], "cluster": None, "neighbors": None, "mislabeling": 0},
    ]
    assert ada.client.post(url, body, format="json").status_code == 201
    tasks = [{"data": {"image": "b.jpg"}, "predictions": [body[0]]}]
    ada.client.post(url.removesuffix("/predictions"), tasks, format="json")
    rows = Prediction.objects.order_by("id").values_list("cluster", "neighbors", "mislabeling")
    alone: list[Any] = [(3, near, 0.25), (3, None, 1.0), (-3, {}, 0.0), (None, None, 0.0)]
    # The tasks that an imported one was near to have other ids here.
    assert list(rows) == [*alone, (3, None, 0.25)]


def test_nothing_is_nothing(ada: Caller, url: str) -> None:
    response = ada.client.post(url, [], format="json")

    assert (response.status_code, response.json()) == (201, {"created": 0, "prediction_ids": []})


BAD = [
    ({"task": ...}, "Missing required field 'task'"),
    ({"task": 999999}, "Invalid task ID 999999 - task not found in project"),
    ({"task": "11"}, "Invalid task ID '11' - task not found in project"),
    ({"task": 1.0}, "Invalid task ID 1.0 - task not found in project"),
    ({"task": True}, "Invalid task ID True - task not found in project"),
    ({"task": None}, "Invalid task ID None - task not found in project"),
    ({"task": 2**70}, f"Invalid task ID {2**70} - task not found in project"),
    ({"task": "other project"}, "Invalid task ID {other} - task not found in project"),
    ({"result": ...}, "Missing required field 'result'"),
    ({"result": None}, "'result' may not be null"),
    ({"result": "Car"}, NO_FIT),
    ({"result": {"a": 1}}, NO_FIT),
    ({"result": 1.5}, "Incorrect format <class 'float'> for prediction result 1.5"),
    ({"result": ["a"]}, "Each item in prediction result should be dict"),
    ({"result": [{"a": "\0"}]}, "Null characters are not allowed."),
    ({"score": "high"}, "Score must be a valid number, got high"),
    ({"score": "inf"}, "Score must be a valid number, got inf"),
    ({"score": "nan"}, "Score must be a valid number, got nan"),
    ({"score": []}, "Score must be a valid number, got []"),
    ({"score": "0_5"}, "Score must be a valid number, got 0_5"),
    ({"modelVersion": "v1"}, "Prediction[modelVersion]: did you mean model_version?"),
    ({"score": 10**400}, f"Score must be a valid number, got {10**99}"),
    ({"confidence": 0.5}, "Prediction[confidence]: did you mean score?"),
    ({"probability": 0.5}, "Prediction[probability]: did you mean score?"),
    ({"modelVersion": "a"}, "Prediction[modelVersion]: did you mean model_version?"),
    ({"model_version": ["a"]}, "model_version must be text, got list"),
    ({"model_version": {"v": 1}}, "model_version must be text, got dict"),
    ({"model_version": True}, "model_version must be text, got bool"),
    ({"model_version": "a\0"}, "Null characters are not allowed."),
    ({"cluster": 3.5}, "cluster must be a whole number, got 3.5"),
    ({"cluster": 2**31}, "cluster must be a whole number, got 2147483648"),
    ({"cluster": True}, "cluster must be a whole number, got True"),
    ({"mislabeling": "x"}, "mislabeling must be a valid number, got x"),
    ({"neighbors": ["\0"]}, "Null characters are not allowed."),
]


def spoilt(task: int, change: dict[str, Any], other: int) -> dict[str, Any]:
    body = {"task": task, "result": [], **change}
    if body["task"] == "other project":
        body["task"] = other
    return {name: value for name, value in body.items() if value is not ...}


@pytest.mark.parametrize(("change", "reason"), BAD, ids=lambda value: repr(value)[:50])
def test_refuses_all_for_one(
    ada: Caller,
    task: int,
    url: str,
    make_project: MakeProject,
    make_task: MakeTask,
    change: dict[str, Any],
    reason: str,
) -> None:
    other = make_task(ada, make_project(ada))
    good = {"task": task, "result": []}

    response = ada.client.post(url, [good, spoilt(task, change, other)], format="json")

    reason = reason.replace("{other}", str(other))
    assert_invalid(response, {"non_field_errors": [f"Prediction 1: {reason}"]})
    assert stored() == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [({}, "dict"), ("text", "str"), (7, "int"), (None, "NoneType")],
)
def test_refuses_what_is_no_list(ada: Caller, url: str, body: Any, kind: str) -> None:
    response = ada.client.generic("POST", url, json.dumps(body), content_type="application/json")

    errors = [f"Expected a list of predictions, got {kind}."]
    assert_invalid(response, {"non_field_errors": errors})


def test_refuses_items_that_are_no_objects(ada: Caller, url: str) -> None:
    response = ada.client.post(url, [1, "a", None, []], format="json")

    kinds = ["int", "str", "NoneType", "list"]
    errors = [f"Prediction {n}: Expected an object, got {kind}" for n, kind in enumerate(kinds)]
    assert_invalid(response, {"non_field_errors": errors})


def test_names_the_first_hundred_reasons_and_counts_the_rest(
    ada: Caller, task: int, url: str
) -> None:
    body = [{"task": task, "result": [], "score": "x"}] * 700 + [{"task": task, "result": []}]

    errors = ada.client.post(url, body, format="json").json()["validation_errors"]

    assert len(errors["non_field_errors"]) == MAX_REASONS + 1
    assert errors["non_field_errors"][-1] == (
        "700 bad items in all; the first 100 reasons are named."
    )
    assert stored() == []


def test_skips_bad_items_when_asked(ada: Caller, task: int, url: str) -> None:
    body = [
        {"task": task, "result": [], "score": 1},
        {"task": 999999, "result": []},
        {"task": task, "result": [], "score": 2},
        {"task": task, "result": None},
    ]

    response = ada.client.post(f"{url}?on_error=skip", body, format="json")

    assert response.status_code == 201
    assert response.json() == {
        "created": 2,
        "prediction_ids": list(Prediction.objects.order_by("id").values_list("id", flat=True)),
        "skipped": [
            {"index": 1, "errors": ["Invalid task ID 999999 - task not found in project"]},
            {"index": 3, "errors": ["'result' may not be null"]},
        ],
    }
    assert [row[2] for row in stored()] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        (
            "on_error=ignore",
            {
                "on_error": [
                    "Select a valid choice. That choice is not one of the available choices."
                ]
            },
        ),
        ("upsert=maybe", {"upsert": ["Must be a valid boolean."]}),
    ],
)
def test_refuses_unknown_options(ada: Caller, url: str, query: str, errors: Any) -> None:
    assert_invalid(ada.client.post(f"{url}?{query}", [], format="json"), errors)


def test_upsert_replaces(ada: Caller, project: Project, task: int, url: str) -> None:
    def post(*items: dict[str, Any]) -> Any:
        body = [{"task": task, "result": [], **item} for item in items]
        return ada.client.post(f"{url}?upsert=true", body, format="json")

    post({"model_version": "a"}, {"model_version": None}, {"model_version": "b"}, {})
    response = post({"model_version": None, "score": 1}, {"model_version": "a", "score": 2})

    assert response.status_code == 201
    assert [row[1:3] for row in stored()] == [
        ("b", None),
        ("undefined", None),
        (None, 1.0),
        ("a", 2.0),
    ]
    assert_invalid(
        post({"model_version": "c"}, {"model_version": "d"}, {"model_version": "c"}),
        {"non_field_errors": ["Prediction 2: Repeats task and model_version of item 0"]},
    )
    assert len(stored()) == 4


def test_a_shorthand(ada: Caller, make_project: MakeProject, make_task: MakeTask) -> None:
    texts = make_project(ada, TEXT_CONFIG)
    task = make_task(ada, texts, data={"text": "hi"})
    url = f"/api/projects/{texts.pk}/import/predictions"

    response = ada.client.post(
        url, [{"task": task, "result": "pos"}, {"task": task, "result": "odd"}], format="json"
    )

    assert response.status_code == 201, response.content
    values = [row[3][0]["value"] for row in stored()]
    assert values == [{"choices": ["pos"]}, {"choices": ["odd"]}]


def test_a_validating_project_names_each_fault(
    ada: Caller, project: Project, task: int, url: str
) -> None:
    Project.objects.update(validate_predictions=True)
    good = {"task": task, "result": [region()], "score": 0.5}
    faults: list[tuple[dict[str, Any], str]] = [
        ({"result": "Car"}, "'result' must be a list"),
        ({"score": 1.5}, "Score must be between 0.00 and 1.00 inclusive, got 1.5"),
        ({"score": "high"}, "Score must be a valid number, got high"),
        (
            {"result": [{**region(), "from_name": "nope"}]},
            "Region 0: 'from_name' 'nope' not found in configuration",
        ),
        (
            {"result": [{"type": "relation", "from_id": "a", "to_id": "b", "direction": "bi"}]},
            "Relation 0: 'from_id' 'a' not found in regions;"
            " Relation 0: 'to_id' 'b' not found in regions",
        ),
    ]
    body = [good, *({**good, **change} for change, _ in faults)]

    response = ada.client.post(url, body, format="json")

    named = [f"Prediction {n}: {reason}" for n, (_, reason) in enumerate(faults, 1)]
    assert_invalid(response, {"non_field_errors": named})
    assert ada.client.post(url, [good], format="json").json()["created"] == 1


@pytest.mark.parametrize("pk", ["999999", "9" * 30])
def test_an_unknown_project(ada: Caller, pk: str) -> None:
    response = ada.client.post(f"/api/projects/{pk}/import/predictions", [], format="json")

    assert_refused(response, 404, NO_PROJECT)


def test_takes_no_slash_and_no_form(ada: Caller, url: str) -> None:
    assert_refused(ada.client.post(url + "/", [], format="json"), 404, "Not found.")
    assert_refused(
        ada.client.generic("POST", url, "a=1", content_type="application/x-www-form-urlencoded"),
        415,
        'Unsupported media type "application/x-www-form-urlencoded" in request.',
    )
    assert_refused(ada.client.get(url), 405, 'Method "GET" not allowed.')


@who_may_write(201)
def test_permissions(
    someone: Callable[[str], APIClient], ada: Caller, task: int, url: str, who: str, status: int
) -> None:
    response = someone(who).post(url, [{"task": task, "result": []}], format="json")

    assert response.status_code == status
    assert Prediction.objects.count() == (status == 201)


@pytest.mark.parametrize("n", [1, 50])
def test_the_number_of_statements(
    ada: Caller, task: int, url: str, n: int, django_assert_num_queries: Any
) -> None:
    ada.client.get("/api/predictions/1/")
    body = [{"task": task, "result": [], "model_version": str(i)} for i in range(n)]

    # Key, project; begin, tasks, ids, end. The rows go by the driver's own COPY.
    with django_assert_num_queries(6 + RECORDED):
        ada.client.post(url, body, format="json")
    with django_assert_num_queries(8 + RECORDED):
        ada.client.post(url + "?upsert=1", body, format="json")
    assert len(stored()) == n
