"""GET and DELETE /api/projects/{id}/model-versions/."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import MLBackend, Prediction, Project
from tests.conftest import (
    A_MOMENT,
    LONG_AGO,
    RECORDED,
    Caller,
    MakeProject,
    MakeTask,
    assert_invalid,
    assert_refused,
    who_may_read,
    who_may_write,
)

Make = Callable[..., dict[str, Any]]
VERSIONS = {"old": 1, "new": 2, "": 3, None: 1}


@pytest.fixture
def url(project: Project) -> str:
    return f"/api/projects/{project.pk}/model-versions/"


@pytest.fixture
def versions(ada: Caller, project: Project, task: int) -> None:
    """Predictions of four versions, each an hour newer than the one before."""
    for hour, (version, n) in enumerate(VERSIONS.items()):
        for _ in range(n):
            made = Prediction.objects.create(
                project=project, task_id=task, result=[], model_version=version
            )
            when = LONG_AGO + timedelta(hours=hour)
            Prediction.objects.filter(pk=made.pk).update(created_at=when)


def test_counts_by_version_newest_first(ada: Caller, url: str, versions: None) -> None:
    response = ada.client.get(url)

    assert response.status_code == 200
    assert list(response.json().items()) == [("null", 1), ("", 3), ("new", 2), ("old", 1)]
    assert list(ada.client.get(url + "?limit=2").json()) == ["null", ""]
    assert ada.client.get(url.rstrip("/")).json() == response.json()


def test_a_version_called_null_is_counted_with_those_of_null(
    ada: Caller, project: Project, url: str, task: int, versions: None
) -> None:
    Prediction.objects.create(project=project, task_id=task, result=[], model_version="null")
    assert list(ada.client.get(url).json().items())[:2] == [("null", 2), ("", 3)]


def test_extended(ada: Caller, project: Project, url: str, versions: None) -> None:
    backend = MLBackend.objects.create(project=project, url="http://ml.example.com", title="m")

    answer = ada.client.get(url + "?extended=true").json()

    assert answer == {
        "static": [
            {"model_version": None, "count": 1, "latest": "2020-01-01T03:00:00Z"},
            {"model_version": "", "count": 3, "latest": "2020-01-01T02:00:00Z"},
            {"model_version": "new", "count": 2, "latest": "2020-01-01T01:00:00Z"},
            {"model_version": "old", "count": 1, "latest": "2020-01-01T00:00:00Z"},
        ],
        "live": None,
    }
    live = ada.client.get(url + "?extended=true&include_live_models=true").json()["live"]
    assert [(b["id"], b["title"], b["url"]) for b in live] == [
        (backend.pk, "m", "http://ml.example.com")
    ]


def test_no_predictions(ada: Caller, url: str) -> None:
    assert ada.client.get(url).json() == {}
    assert ada.client.get(url + "?extended=1").json() == {"static": [], "live": None}


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("extended=perhaps", {"extended": ["Must be a valid boolean."]}),
        ("include_live_models=x", {"include_live_models": ["Must be a valid boolean."]}),
        ("limit=0", {"limit": ["Enter a whole number from 1 to 10000."]}),
        ("limit=x", {"limit": ["Enter a whole number from 1 to 10000."]}),
    ],
)
def test_refuses(ada: Caller, url: str, query: str, errors: Any) -> None:
    assert_invalid(ada.client.get(f"{url}?{query}"), errors)


@pytest.mark.parametrize("version", VERSIONS)
def test_deletes_a_version(ada: Caller, url: str, versions: None, version: str | None) -> None:
    response = ada.client.delete(url, {"model_version": version}, format="json")

    assert response.status_code == 200
    assert response.json() == {"deleted_predictions": VERSIONS[version]}
    left = {name: n for name, n in VERSIONS.items() if name != version}
    assert ada.client.get(url).json() == {
        "null" if name is None else name: n for name, n in left.items()
    }


def test_deletes_nothing_of_an_unknown_version(ada: Caller, url: str, versions: None) -> None:
    response = ada.client.delete(url, {"model_version": "v9"}, format="json")

    assert (response.status_code, response.json()) == (200, {"deleted_predictions": 0})


def test_deletes_in_this_project_only(
    ada: Caller,
    url: str,
    task: int,
    make_project: MakeProject,
    make_task: MakeTask,
    make_prediction: Make,
) -> None:
    other = make_task(ada, make_project(ada))
    make_prediction(ada, task, model_version="v1")
    kept = make_prediction(ada, other, model_version="v1")
    long = "x" * 300
    make_prediction(ada, task, model_version=long)
    longer = make_prediction(ada, task, model_version=long + "y")

    ada.client.delete(url, {"model_version": "v1"}, format="json")
    ada.client.delete(url, {"model_version": long}, format="json")

    left = ada.client.get("/api/predictions/").json()
    assert [p["id"] for p in left] == [kept["id"], longer["id"]]
    assert left[0]["created_at"] == A_MOMENT


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"non_field_errors": ["model_version param is required"]}),
        ([], {"non_field_errors": ["model_version param is required"]}),
        ({"model_version": True}, {"model_version": ["Not a valid string."]}),
        ({"model_version": ["v1"]}, {"model_version": ["Not a valid string."]}),
        (
            {"model_version": "v1", "task": 1},
            {"task": ["There is no such field: leave it out."]},
        ),
        ({"model_version": "a\0"}, {"model_version": ["Null characters are not allowed."]}),
    ],
    ids=repr,
)
def test_refuses_to_delete(ada: Caller, url: str, versions: None, body: Any, errors: Any) -> None:
    assert_invalid(ada.client.delete(url, body, format="json"), errors)
    assert Prediction.objects.count() == 7


def test_the_query_string_does_not_name_a_version(ada: Caller, url: str, versions: None) -> None:
    response = ada.client.delete(url + "?model_version=old")

    assert_invalid(response, {"non_field_errors": ["model_version param is required"]})


@pytest.mark.parametrize("method", ["get", "delete"])
def test_an_unknown_project(ada: Caller, method: str) -> None:
    response = getattr(ada.client, method)("/api/projects/999999/model-versions/")

    assert_refused(response, 404, "No Project matches the given query.")


@who_may_read()
def test_who_may_read(
    someone: Callable[[str], APIClient], ada: Caller, url: str, who: str, status: int
) -> None:
    assert someone(who).get(url).status_code == status


@who_may_write(200)
def test_who_may_delete(
    someone: Callable[[str], APIClient],
    ada: Caller,
    url: str,
    versions: None,
    who: str,
    status: int,
) -> None:
    response = someone(who).delete(url, {"model_version": "old"}, format="json")

    assert response.status_code == status
    assert (Prediction.objects.count() == 6) == (status == 200)


@pytest.mark.parametrize("n", [1, 50])
def test_the_number_of_statements(
    ada: Caller, project: Project, task: int, url: str, n: int, django_assert_num_queries: Any
) -> None:
    ada.client.get(url)
    for i in range(n):
        Prediction.objects.create(
            project=project, task_id=task, result=[], model_version=f"v{i % 3}"
        )

    with django_assert_num_queries(3):
        ada.client.get(url)
    with django_assert_num_queries(3 + RECORDED):
        ada.client.delete(url, {"model_version": "v0"}, format="json")


def test_a_task_in_the_address_does_not_narrow_a_deletion(
    ada: Caller, url: str, versions: None, task: int
) -> None:
    answer = ada.client.delete(f"{url}?task={task}", {"model_version": "new"}, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["task"]
    assert Prediction.objects.filter(model_version="new").count() == 2
