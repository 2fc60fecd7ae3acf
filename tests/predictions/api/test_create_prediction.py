"""POST /api/predictions/: one object, or an array of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import MLBackend, Prediction, Project, Task
from tests.conftest import (
    A_MOMENT,
    JUST_NOW,
    LONG_AGO,
    TEXT_CONFIG,
    Caller,
    MakeProject,
    MakeTask,
    assert_invalid,
    assert_refused,
    region,
    who_may_write,
)

URL = "/api/predictions/"
REQUIRED = ["This field is required."]
NULL = ["This field may not be null."]
NOT_A_NUMBER = ["A valid number is required."]
NOT_AN_INTEGER = ["A valid integer is required."]
NOT_TEXT = ["Not a valid string."]
NOT_JSON = ["Value must be valid JSON."]
NO_FIT = ["A result must be a list of regions; this value fits no control of the labelling config."]
NOT_OBJECTS = {"non_field_errors": ["Each item in prediction result should be dict"]}


def unknown(pk: Any) -> list[str]:
    return [f'Invalid pk "{pk}" - object does not exist.']


def not_a_pk(kind: str) -> list[str]:
    return [f"Incorrect type. Expected pk value, received {kind}."]


@pytest.fixture
def text_task(ada: Caller, make_project: MakeProject, make_task: MakeTask) -> int:
    """A task of a project with one choice."""
    return make_task(ada, make_project(ada, TEXT_CONFIG), data={"text": "hello"})


@pytest.fixture
def backend(project: Project) -> MLBackend:
    return MLBackend.objects.create(project=project, url="http://ml.example.com", title="cars")


def test_creates_a_prediction(ada: Caller, project: Project, task: int, backend: MLBackend) -> None:
    Task.objects.update(updated_at=LONG_AGO)
    body = {
        "task": task,
        "result": [region()],
        "score": 1,
        "model_version": "v1",
        "cluster": 3,
        "neighbors": [1, {"b": 2, "a": 1}],
        "mislabeling": 0.25,
        "model": backend.pk,
        "model_run": None,
        "project": project.pk,
    }

    response = ada.client.post(URL, body, format="json")

    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    prediction = Prediction.objects.get()
    expected = {
        "id": prediction.pk,
        "result": [region()],
        "model_version": "v1",
        "created_ago": JUST_NOW,
        "score": 1.0,
        "cluster": 3,
        "neighbors": [1, {"b": 2, "a": 1}],
        "mislabeling": 0.25,
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "model": backend.pk,
        "model_run": None,
        "task": task,
        "project": project.pk,
    }
    assert list(response.json()) == list(expected)
    assert response.json() == expected
    assert b'"score":1.0' in response.content
    touched = Task.objects.get(pk=task)
    assert touched.updated_by_id == ada.user.pk
    assert touched.updated_at > LONG_AGO


def test_defaults_of_what_is_left_out(ada: Caller, project: Project, task: int) -> None:
    response = ada.client.post(URL, {"task": task, "result": []}, format="json")

    assert response.json() == {
        "id": Prediction.objects.get().pk,
        "result": [],
        "model_version": "",
        "created_ago": JUST_NOW,
        "score": None,
        "cluster": None,
        "neighbors": None,
        "mislabeling": 0.0,
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "model": None,
        "model_run": None,
        "task": task,
        "project": project.pk,
    }


@pytest.mark.parametrize(
    ("field", "sent", "answered"),
    [
        ("result", [], []),
        ("result", [{}], [{}]),
        ("result", [region("Bicycle")], [region("Bicycle")]),
        ("result", [{"from_name": "nope"}], [{"from_name": "nope"}]),
        ("result", [region(x=1000)], [region(x=1000)]),
        ("result", [region(), region()], [region(), region()]),
        ("result", [{"z": 10**40, "a": -(10**20)}], [{"z": 10**40, "a": -(10**20)}]),
        ("result", [{"é": "日本語 \\u0000 \\ \n"}], [{"é": "日本語 \\u0000 \\ \n"}]),
        ("score", "0.5", 0.5),
        ("score", True, 1.0),
        ("score", None, None),
        ("score", -7, -7.0),
        ("score", 42, 42.0),
        ("score", 1e308, 1e308),
        ("model_version", "  v 1  ", "v 1"),
        ("model_version", "   ", ""),
        ("model_version", None, ""),
        ("model_version", "a\nb", "a\nb"),
        ("model_version", 5, "5"),
        ("model_version", 1.5, "1.5"),
        ("model_version", "x" * 100_000, "x" * 100_000),
        ("cluster", "12", 12),
        ("cluster", None, None),
        ("cluster", -(2**31), -(2**31)),
        ("cluster", 2**31 - 1, 2**31 - 1),
        ("neighbors", None, None),
        ("neighbors", "text", "text"),
        ("neighbors", {"b": [1], "a": 10**30}, {"b": [1], "a": 10**30}),
        ("neighbors", 7, 7),
        ("mislabeling", "0.5", 0.5),
        ("mislabeling", -1, -1.0),
        ("model", None, None),
        ("model", "", None),
        ("model_run", None, None),
        ("id", 99999, ...),
        ("created_ago", "never", ...),
        ("created_at", "2000-01-01T00:00:00Z", ...),
        ("unheard_of", {"a": 1}, ...),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_accepts(ada: Caller, task: int, field: str, sent: Any, answered: Any) -> None:
    response = ada.client.post(URL, {"task": task, "result": [], field: sent}, format="json")

    assert response.status_code == 201, response.content
    document = response.json()
    if answered is ...:
        assert document.get(field) != sent
    else:
        assert document[field] == answered
        assert type(document[field]) is type(answered)
    assert ada.client.get(f"{URL}{document['id']}/").json() == document


def test_the_task_may_be_named_in_text(ada: Caller, task: int) -> None:
    response = ada.client.post(URL, {"task": str(task), "result": []}, format="json")

    assert response.json()["task"] == task


@pytest.mark.parametrize("sent", [None, "", "same", "other"])
def test_the_project_always_is_the_tasks(
    ada: Caller, project: Project, task: int, make_project: MakeProject, sent: str | None
) -> None:
    named = {"same": project.pk, "other": make_project(ada).pk}.get(sent or "", sent)

    response = ada.client.post(URL, {"task": task, "result": [], "project": named}, format="json")

    assert response.status_code == 201
    assert response.json()["project"] == project.pk


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"task": ...}, {"task": REQUIRED}),
        ({"task": None}, {"task": NULL}),
        ({"task": ""}, {"task": NULL}),
        ({"task": 999999}, {"task": unknown(999999)}),
        ({"task": -1}, {"task": unknown(-1)}),
        ({"task": 0}, {"task": unknown(0)}),
        ({"task": 10**30}, {"task": unknown(10**30)}),
        ({"task": 2**63}, {"task": unknown(2**63)}),
        ({"task": "abc"}, {"task": not_a_pk("str")}),
        ({"task": 1.5}, {"task": not_a_pk("float")}),
        ({"task": True}, {"task": not_a_pk("bool")}),
        ({"task": []}, {"task": not_a_pk("list")}),
        ({"task": {}}, {"task": not_a_pk("dict")}),
        ({"result": ...}, {"result": REQUIRED}),
        ({"task": ..., "result": ...}, {"result": REQUIRED, "task": REQUIRED}),
        ({"result": None}, {"result": NULL}),
        ({"result": ["a"]}, NOT_OBJECTS),
        ({"result": [None]}, NOT_OBJECTS),
        ({"result": [[]]}, NOT_OBJECTS),
        ({"result": [{}, 1]}, NOT_OBJECTS),
        (
            {"result": 1.5},
            {"non_field_errors": ["Incorrect format <class 'float'> for prediction result 1.5"]},
        ),
        ({"result": {}}, {"result": NO_FIT}),
        ({"result": {"choices": ["Car"]}}, {"result": NO_FIT}),
        ({"result": "Car"}, {"result": NO_FIT}),
        ({"result": ""}, {"result": NO_FIT}),
        ({"result": "[]"}, {"result": NO_FIT}),
        ({"result": 7}, {"result": NO_FIT}),
        ({"result": True}, {"result": NO_FIT}),
        ({"result": [{"a": "\0"}]}, {"result": ["Null characters are not allowed."]}),
        ({"score": "high"}, {"score": NOT_A_NUMBER}),
        ({"score": "nan"}, {"score": NOT_A_NUMBER}),
        ({"score": "inf"}, {"score": NOT_A_NUMBER}),
        ({"score": "-Infinity"}, {"score": NOT_A_NUMBER}),
        ({"score": []}, {"score": NOT_A_NUMBER}),
        ({"score": {}}, {"score": NOT_A_NUMBER}),
        ({"score": "0_5"}, {"score": NOT_A_NUMBER}),
        ({"score": "٣"}, {"score": NOT_A_NUMBER}),
        ({"Score": 1}, {"Score": ["There is no such field: did you mean score?"]}),
        ({"confidence": 1}, {"confidence": ["There is no such field: did you mean score?"]}),
        ({"probability": 1}, {"probability": ["There is no such field: did you mean score?"]}),
        (
            {"modelVersion": "v1"},
            {"modelVersion": ["There is no such field: did you mean model_version?"]},
        ),
        ({"score": "1" * 1001}, {"score": ["String value too large."]}),
        ({"model_version": True}, {"model_version": NOT_TEXT}),
        ({"model_version": ["a"]}, {"model_version": NOT_TEXT}),
        ({"model_version": {"a": 1}}, {"model_version": NOT_TEXT}),
        ({"model_version": "a\0"}, {"model_version": ["Null characters are not allowed."]}),
        ({"cluster": 1.5}, {"cluster": NOT_AN_INTEGER}),
        ({"cluster": True}, {"cluster": NOT_AN_INTEGER}),
        ({"cluster": "abc"}, {"cluster": NOT_AN_INTEGER}),
        (
            {"cluster": 2**31},
            {"cluster": ["Ensure this value is less than or equal to 2147483647."]},
        ),
        (
            {"cluster": -(2**31) - 1},
            {"cluster": ["Ensure this value is greater than or equal to -2147483648."]},
        ),
        ({"neighbors": ["\0"]}, {"neighbors": ["Null characters are not allowed."]}),
        ({"mislabeling": None}, {"mislabeling": NULL}),
        ({"mislabeling": "x"}, {"mislabeling": NOT_A_NUMBER}),
        ({"mislabeling": "inf"}, {"mislabeling": NOT_A_NUMBER}),
        ({"model": 999}, {"model": unknown(999)}),
        ({"model": "abc"}, {"model": not_a_pk("str")}),
        ({"model_run": 999}, {"model_run": unknown(999)}),
        ({"model_run": "abc"}, {"model_run": not_a_pk("str")}),
        ({"project": 999999}, {"project": unknown(999999)}),
        ({"project": "abc"}, {"project": not_a_pk("str")}),
        (
            {"task": 999999, "project": 888888, "model": 777777},
            {"project": unknown(888888), "model": unknown(777777), "task": unknown(999999)},
        ),
        ({"task": 999999, "result": ["a"]}, {"task": unknown(999999)}),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_refuses(ada: Caller, task: int, change: dict[str, Any], errors: Any) -> None:
    body = {"task": task, "result": [], **change}
    body = {name: value for name, value in body.items() if value is not ...}

    assert_invalid(ada.client.post(URL, body, format="json"), errors)
    assert not Prediction.objects.exists()


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ('"text"', ["Invalid data. Expected a dictionary, but got str."]),
        ("7", ["Invalid data. Expected a dictionary, but got int."]),
        ("null", ["No data provided"]),
    ],
)
def test_refuses_a_body_that_is_no_object(ada: Caller, body: str, errors: list[str]) -> None:
    response = ada.client.generic("POST", URL, body, content_type="application/json")

    assert_invalid(response, {"non_field_errors": errors})


def test_an_empty_body_is_an_empty_object(ada: Caller) -> None:
    response = ada.client.generic("POST", URL, "", content_type="application/json")

    assert_invalid(response, {"result": REQUIRED, "task": REQUIRED})


@pytest.mark.parametrize(
    ("shorthand", "value"),
    [
        ("pos", {"choices": ["pos"]}),
        ("unheard of", {"choices": ["unheard of"]}),
        ({"choices": ["neg"]}, {"choices": ["neg"]}),
        ({"sentiment": "neg"}, {"choices": ["neg"]}),
    ],
    ids=str,
)
def test_expands_a_shorthand(ada: Caller, text_task: int, shorthand: Any, value: Any) -> None:
    response = ada.client.post(URL, {"task": text_task, "result": shorthand}, format="json")

    assert response.status_code == 201, response.content
    (made,) = response.json()["result"]
    assert made.pop("id")
    assert {name: made[name] for name in ("from_name", "to_name", "type", "value")} == {
        "from_name": "sentiment",
        "to_name": "text",
        "type": "choices",
        "value": value,
    }
    assert Prediction.objects.get().result[0]["value"] == value


def test_a_form(ada: Caller, task: int) -> None:
    form = {"task": task, "result": json.dumps([region()]), "score": "", "model_version": ""}

    response = ada.client.post(URL, form)
    assert response.status_code == 201, response.content
    assert response.json()["result"] == [region()]
    assert response.json()["score"] is None
    assert response.json()["model_version"] == ""

    encoded = f"task={task}&result=%5B%5D&score=0.5"
    response = ada.client.generic(
        "POST", URL, encoded, content_type="application/x-www-form-urlencoded"
    )
    assert response.status_code == 201, response.content
    assert response.json()["score"] == 0.5


@pytest.mark.parametrize("result", ["garbage", "", "[NaN]", "{'a': 1}"])
def test_refuses_a_form_whose_result_is_not_json(ada: Caller, task: int, result: str) -> None:
    assert_invalid(ada.client.post(URL, {"task": task, "result": result}), {"result": NOT_JSON})


@pytest.mark.parametrize("url", ["/api/predictions", "/api/predictions/", "/api/predictions.json"])
def test_every_slash_form(ada: Caller, task: int, url: str) -> None:
    assert ada.client.post(url, {"task": task, "result": []}, format="json").status_code == 201


@who_may_write(201, foreign=400)
def test_permissions(
    someone: Callable[[str], APIClient], ada: Caller, task: int, who: str, status: int
) -> None:
    response = someone(who).post(URL, {"task": task, "result": []}, format="json")

    assert response.status_code == status, response.content
    assert Prediction.objects.count() == (status == 201)
    if who == "foreign":
        assert_invalid(response, {"task": unknown(task)})


def test_a_reader_is_told_why(rita: Caller, ada: Caller, task: int) -> None:
    response = rita.client.post(URL, {"task": task, "result": []}, format="json")

    assert_refused(response, 403, "A reader may not change anything in this workspace.")


@pytest.mark.parametrize(
    ("method", "allow"),
    [
        ("PUT", "GET, POST, HEAD, OPTIONS"),
        ("PATCH", "GET, POST, HEAD, OPTIONS"),
        ("DELETE", "GET, POST, HEAD, OPTIONS"),
        ("TRACE", "GET, POST, HEAD, OPTIONS"),
        ("FOO", "GET, POST, HEAD, OPTIONS"),
    ],
)
def test_other_verbs(ada: Caller, method: str, allow: str) -> None:
    response = ada.client.generic(method, URL)

    assert_refused(response, 405, f'Method "{method}" not allowed.')
    assert response["Allow"] == allow


def test_options(ada: Caller) -> None:
    response = ada.client.options(URL)

    assert response.status_code == 200
    assert response.json()["name"] == "Prediction Api List"
    assert response.json()["renders"] == ["application/json"]
    assert list(response.json()["actions"]) == ["POST"]
    assert_refused(APIClient().options(URL), 401, "Authentication credentials were not provided.")


def test_the_number_of_statements(
    ada: Caller, task: int, text_task: int, django_assert_num_queries: Any
) -> None:
    ada.client.get(URL)  # marks the key as used: once a minute

    with django_assert_num_queries(2):
        ada.client.post(URL, {"task": task, "result": [region()]}, format="json")
    with django_assert_num_queries(3):  # reads the config, stores
        ada.client.post(URL, {"task": text_task, "result": "pos"}, format="json").json()
    Project.objects.update(validate_predictions=True)
    with django_assert_num_queries(4):
        response = ada.client.post(URL, {"task": task, "result": [region()]}, format="json")
    assert response.status_code == 201


class TestArray:
    def test_creates_all_in_order(
        self, ada: Caller, project: Project, task: int, make_task: MakeTask
    ) -> None:
        other = make_task(ada, project)
        body = [
            {"task": (n % 2 and task) or other, "result": [region(x=n)], "score": n}
            for n in range(7)
        ]

        response = ada.client.post(URL, body, format="json")

        assert response.status_code == 201
        created = response.json()
        assert [p["score"] for p in created] == [float(n) for n in range(7)]
        assert [p["result"] for p in created] == [b["result"] for b in body]
        assert [p["id"] for p in created] == sorted(p["id"] for p in created)
        assert created[0] == {
            "id": created[0]["id"],
            "result": [region(x=0)],
            "model_version": "",
            "created_ago": JUST_NOW,
            "score": 0.0,
            "cluster": None,
            "neighbors": None,
            "mislabeling": 0.0,
            "created_at": A_MOMENT,
            "updated_at": A_MOMENT,
            "model": None,
            "model_run": None,
            "task": other,
            "project": project.pk,
        }
        assert ada.client.get(URL).json() == created
        assert Task.objects.get(pk=task).updated_by_id == ada.user.pk

    def test_each_as_alone(self, ada: Caller, task: int, text_task: int) -> None:
        alone = [
            {"task": task, "result": [{"n": 10**30}], "neighbors": [1], "cluster": 4},
            {"task": text_task, "result": "pos", "model_version": "v\t\\1", "mislabeling": 0.5},
            {"task": str(task), "result": [], "neighbors": None, "score": "0.25"},
        ]
        created = ada.client.post(URL, alone, format="json").json()

        for body, document in zip(alone, created, strict=True):
            single = ada.client.post(URL, body, format="json").json()
            for name in ("id", "created_at", "updated_at"):
                single.pop(name), document.pop(name)
            for made in (*single["result"], *document["result"]):
                made.pop("id", None)
            assert document == single

    def test_an_empty_one(self, ada: Caller) -> None:
        response = ada.client.post(URL, [], format="json")

        assert (response.status_code, response.json()) == (201, [])

    @pytest.mark.parametrize(
        ("bad", "errors"),
        [
            (7, {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}),
            (
                [],
                {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
            ),
            ({"result": []}, {"task": REQUIRED}),
            ({"task": 999999, "result": []}, {"task": unknown(999999)}),
            ({"task": ..., "result": ["a"]}, NOT_OBJECTS),
            ({"task": ..., "result": "Car"}, {"result": NO_FIT}),
            ({"task": ..., "result": [], "score": "x"}, {"score": NOT_A_NUMBER}),
            ({"task": ..., "result": [], "project": 999999}, {"project": unknown(999999)}),
        ],
        ids=lambda value: repr(value)[:50],
    )
    def test_all_or_nothing(self, ada: Caller, task: int, bad: Any, errors: Any) -> None:
        if isinstance(bad, dict) and "task" in bad:
            bad = {**bad, "task": task if bad["task"] is ... else bad["task"]}
        good = {"task": task, "result": []}

        response = ada.client.post(URL, [good, bad, good], format="json")

        assert_invalid(response, {"non_field_errors": [{}, errors, {}]})
        assert not Prediction.objects.exists()

    def test_another_workspaces_task(self, olga: Caller, task: int) -> None:
        response = olga.client.post(URL, [{"task": task, "result": []}], format="json")

        assert_invalid(response, {"non_field_errors": [{"task": unknown(task)}]})

    @pytest.mark.parametrize("n", [1, 50])
    def test_the_number_of_statements(
        self, ada: Caller, task: int, n: int, django_assert_num_queries: Any
    ) -> None:
        ada.client.get(URL)

        # The key; a transaction's begin and end; the lock; the rows' ids; the rows.
        with django_assert_num_queries(6):
            response = ada.client.post(URL, [{"task": task, "result": []}] * n, format="json")
        assert len(response.json()) == n
