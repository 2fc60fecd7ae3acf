"""PATCH /api/annotations/: ground truth in bulk."""

from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Annotation, Project, Task
from tests.conftest import RECORDED, Caller, assert_invalid, assert_refused, make_caller, region

PATH = "/api/annotations/"


@pytest.fixture
def made(
    ada: Caller, project: Project, make_task: Callable[..., int], make_annotation: Any
) -> list[int]:
    """Five annotations of three tasks: plain, marked, cancelled, plain, cancelled and marked."""
    tasks = [make_task(ada, project) for _ in range(3)]
    facts: tuple[dict[str, bool], ...] = (
        {},
        {"ground_truth": True},
        {"was_cancelled": True},
        {},
        {"was_cancelled": True, "ground_truth": True},
    )
    where = (0, 0, 1, 1, 2)
    ids = [
        make_annotation(ada, tasks[n], result=[region()], **more)["id"]
        for n, more in zip(where, facts, strict=True)
    ]
    for model in (Annotation, Task):
        model.objects.update(updated_at="2020-01-01T00:00:00Z")
    return ids


def patch(caller: Caller, **body: Any) -> Any:
    return caller.client.patch(PATH, body, format="json")


def marked() -> list[int]:
    return list(
        Annotation.objects.filter(ground_truth=True).order_by("id").values_list("id", flat=True)
    )


def state() -> list[Any]:
    """Every annotation and task with the times of their last change."""
    return [*Annotation.objects.order_by("id").values(), *Task.objects.order_by("id").values()]


@pytest.mark.parametrize("path", [PATH, "/api/annotations", "/api/annotations.json"])
def test_marks_all_of_a_project(ada: Caller, project: Project, made: list[int], path: str) -> None:
    before = {row.pk: row for row in Annotation.objects.all()}
    body = {"project": project.pk, "ground_truth": True}
    answer = ada.client.patch(path, body, format="json")

    assert (answer.status_code, answer.json()) == (200, {"updated": 2})
    assert marked() == [made[n] for n in (0, 1, 3, 4)]
    for row in Annotation.objects.all():
        is_changed = row.pk in (made[0], made[3])
        assert (row.updated_at > before[row.pk].updated_at) == is_changed
        assert row.updated_by_id == (ada.user.pk if is_changed else None)
    again = state()
    assert patch(ada, **body).json() == {"updated": 0}
    assert state() == again


def test_takes_the_marks_of_a_project_away(ada: Caller, project: Project, made: list[int]) -> None:
    assert patch(ada, project=project.pk, ground_truth=False).json() == {"updated": 2}
    assert marked() == []


def test_marks_chosen_ones(
    ada: Caller, project: Project, made: list[int], make_project: Any, make_task: Any,
    make_annotation: Any,
) -> None:  # fmt: skip
    elsewhere = make_annotation(ada, make_task(ada, make_project(ada, title="Other")))["id"]
    touched = Task.objects.get(pk=Annotation.objects.get(pk=made[2]).task_id)

    chosen = [made[1], made[2], elsewhere, made[2]]
    assert patch(ada, ids=chosen, ground_truth=True).json() == {"updated": 2}
    assert marked() == sorted([made[1], made[2], made[4], elsewhere])
    after = Task.objects.get(pk=touched.pk)
    assert (after.updated_at > touched.updated_at, after.updated_by_id) == (True, ada.user.pk)
    assert patch(ada, ids=[made[1]], ground_truth=False).json() == {"updated": 1}
    document = ada.client.get(f"/api/annotations/{made[1]}/").json()
    assert document["ground_truth"] is False
    totals = ada.client.get(f"/api/projects/{project.pk}/").json()
    assert totals["ground_truth_number"] == 2


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"ground_truth": ["This field is required."]}),
        ({"ground_truth": True}, {"non_field_errors": ["Send either ids or project."]}),
        (
            {"ground_truth": True, "ids": [1], "project": 1},
            {"non_field_errors": ["Send either ids or project."]},
        ),
        ({"ground_truth": True, "ids": []}, {"ids": ["This list may not be empty."]}),
        (
            {"ground_truth": True, "ids": 7},
            {"ids": ['Expected a list of items but got type "int".']},
        ),
        (
            {"ground_truth": True, "ids": [True]},
            {"ids": {"0": ["Incorrect type. Expected pk value, received bool."]}},
        ),
        (
            {"ground_truth": None, "ids": [1]},
            {"ground_truth": ["This field may not be null."]},
        ),
        (
            {"ground_truth": "perhaps", "ids": [1]},
            {"ground_truth": ["Must be a valid boolean."]},
        ),
        (
            {"ground_truth": True, "ids": list(range(1, 10_002))},
            {"ids": ["Ensure this field has no more than 10000 elements."]},
        ),
        (
            {"ground_truth": True, "project": 999_999},
            {"project": ['Invalid pk "999999" - object does not exist.']},
        ),
        (
            {"ground_truth": True, "project": None},
            {"project": ["This field may not be null."]},
        ),
        (
            {"ground_truth": False, "project": 1, "task": 1, "query": {}},
            {key: ["There is no such field: leave it out."] for key in ("task", "query")},
        ),
        (
            {"ground_truth": True, "ids": [2**63]},
            {"ids": {"0": [f'Invalid pk "{2**63}" - object does not exist.']}},
        ),
    ],
)
def test_refuses(ada: Caller, made: list[int], body: Any, errors: Any) -> None:
    before = state()

    assert_invalid(patch(ada, **body), errors)
    assert state() == before


def test_all_or_none(ada: Caller, olga: Caller, made: list[int]) -> None:
    before = state()

    answer = patch(ada, ids=[made[0], 999_999, 888_888], ground_truth=True)
    assert_invalid(
        answer,
        {
            "ids": [
                'Invalid pk "999999" - object does not exist.',
                'Invalid pk "888888" - object does not exist.',
            ]
        },
    )
    foreign = patch(olga, ids=[made[0]], ground_truth=True)
    assert_invalid(foreign, {"ids": [f'Invalid pk "{made[0]}" - object does not exist.']})
    whole = patch(olga, project=Project.objects.get().pk, ground_truth=True)
    assert list(whole.json()["validation_errors"]) == ["project"]
    assert state() == before


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("member", 200), ("reader", 403), ("reads", 403), ("nobody", 401)],
)
def test_who_may(
    ada: Caller, rita: Caller, project: Project, made: list[int], who: str, status: int
) -> None:
    scopes = {"reads": ["predictions:read"], "member": ()}
    callers = {"owner": ada, "reader": rita}
    if who in ("member", "reads"):
        callers[who] = make_caller(f"{who}@example.com", "lab", role="member", scopes=scopes[who])
    client = callers[who].client if who in callers else type(ada.client)()
    body = {"project": project.pk, "ground_truth": True}

    assert client.patch(PATH, body, format="json").status_code == status
    assert len(marked()) == (4 if status == 200 else 2)


def test_other_verbs(ada: Caller) -> None:
    for verb in ("get", "post", "put", "delete"):
        answer = getattr(ada.client, verb)(PATH)
        assert_refused(answer, 405, f'Method "{verb.upper()}" not allowed.')


@pytest.mark.parametrize("by", ["ids", "project"])
def test_statements(
    ada: Caller, project: Project, made: list[int], by: str, django_assert_num_queries: Any
) -> None:
    body = {"ids": made} if by == "ids" else {"project": project.pk}
    patch(ada, ground_truth=False, **body)
    # The key; whether what is named is the caller's; the update.
    with django_assert_num_queries(3 + RECORDED):
        patch(ada, ground_truth=True, **body)


@pytest.mark.parametrize("text", [" {} ", "{}\x1c", "\u3000{}"])
def test_white_space_around_an_id_in_a_form(ada: Caller, made: list[int], text: str) -> None:
    body = {"ids": [text.format(made[0])], "ground_truth": "true"}
    answer = ada.client.patch(PATH, body, format="multipart")
    assert (answer.status_code, answer.json()) == (200, {"updated": 1})


@pytest.mark.parametrize("name", ["task", "ids"])
def test_what_the_address_chooses_is_refused(
    ada: Caller, project: Project, made: list[int], name: str
) -> None:
    """It would be done to all of the project."""
    before = marked()
    body = {"project": project.pk, "ground_truth": False}
    answer = ada.client.patch(f"{PATH}?{name}={made[0]}", body, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [name]
    assert marked() == before
