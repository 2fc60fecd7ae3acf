"""GET, HEAD and OPTIONS /api/predictions/{id}/."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.conftest import A_MOMENT, JUST_NOW, Caller, assert_refused, region, who_may_read

Make = Callable[..., dict[str, Any]]
NO_PREDICTION = "No Prediction matches the given query."


def test_gets_a_prediction(ada: Caller, task: int, make_prediction: Make) -> None:
    made = make_prediction(ada, task, score=0.5, model_version="v1", neighbors={"a": None})

    response = ada.client.get(f"/api/predictions/{made['id']}/")

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert list(response.json()) == list(made)
    assert response.json() == {
        "id": made["id"],
        "result": [region()],
        "model_version": "v1",
        "created_ago": JUST_NOW,
        "score": 0.5,
        "cluster": None,
        "neighbors": {"a": None},
        "mislabeling": 0.0,
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "model": None,
        "model_run": None,
        "task": task,
        "project": made["project"],
    }


@pytest.mark.parametrize("form", ["/{}/", "/{}", "/{}.json", "/{}/?format=json", "/000{}/"])
def test_every_form_of_the_address(
    ada: Caller, task: int, make_prediction: Make, form: str
) -> None:
    made = make_prediction(ada, task)

    assert ada.client.get("/api/predictions" + form.format(made["id"])).json() == made


@pytest.mark.parametrize(
    ("tail", "detail"),
    [
        ("999999/", NO_PREDICTION),
        ("0/", NO_PREDICTION),
        ("9223372036854775807/", NO_PREDICTION),
        ("9223372036854775808/", NO_PREDICTION),
        ("1" * 5000 + "/", "Not found."),
        ("abc/", "Not found."),
        ("-1/", NO_PREDICTION),
        ("1.5/", "Not found."),
        ("1%00/", "Not found."),
        ("%D9%A1/", "Not found."),
        ("1//", "Not found."),
        ("1.xml", "Not found."),
        ("1/?format=xml", "Not found."),
    ],
    ids=lambda value: value[:30],
)
def test_not_found(ada: Caller, tail: str, detail: str) -> None:
    assert_refused(ada.client.get(f"/api/predictions/{tail}"), 404, detail)


def test_nothing_but_json_is_served(ada: Caller, task: int, make_prediction: Make) -> None:
    url = f"/api/predictions/{make_prediction(ada, task)['id']}/"

    for accept in ("application/xml", "text/html", "image/*"):
        assert_refused(
            ada.client.get(url, headers={"accept": accept}),
            406,
            "Could not satisfy the request Accept header.",
        )
    for accept in ("*/*", "application/*", "text/html, application/json;q=0.1"):
        assert ada.client.get(url, headers={"accept": accept}).status_code == 200


def test_head_has_the_length_and_no_body(ada: Caller, task: int, make_prediction: Make) -> None:
    url = f"/api/predictions/{make_prediction(ada, task)['id']}/"

    got, head = ada.client.get(url), ada.client.head(url)

    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Length"] == got["Content-Length"] == str(len(got.content))
    assert head["Content-Type"] == got["Content-Type"]
    assert ada.client.head("/api/predictions/999999/").status_code == 404


def test_options(ada: Caller, task: int, make_prediction: Make) -> None:
    url = f"/api/predictions/{make_prediction(ada, task)['id']}/"

    response = ada.client.options(url)

    assert response.status_code == 200
    assert response["Allow"] == "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
    assert response.json()["name"] == "Prediction Api Instance"
    assert list(response.json()["actions"]) == ["PUT"]
    preflight = APIClient().options(
        url,
        headers={"origin": "https://x.example", "access-control-request-method": "PATCH"},
    )
    assert (preflight.status_code, preflight.content) == (200, b"")
    assert preflight["Access-Control-Allow-Origin"] == "*"


def test_post_is_not_allowed(ada: Caller) -> None:
    response = ada.client.post("/api/predictions/1/", {}, format="json")

    assert_refused(response, 405, 'Method "POST" not allowed.')
    assert response["Allow"] == "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"


@who_may_read()
def test_permissions(
    someone: Callable[[str], APIClient],
    ada: Caller,
    task: int,
    make_prediction: Make,
    who: str,
    status: int,
) -> None:
    made = make_prediction(ada, task)

    response = someone(who).get(f"/api/predictions/{made['id']}/")

    assert response.status_code == status
    if who == "foreign":
        assert_refused(response, 404, NO_PREDICTION)


def test_the_number_of_statements(
    ada: Caller, task: int, make_prediction: Make, django_assert_num_queries: Any
) -> None:
    made = make_prediction(ada, task)

    with django_assert_num_queries(2):
        ada.client.get(f"/api/predictions/{made['id']}/")
