"""PATCH /:workspace/model-evals/:evalId: the evaluation that later versions are measured by."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import RECORDED, Caller, MakeProject


@pytest.fixture
def make(ada: Caller, project: Project) -> Callable[..., ModelEval]:
    """Finished evaluations of the project."""

    def make_evaluation(**fields: Any) -> ModelEval:
        defaults = {
            "workspace": ada.workspace,
            "project": project,
            "version_id": "1",
            "task_type": "object-detection",
            "matching": "iou-class-first/1",
            "status": "done",
        }
        return ModelEval.objects.create(**{**defaults, **fields})

    return make_evaluation


def patch(caller: Caller, evaluation: ModelEval, body: Any) -> Any:
    path = f"/lab/model-evals/{evaluation.eval_id}"
    return caller.client.patch(path, body, format="json")


def accepted(caller: Caller, **query: Any) -> list[str]:
    answer = caller.client.get("/lab/model-evals", {"accepted": "true", **query})
    assert answer.status_code == 200, answer.content
    return [one["evalId"] for one in answer.json()["evals"]]


def test_answers_the_header(ada: Caller, evaluation: ModelEval) -> None:
    before = ada.client.get(f"/lab/model-evals/{evaluation.eval_id}").json()
    assert before["accepted"] is False

    answer = patch(ada, evaluation, {"accepted": True})
    assert (answer.status_code, answer.json()) == (200, {**before, "accepted": True})
    assert ada.client.get(f"/lab/model-evals/{evaluation.eval_id}").json() == answer.json()
    answer = patch(ada, evaluation, {"accepted": False})
    assert (answer.status_code, answer.json()) == (200, before)


def test_one_of_a_project_kind_and_control(
    ada: Caller, make: Callable[..., ModelEval], make_project: MakeProject
) -> None:
    old, new = make(control="box"), make(control="box")
    mood, together = make(control="mood"), make()
    elsewhere = make(project=make_project(ada, title="Trucks"), control="box")
    for one in (old, mood, together, elsewhere):
        assert patch(ada, one, {"accepted": True}).status_code == 200

    assert accepted(ada) == [one.eval_id for one in (elsewhere, together, mood, old)]
    patch(ada, new, {"accepted": True})
    assert accepted(ada, project="cars") == [one.eval_id for one in (together, mood, new)]
    refused = ada.client.get("/lab/model-evals", {"accepted": "false"}).json()["evals"]
    assert [one["evalId"] for one in refused] == [old.eval_id]
    pixels = make(control="box", task_type="semantic-segmentation")
    patch(ada, pixels, {"accepted": True})
    assert accepted(ada, project="cars", limit=2) == [pixels.eval_id, together.eval_id]
    assert patch(ada, pixels, {"accepted": False}).status_code == 200
    another = make()
    patch(ada, another, {"accepted": True})
    assert accepted(ada, project="cars", limit=1) == [another.eval_id]
    patch(ada, new, {"accepted": True})
    assert accepted(ada, project="cars") == [one.eval_id for one in (another, mood, new)]


def test_the_database_holds_it_too(make: Callable[..., ModelEval]) -> None:
    make(is_accepted=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        make(is_accepted=True)
    make(is_accepted=True, task_type="classification")


def test_accepted_ones_outlive_their_project(
    ada: Caller, make: Callable[..., ModelEval], make_project: MakeProject
) -> None:
    other = make_project(ada, title="Trucks")
    found = [make(), make(project=other)]
    for one in found:
        patch(ada, one, {"accepted": True})
        ada.client.delete(f"/api/projects/{one.project_id}/")

    assert ModelEval.objects.filter(project=None, is_accepted=True).count() == 2


@pytest.mark.parametrize(
    ("fields", "body", "status", "code", "message"),
    [
        ({}, {}, 400, "invalid_request", "accepted: This field is required."),
        ({}, {"accepted": None}, 400, "invalid_request", "accepted: This field may not be null."),
        ({}, {"accepted": "maybe"}, 400, "invalid_request", "accepted: Must be a valid boolean."),
        ({}, [], 400, "invalid_request", "Invalid data. Expected a dictionary, but got list."),
        (
            {"status": "running"},
            {"accepted": True},
            409,
            "model_eval_not_done",
            "The model evaluation is still running. Ask again when it is done.",
        ),
        (
            {"status": "failed", "failure_reason": "No truth."},
            {"accepted": True},
            409,
            "model_eval_not_done",
            "The model evaluation failed: No truth.",
        ),
        (
            {"project": None},
            {"accepted": True},
            400,
            "invalid_request",
            "The evaluation is of no project: there is nothing to accept it for.",
        ),
    ],
)
def test_refuses(
    ada: Caller,
    make: Callable[..., ModelEval],
    fields: dict[str, Any],
    body: Any,
    status: int,
    code: str,
    message: str,
) -> None:
    found = make(**fields)

    answer = patch(ada, found, body)
    assert (answer.status_code, answer.json()) == (status, {"error": code, "message": message})
    found.refresh_from_db()
    assert not found.is_accepted


def test_refuses_what_is_no_flag(ada: Caller) -> None:
    answer = ada.client.get("/lab/model-evals", {"accepted": "maybe"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_request", "message": "accepted must be true or false."},
    )


def test_statements(
    ada: Caller, make: Callable[..., ModelEval], django_assert_num_queries: Any
) -> None:
    found = make()
    patch(ada, found, {"accepted": True})
    # Besides the key and the evaluation: lock, state, the others, this one, what repeats it; and
    # the two ends of a savepoint.
    with django_assert_num_queries(9 + RECORDED):
        patch(ada, found, {"accepted": True})


def test_nothing_else_can_be_changed(ada: Caller, make: Callable[..., ModelEval]) -> None:
    found = make()
    answer = patch(ada, found, {"accepted": True, "versionId": "9"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    found.refresh_from_db()
    assert not found.is_accepted
