"""POST /api/tasks/ and GET, PATCH, PUT, DELETE /api/tasks/{id}/."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import (
    A_MOMENT,
    JUST_NOW,
    LONG_AGO,
    Caller,
    MakeProject,
    assert_invalid,
    assert_refused,
    region,
    who_may_read,
    who_may_write,
)

Make = Callable[..., dict[str, Any]]
URL = "/api/tasks/"
NO_TASK = "No Task matches the given query."
REQUIRED = ["This field is required."]
NULL = ["This field may not be null."]


def unknown(pk: Any) -> list[str]:
    return [f'Invalid pk "{pk}" - object does not exist.']


@pytest.mark.parametrize("name", ["predictions", "annotations"])
def test_a_task_with_these_inside_is_imported(ada: Caller, project: Project, name: str) -> None:
    body = {"project": project.pk, "data": {"image": "a.jpg"}}

    response = ada.client.post(URL, {**body, name: [{"result": []}]}, format="json")

    message = "A task with these inside is imported: POST /api/projects/{id}/import."
    assert_invalid(response, {name: [message]})
    assert ada.client.post(URL, {**body, name: []}, format="json").status_code == 201


def test_creates_a_task(ada: Caller, project: Project) -> None:
    body = {"project": project.pk, "data": {"image": "http://x.y/1.jpg", "n": 10**30}}

    response = ada.client.post(URL, body, format="json")

    assert response.status_code == 201
    expected = {
        "id": Task.objects.get().pk,
        "data": body["data"],
        "meta": {},
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "is_labeled": False,
        "overlap": 1,
        "inner_id": 1,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": project.pk,
        "updated_by": None,
        "file_upload": None,
        "comment_authors": [],
        "tags": [],
    }
    assert list(response.json()) == list(expected)
    assert response.json() == expected


def test_gets_a_task_with_what_is_in_it(
    ada: Caller, project: Project, task: int, make_prediction: Make, make_annotation: Make
) -> None:
    first = make_prediction(ada, task, score=0.5, model_version="v2")
    second = make_prediction(ada, task, score=0.25, model_version="v1")
    third = make_prediction(ada, task)
    drawn = make_annotation(ada, task, lead_time=3)
    skipped = make_annotation(ada, task, was_cancelled=True, lead_time=100)

    response = ada.client.get(f"{URL}{task}/")

    assert response.status_code == 200
    expected = {
        "id": task,
        "predictions": [first, second, third],
        "annotations": [drawn, skipped],
        "drafts": [],
        "annotators": [ada.user.pk],
        "inner_id": 1,
        "cancelled_annotations": 1,
        "total_annotations": 1,
        "total_predictions": 3,
        "completed_at": A_MOMENT,
        "annotations_results": "",
        "predictions_results": "",
        "predictions_score": 0.375,
        "file_upload": None,
        "storage_filename": None,
        "annotations_ids": f"{drawn['id']},{skipped['id']}",
        "predictions_model_versions": "v1,v2",
        "avg_lead_time": 51.5,
        "draft_exists": False,
        "updated_by": [{"user_id": ada.user.pk}],
        "data": {"image": "http://x.y/1.jpg"},
        "meta": {},
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "is_labeled": True,
        "overlap": 1,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": project.pk,
        "comment_authors": [],
        "tags": [],
    }
    assert list(response.json()) == list(expected)
    assert response.json() == expected
    assert response.json()["predictions"][0]["created_ago"] == JUST_NOW


def test_a_bare_task(ada: Caller, task: int) -> None:
    document = ada.client.get(f"{URL}{task}").json()

    assert document["predictions"] == document["annotations"] == []
    assert document["predictions_score"] is None
    assert document["predictions_model_versions"] == ""
    assert document["completed_at"] is document["avg_lead_time"] is None
    assert document["updated_by"] == []
    assert document["is_labeled"] is False


def test_patches_a_task(ada: Caller, task: int) -> None:
    Task.objects.update(updated_at=LONG_AGO)

    response = ada.client.patch(
        f"{URL}{task}/", {"data": {"b": 1, "a": 2}, "meta": {"x": None}}, format="json"
    )

    assert response.status_code == 200
    document = response.json()
    assert (document["data"], document["meta"]) == ({"b": 1, "a": 2}, {"x": None})
    assert document["updated_by"] == ada.user.pk
    assert document["updated_at"] == A_MOMENT
    assert Task.objects.get().updated_at > LONG_AGO
    overlap = ada.client.patch(f"{URL}{task}", {"overlap": 2, "meta": None}, format="json").json()
    assert (overlap["overlap"], overlap["meta"], overlap["data"]) == (2, {}, {"b": 1, "a": 2})


def test_put_keeps_what_it_leaves_out(ada: Caller, project: Project, task: int) -> None:
    ada.client.patch(f"{URL}{task}/", {"meta": {"kept": 1}}, format="json")

    response = ada.client.put(
        f"{URL}{task}/", {"project": project.pk, "data": {"image": "b"}}, format="json"
    )

    assert response.status_code == 200
    assert (response.json()["data"], response.json()["meta"]) == ({"image": "b"}, {"kept": 1})
    assert_invalid(
        ada.client.put(f"{URL}{task}/", {}, format="json"), {"data": REQUIRED, "project": REQUIRED}
    )


def test_a_task_stays_in_its_project(
    ada: Caller, project: Project, task: int, make_project: MakeProject
) -> None:
    same = ada.client.patch(f"{URL}{task}/", {"project": project.pk}, format="json")
    moved = ada.client.patch(f"{URL}{task}/", {"project": make_project(ada).pk}, format="json")

    assert same.status_code == 200
    assert_invalid(moved, {"project": ["A task stays in its project."]})


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"project": ...}, {"project": REQUIRED}),
        ({"project": None}, {"project": NULL}),
        ({"project": 999999}, {"project": unknown(999999)}),
        (
            {"project": "x"},
            {"project": ["Incorrect type. Expected pk value, received str."]},
        ),
        ({"data": ...}, {"data": REQUIRED}),
        ({"data": None}, {"data": NULL}),
        ({"data": []}, {"data": ["Expected a JSON object."]}),
        ({"data": "text"}, {"data": ["Expected a JSON object."]}),
        ({"data": {"a": "\0"}}, {"data": ["Null characters are not allowed."]}),
        ({"meta": [1]}, {"meta": ["Expected a JSON object."]}),
        ({"meta": {"\0": 1}}, {"meta": ["Null characters are not allowed."]}),
        ({"overlap": 0}, {"overlap": ["Ensure this value is greater than or equal to 1."]}),
        (
            {"overlap": 2**31},
            {"overlap": ["Ensure this value is less than or equal to 2147483647."]},
        ),
        ({"overlap": "x"}, {"overlap": ["A valid integer is required."]}),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_refuses(ada: Caller, project: Project, change: dict[str, Any], errors: Any) -> None:
    body = {"project": project.pk, "data": {"image": "a.jpg"}, **change}
    body = {name: value for name, value in body.items() if value is not ...}

    assert_invalid(ada.client.post(URL, body, format="json"), errors)
    assert not Task.objects.exists()


def test_deletes_a_task_with_what_is_in_it(
    ada: Caller, task: int, make_prediction: Make, make_annotation: Make
) -> None:
    made = make_prediction(ada, task)
    make_annotation(ada, task, parent_prediction=made["id"])

    response = ada.client.delete(f"{URL}{task}/")

    assert (response.status_code, response.content) == (204, b"")
    assert not Prediction.objects.exists()
    assert not Annotation.objects.exists()
    assert_refused(ada.client.delete(f"{URL}{task}/"), 404, NO_TASK)
    assert_refused(
        ada.client.get(f"/api/predictions/{made['id']}/"),
        404,
        "No Prediction matches the given query.",
    )


@pytest.mark.parametrize("method", ["get", "patch", "put", "delete"])
@pytest.mark.parametrize("pk", ["999999", "9" * 40])
def test_not_found(ada: Caller, method: str, pk: str) -> None:
    assert_refused(getattr(ada.client, method)(f"{URL}{pk}/"), 404, NO_TASK)


@who_may_write(201, foreign=400)
def test_who_may_create(
    someone: Callable[[str], APIClient], ada: Caller, project: Project, who: str, status: int
) -> None:
    response = someone(who).post(
        URL, {"project": project.pk, "data": {"image": "a.jpg"}}, format="json"
    )

    assert response.status_code == status
    assert Task.objects.count() == (status == 201)


@who_may_read()
def test_who_may_get(
    someone: Callable[[str], APIClient], ada: Caller, task: int, who: str, status: int
) -> None:
    assert someone(who).get(f"{URL}{task}/").status_code == status


@who_may_write(200)
def test_who_may_patch(
    someone: Callable[[str], APIClient], ada: Caller, task: int, who: str, status: int
) -> None:
    response = someone(who).patch(f"{URL}{task}/", {"meta": {"a": 1}}, format="json")

    assert response.status_code == status
    assert (Task.objects.get().meta == {"a": 1}) == (status == 200)


@who_may_write(204)
def test_who_may_delete(
    someone: Callable[[str], APIClient], ada: Caller, task: int, who: str, status: int
) -> None:
    assert someone(who).delete(f"{URL}{task}/").status_code == status
    assert Task.objects.exists() == (status != 204)


@pytest.mark.parametrize("n", [1, 50])
def test_the_number_of_statements(
    ada: Caller, project: Project, n: int, django_assert_num_queries: Any
) -> None:
    ada.client.get("/api/predictions/1/")
    many = [{"result": [region()]}] * n
    answer = ada.client.post(
        f"/api/projects/{project.pk}/import?return_task_ids=1",
        [{"data": {"image": "a.jpg"}, "predictions": many, "annotations": many}],
        format="json",
    ).json()

    with django_assert_num_queries(4):
        document = ada.client.get(f"{URL}{answer['task_ids'][0]}/").json()
    assert len(document["predictions"]) == len(document["annotations"]) == n
