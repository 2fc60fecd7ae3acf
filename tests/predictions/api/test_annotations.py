"""/api/tasks/{id}/annotations/ and /api/annotations/{id}/."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import Annotation, Project, Task
from tests.conftest import (
    A_MOMENT,
    JUST_NOW,
    LONG_AGO,
    UUID,
    Caller,
    Like,
    MakeProject,
    MakeTask,
    assert_invalid,
    assert_refused,
    region,
    who_may_read,
    who_may_write,
)

Make = Callable[..., dict[str, Any]]
NO_ANNOTATION = "No Annotation matches the given query."
NO_TASK = "No Task matches the given query."
NOT_REGIONS = {"result": ["Expected a list of regions."]}


def unknown(pk: Any) -> list[str]:
    return [f'Invalid pk "{pk}" - object does not exist.']


@pytest.fixture
def url(task: int) -> str:
    return f"/api/tasks/{task}/annotations/"


def test_creates_an_annotation(
    ada: Caller, project: Project, task: int, url: str, make_prediction: Make
) -> None:
    made = make_prediction(ada, task)
    Task.objects.update(updated_at=LONG_AGO, updated_by=None)
    body = {
        "result": [region(), {"n": 10**30}],
        "ground_truth": True,
        "lead_time": 2,
        "parent_prediction": made["id"],
    }

    response = ada.client.post(url, body, format="json")

    assert response.status_code == 201
    expected = {
        "id": Annotation.objects.get().pk,
        "created_username": f"ada@example.com, {ada.user.pk}",
        "created_ago": JUST_NOW,
        "completed_by": ada.user.pk,
        "unique_id": Like(UUID),
        "result": [region(), {"n": 10**30}],
        "was_cancelled": False,
        "ground_truth": True,
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "draft_created_at": None,
        "lead_time": 2.0,
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": task,
        "project": project.pk,
        "updated_by": None,
        "parent_prediction": made["id"],
        "parent_annotation": None,
        "last_created_by": None,
    }
    assert list(response.json()) == list(expected)
    assert response.json() == expected
    assert ada.client.get(url).json() == [expected]
    assert ada.client.get(f"/api/annotations/{expected['id']}/").json() == expected
    touched = Task.objects.get()
    assert touched.updated_by_id == ada.user.pk
    assert touched.updated_at > LONG_AGO


def test_everything_may_be_left_out(ada: Caller, url: str) -> None:
    document = ada.client.post(url, {}, format="json").json()

    assert (document["result"], document["was_cancelled"], document["ground_truth"]) == (
        [],
        False,
        False,
    )
    assert document["lead_time"] is document["parent_prediction"] is None


def test_completed_by_a_member(ada: Caller, rita: Caller, url: str, make_annotation: Make) -> None:
    posted = ada.client.post(url, {"completed_by": rita.user.pk}, format="json").json()
    null = ada.client.post(url, {"completed_by": None}, format="json").json()

    assert posted["completed_by"] == rita.user.pk
    assert posted["created_username"] == f"rita@example.com, {rita.user.pk}"
    assert null["completed_by"] == ada.user.pk


def test_the_authors_name(ada: Caller, url: str) -> None:
    ada.user.first_name, ada.user.last_name = "Ada", "Lovelace"
    ada.user.save()

    document = ada.client.post(url, {}, format="json").json()

    assert document["created_username"] == f"Ada Lovelace ada@example.com, {ada.user.pk}"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("groundTruth", "ground_truth"), ("Result", "result"), ("was cancelled", "was_cancelled")],
)
def test_a_field_that_is_written_otherwise_is_refused(
    ada: Caller, task: int, url: str, make_annotation: Make, name: str, meant: str
) -> None:
    made = make_annotation(ada, task)
    errors = {name: [f"There is no such field: did you mean {meant}?"]}

    assert_invalid(ada.client.post(url, {"result": [], name: True}, format="json"), errors)
    patched = ada.client.patch(f"/api/annotations/{made['id']}/", {name: True}, format="json")
    assert_invalid(patched, errors)
    assert Annotation.objects.count() == 1


def test_patches_an_annotation(ada: Caller, task: int, make_annotation: Make) -> None:
    made = make_annotation(ada, task)
    Annotation.objects.update(updated_at=LONG_AGO)
    Task.objects.update(updated_at=LONG_AGO)
    url = f"/api/annotations/{made['id']}/"

    response = ada.client.patch(
        url, {"result": [region("Person")], "was_cancelled": True}, format="json"
    )

    assert response.status_code == 200
    assert response.json() == {
        **made,
        "result": [region("Person")],
        "was_cancelled": True,
        "updated_by": ada.user.pk,
        "updated_at": A_MOMENT,
    }
    assert ada.client.get(url).json() == response.json()
    assert Annotation.objects.get().updated_at > LONG_AGO
    assert Task.objects.get().updated_at > LONG_AGO


@pytest.mark.parametrize(
    "change",
    [
        {"ground_truth": True},
        {"lead_time": 1.5},
        {"lead_time": None},
        {"result": []},
        {"completed_by": None},
        {"parent_prediction": None, "parent_annotation": None},
        {"id": 9, "unheard_of": 1},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["patch", "put"])
def test_writes_only_what_is_named(
    ada: Caller, task: int, make_annotation: Make, method: str, change: dict[str, Any]
) -> None:
    made = make_annotation(ada, task, ground_truth=False, lead_time=7)

    response = getattr(ada.client, method)(f"/api/annotations/{made['id']}", change, format="json")

    assert response.status_code == 200, response.content
    changed = {k: v for k, v in change.items() if k not in {"id", "task", "project", "unheard_of"}}
    expected = {**made, **changed, "updated_by": ada.user.pk}
    if "completed_by" in change:
        expected["created_username"] = ""
    assert response.json() == expected


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"result": None}, {"result": ["This field may not be null."]}),
        ({"result": "Car"}, NOT_REGIONS),
        ({"result": {}}, NOT_REGIONS),
        ({"result": [1]}, NOT_REGIONS),
        ({"result": [{"a": "\0"}]}, {"result": ["Null characters are not allowed."]}),
        ({"was_cancelled": "maybe"}, {"was_cancelled": ["Must be a valid boolean."]}),
        ({"ground_truth": None}, {"ground_truth": ["This field may not be null."]}),
        ({"lead_time": "soon"}, {"lead_time": ["A valid number is required."]}),
        ({"lead_time": "inf"}, {"lead_time": ["A valid number is required."]}),
        ({"completed_by": 999999}, {"completed_by": unknown(999999)}),
        (
            {"completed_by": "ada"},
            {"completed_by": ["Incorrect type. Expected pk value, received str."]},
        ),
        ({"parent_prediction": 999999}, {"parent_prediction": unknown(999999)}),
        ({"parent_annotation": 999999}, {"parent_annotation": unknown(999999)}),
        (
            [],
            {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
        ),
    ],
    ids=repr,
)
def test_refuses(
    ada: Caller, task: int, url: str, make_annotation: Make, body: Any, errors: Any
) -> None:
    made = make_annotation(ada, task)

    assert_invalid(ada.client.post(url, body, format="json"), errors)
    assert_invalid(ada.client.patch(f"/api/annotations/{made['id']}/", body, format="json"), errors)
    assert ada.client.get(url).json() == [made]


def test_points_only_into_its_own_project(
    ada: Caller,
    task: int,
    url: str,
    make_project: MakeProject,
    make_task: MakeTask,
    make_prediction: Make,
    make_annotation: Make,
) -> None:
    elsewhere = make_task(ada, make_project(ada))
    prediction = make_prediction(ada, elsewhere)["id"]
    annotation = make_annotation(ada, elsewhere)["id"]

    response = ada.client.post(
        url, {"parent_prediction": prediction, "parent_annotation": annotation}, format="json"
    )

    assert_invalid(
        response,
        {"parent_prediction": unknown(prediction), "parent_annotation": unknown(annotation)},
    )


def test_completed_by_is_somebody_of_the_workspace(ada: Caller, olga: Caller, url: str) -> None:
    response = ada.client.post(url, {"completed_by": olga.user.pk}, format="json")

    assert_invalid(response, {"completed_by": unknown(olga.user.pk)})


def test_lists_in_the_order_that_is_asked_for(
    ada: Caller, task: int, url: str, make_annotation: Make
) -> None:
    times = (2.5, None, 1.0)
    made = [make_annotation(ada, task, lead_time=time)["id"] for time in times]

    def listed(ordering: str) -> list[int]:
        return [one["id"] for one in ada.client.get(url, {"ordering": ordering}).json()]

    assert listed("-id") == made[::-1]
    assert listed("lead_time") == [made[2], made[0], made[1]]
    assert listed("-lead_time") == [made[0], made[2], made[1]]
    assert listed("ground_truth") == made
    refused = ada.client.get(url, {"ordering": "result"})
    choices = "Select a valid choice. That choice is not one of the available choices."
    assert_invalid(refused, {"ordering": [choices]})


def test_lists_none_that_was_cancelled(
    ada: Caller, task: int, url: str, make_annotation: Make
) -> None:
    made = make_annotation(ada, task)
    skipped = make_annotation(ada, task, was_cancelled=True)

    assert ada.client.get(url).json() == [made]
    assert ada.client.get(f"/api/tasks/{task}/").json()["annotations"] == [made, skipped]
    assert ada.client.get(f"/api/annotations/{skipped['id']}/").json() == skipped


def test_stays_on_its_task(
    ada: Caller, project: Project, task: int, make_task: MakeTask, make_annotation: Make
) -> None:
    made, other = make_annotation(ada, task), make_task(ada, project)
    path = f"/api/annotations/{made['id']}/"
    stays = ["An annotation stays on its task; make another one there."]

    for body in ({"task": other}, {"project": project.pk + 1}):
        refused = ada.client.patch(path, {**body, "ground_truth": True}, format="json")
        assert_invalid(refused, dict.fromkeys(body, stays))
    assert ada.client.get(path).json() == made
    # A whole annotation as it was read may be sent back.
    same = ada.client.patch(path, made, format="json")
    assert (same.status_code, same.json()["task"]) == (200, task)


def test_deletes_an_annotation(ada: Caller, task: int, make_annotation: Make) -> None:
    made = make_annotation(ada, task)
    child = make_annotation(ada, task, parent_annotation=made["id"])
    url = f"/api/annotations/{made['id']}/"

    response = ada.client.delete(url)

    assert (response.status_code, response.content) == (204, b"")
    assert_refused(ada.client.get(url), 404, NO_ANNOTATION)
    assert_refused(ada.client.delete(url), 404, NO_ANNOTATION)
    left = ada.client.get(f"/api/annotations/{child['id']}/").json()
    assert left["parent_annotation"] is None


@pytest.mark.parametrize("method", ["get", "patch", "put", "delete"])
def test_not_found(ada: Caller, method: str) -> None:
    for pk in ("999999", "9" * 40):
        response = getattr(ada.client, method)(f"/api/annotations/{pk}/")
        assert_refused(response, 404, NO_ANNOTATION)


@pytest.mark.parametrize("method", ["get", "post"])
def test_of_an_unknown_task(ada: Caller, method: str) -> None:
    assert_refused(getattr(ada.client, method)("/api/tasks/999999/annotations/"), 404, NO_TASK)


@who_may_read()
def test_who_may_list(
    someone: Callable[[str], APIClient], ada: Caller, url: str, who: str, status: int
) -> None:
    assert someone(who).get(url).status_code == status


@who_may_write(201)
def test_who_may_create(
    someone: Callable[[str], APIClient], ada: Caller, url: str, who: str, status: int
) -> None:
    assert someone(who).post(url, {}, format="json").status_code == status
    assert Annotation.objects.count() == (status == 201)


@who_may_write(200)
def test_who_may_change(
    someone: Callable[[str], APIClient],
    ada: Caller,
    task: int,
    make_annotation: Make,
    who: str,
    status: int,
) -> None:
    url = f"/api/annotations/{make_annotation(ada, task)['id']}/"

    assert someone(who).patch(url, {"ground_truth": True}, format="json").status_code == status
    assert Annotation.objects.get().ground_truth == (status == 200)


@pytest.mark.parametrize("n", [1, 50])
def test_the_number_of_statements(
    ada: Caller, project: Project, n: int, django_assert_num_queries: Any
) -> None:
    ada.client.get("/api/predictions/1/")
    answer = ada.client.post(
        f"/api/projects/{project.pk}/import?return_task_ids=1",
        [{"data": {"image": "a.jpg"}, "annotations": [{"result": []}] * n}],
        format="json",
    ).json()
    url = f"/api/tasks/{answer['task_ids'][0]}/annotations/"

    with django_assert_num_queries(3):
        assert len(ada.client.get(url).json()) == n
