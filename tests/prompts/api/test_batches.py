"""What outside engines post: in any order, twice, late, wrong, and after the end."""

from typing import Any

import pytest

from predictions.models import Annotation, Prediction, Project
from prompts.models import FailedPrediction, ModelRun, PredictionMeta, PromptVersion
from tests.conftest import Caller, assert_invalid, assert_refused
from tests.prompts.conftest import MakeRun, MakeTasks, path_of

pytestmark = pytest.mark.django_db

GOOD = "/api/model-run/batch-predictions"
BAD = "/api/model-run/batch-failed-predictions"


@pytest.fixture
def ids(make_tasks: MakeTasks, text_project: Project) -> list[int]:
    return make_tasks(text_project, "good", "bad", "ugly")


@pytest.fixture
def run(version: PromptVersion, make_run: MakeRun, ids: list[int]) -> ModelRun:
    return make_run(version, job_id="adala-1")


def answer(task_id: int, output: Any = None, **more: Any) -> dict[str, Any]:
    return {"task_id": task_id, "output": output or {"sentiment": "pos"}, **more}


def post(caller: Caller, run: ModelRun, *results: dict[str, Any]) -> Any:
    body = {"modelrun_id": run.pk, "results": list(results), "job_id": "adala-1"}
    return caller.client.post(GOOD, body, format="json")


def post_failed(caller: Caller, run: ModelRun, *failures: dict[str, Any]) -> Any:
    body = {"modelrun_id": run.pk, "failed_predictions": list(failures), "job_id": "adala-1"}
    return caller.client.post(BAD, body, format="json")


def test_a_batch_is_stored(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    sent = answer(
        ids[0], prompt_tokens=12, completion_tokens=3, total_cost_usd=0.5, inference_time=0.7
    )
    response = post(ada, run, sent)
    assert response.status_code == 201
    assert response.json() == {"job_id": "adala-1", "results": [sent], "skipped": []}
    run.refresh_from_db()
    assert (run.status, run.total_predictions, run.cost_usd) == ("InProgress", 1, 0.5)
    stored = Prediction.objects.get()
    assert (stored.model_version, stored.score, stored.model_run_id) == ("Moods__v1", 1.0, run.pk)
    meta = PredictionMeta.objects.get()
    assert (meta.prediction_id, meta.total_tokens_count, meta.inference_time) == (
        stored.pk,
        15,
        0.7,
    )


def test_the_last_outcome_ends_the_run_in_any_order(
    ada: Caller, run: ModelRun, ids: list[int], version: PromptVersion
) -> None:
    post_failed(ada, run, {"task_id": ids[2], "error_type": "Timeout", "message": "60 s"})
    post(ada, run, answer(ids[1]))
    post(ada, run, answer(ids[0]))
    document = ada.client.get(f"{path_of(version)}/inference-runs/{run.pk}").json()
    assert (document["status"], document["progress"]) == ("Completed", 1.0)
    assert document["failures"] == {"Timeout": 1}
    assert document["status_reason"] == "1 of 3 tasks failed."
    failed = ada.client.get(f"/api/predictions/failed?project={run.project_id}&task={ids[2]}")
    assert [(f["error_type"], f["message"]) for f in failed.json()] == [("Timeout", "60 s")]


def test_the_first_outcome_counts(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    post(ada, run, answer(ids[0]))
    again = post(ada, run, answer(ids[0], {"sentiment": "neg"}), answer(ids[1]))
    assert again.status_code == 201
    assert [skip["task_id"] for skip in again.json()["skipped"]] == [ids[0]]
    late = post_failed(ada, run, {"task_id": ids[0], "error_type": "x", "message": "y"})
    assert [skip["task_id"] for skip in late.json()["skipped"]] == [ids[0]]
    run.refresh_from_db()
    assert (run.total_predictions, run.total_failed) == (2, 0)
    assert Prediction.objects.get(task_id=ids[0]).result[0]["value"]["choices"] == ["pos"]
    assert FailedPrediction.objects.count() == 0


def test_the_last_batch_sent_again_is_answered_again(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    batch = [answer(task_id) for task_id in ids]
    assert post(ada, run, *batch).json()["skipped"] == []
    again = post(ada, run, *batch)
    assert (again.status_code, len(again.json()["skipped"])) == (201, 3)
    assert Prediction.objects.count() == 3


@pytest.mark.parametrize("status", ["Canceled", "Failed", "Completed"])
def test_nothing_is_stored_after_the_end(
    ada: Caller, run: ModelRun, ids: list[int], status: str
) -> None:
    ModelRun.objects.update(status=status)
    reason = f"The run has ended: {status}. Nothing is stored."
    assert_invalid(post(ada, run, answer(ids[0])), {"non_field_errors": [reason]})
    failure = {"task_id": ids[0], "error_type": "x", "message": "y"}
    assert_invalid(post_failed(ada, run, failure), {"non_field_errors": [reason]})
    assert (Prediction.objects.count(), FailedPrediction.objects.count()) == (0, 0)


def test_a_run_of_our_worker_takes_no_batches(
    ada: Caller, our_version: PromptVersion, make_run: MakeRun, ids: list[int]
) -> None:
    response = post(ada, make_run(our_version), answer(ids[0]))
    assert response.status_code == 400
    assert Prediction.objects.count() == 0


def test_a_foreign_run_is_not_there(olga: Caller, run: ModelRun, ids: list[int]) -> None:
    assert_refused(post(olga, run, answer(ids[0])), 404, "No ModelRun matches the given query.")


INVALID = [
    ({"sentiment": "purple"}, "sentiment: 'purple' is not one of ['pos', 'neg']"),
    ({"mood": "pos"}, "The answer names none of the controls: sentiment."),
    ("pos", "The output is not an object keyed by control name."),
]


@pytest.mark.parametrize(("output", "message"), INVALID)
def test_an_answer_the_config_does_not_allow_is_a_failure(
    ada: Caller, run: ModelRun, ids: list[int], output: Any, message: str
) -> None:
    assert post(ada, run, answer(ids[0], output)).status_code == 201
    failed = FailedPrediction.objects.get()
    assert (failed.error_type, failed.message) == ("InvalidAnswer", message)
    assert Prediction.objects.count() == 0


def test_keys_that_name_no_control_are_ignored(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    post(ada, run, answer(ids[0], {"sentiment": "neg", "why": "sad", "_adala": 1}))
    assert Prediction.objects.get().result[0]["value"] == {"choices": ["neg"]}


def test_tasks_of_others_are_skipped(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    response = post(ada, run, answer(10**9), answer(ids[0]))
    assert response.json()["skipped"] == [{"task_id": 10**9, "reason": "The run has no such task."}]
    assert Prediction.objects.count() == 1


REFUSED = [
    ({}, {"modelrun_id": ["This field is required."], "results": ["This field is required."]}),
    ({"modelrun_id": 1, "results": 5}, {"results": {"non_field_errors": ["Expected a list"]}}),
    (
        {"modelrun_id": 1, "results": [{"output": {}}]},
        {"results": {"0": {"task_id": ["This field is required."]}}},
    ),
    (
        {"modelrun_id": 1, "results": [{"task_id": 1, "output": {"a": "\0"}}]},
        {"results": {"0": {"output": ["Null characters are not allowed."]}}},
    ),
    (
        {"modelrun_id": 1, "results": [{"task_id": 1, "output": {}, "prompt_tokens": 2**31}]},
        {"results": {"0": {"prompt_tokens": ["less than or equal"]}}},
    ),
]


@pytest.mark.parametrize(("body", "errors"), REFUSED)
def test_rejections(ada: Caller, run: ModelRun, body: Any, errors: Any) -> None:
    response = ada.client.post(GOOD, body, format="json")
    assert response.status_code == 400
    found = str(response.json()["validation_errors"])
    for key in errors:
        assert key in found


def test_annotations_of_an_overwritten_prediction_keep_standing(
    ada: Caller, version: PromptVersion, make_run: MakeRun, run: ModelRun, ids: list[int]
) -> None:
    post(ada, run, answer(ids[0]))
    made = Annotation.objects.create(
        task_id=ids[0],
        project_id=run.project_id,
        result=[],
        parent_prediction=Prediction.objects.get(),
    )
    post(ada, make_run(version), answer(ids[0]))
    made.refresh_from_db()
    assert made.parent_prediction_id is None
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize("n", [1, 50])
def test_statements_do_not_grow_with_the_batch(
    ada: Caller,
    version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    n: int,
    django_assert_num_queries: Any,
) -> None:
    ids = make_tasks(text_project, *["good"] * (n + 1))
    run = make_run(version)
    # One of them is for the first batch alone: it begins the run.
    with django_assert_num_queries(14):
        post(ada, run, *[answer(task_id) for task_id in ids[:n]])
