"""What outside engines post: in any order, twice, late, wrong, at once, and after the end."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from predictions.models import Annotation, Prediction, Project, Task
from prompts.db import queries
from prompts.models import (
    FailedPrediction,
    ModelRun,
    PredictionMeta,
    PromptVersion,
    ProviderConnection,
)
from prompts.runs import start, state
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


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"prompt_cost_usd": 0.25, "completion_cost_usd": 0.5}, 0.75),
        ({"prompt_cost_usd": 0.25}, 0.25),
        ({"prompt_cost_usd": 0.25, "completion_cost_usd": None, "total_cost_usd": 2}, 2.0),
        ({"prompt_cost_usd": 0.25, "completion_cost_usd": 0.5, "total_cost_usd": 0}, 0.0),
        ({"prompt_cost_usd": 0, "completion_cost_usd": 0}, 0.0),
        ({}, None),
    ],
)
def test_a_cost_without_a_total_is_that_of_its_parts(
    ada: Caller, run: ModelRun, ids: list[int], told: dict[str, Any], cost: float | None
) -> None:
    assert post(ada, run, answer(ids[0], **told)).status_code == 201
    run.refresh_from_db()
    assert (PredictionMeta.objects.get().total_cost, run.cost_usd) == (cost, cost or 0)
    path = f"/api/inference-runs/{run.pk}/indicators/cost"
    assert ada.client.get(path).json()["values"] == {
        "prompt": told.get("prompt_cost_usd"),
        "completion": told.get("completion_cost_usd"),
        "total": cost,
        "per_task": cost,
    }


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


def failed(task_id: int, kind: str = "Timeout") -> dict[str, Any]:
    return {"task_id": task_id, "error_type": kind, "message": "60 s"}


def skipped(response: Any) -> list[int]:
    assert response.status_code == 201
    return [skip["task_id"] for skip in response.json()["skipped"]]


def totals(run: ModelRun) -> tuple[Any, ...]:
    run.refresh_from_db()
    return (
        run.status,
        run.total_predictions,
        run.total_failed,
        run.total_compared,
        run.total_correct_predictions,
    )


def outcomes_of(task_id: int) -> tuple[list[Any], list[str]]:
    """The choices of the task's predictions, and the types of its failures."""
    predicted = Prediction.objects.filter(task_id=task_id)
    failures = FailedPrediction.objects.filter(task_id=task_id)
    return (
        [prediction.result[0]["value"]["choices"] for prediction in predicted],
        [failure.error_type for failure in failures],
    )


def test_a_success_takes_the_place_of_a_failure(
    ada: Caller, run: ModelRun, ids: list[int], truth: Any, version: PromptVersion
) -> None:
    truth(ids[0], "pos")
    assert skipped(post_failed(ada, run, *[failed(task_id) for task_id in ids[:2]])) == []
    assert totals(run) == ("InProgress", 0, 2, 0, 0)
    assert skipped(post(ada, run, answer(ids[0]))) == []
    assert totals(run) == ("InProgress", 1, 1, 1, 1)
    assert outcomes_of(ids[0]) == ([["pos"]], [])
    assert outcomes_of(ids[1]) == ([], ["Timeout"])
    post(ada, run, answer(ids[2]))
    assert totals(run) == ("Completed", 2, 1, 1, 1)
    document = ada.client.get(f"{path_of(version)}/inference-runs/{run.pk}").json()
    assert document["failures"] == {"Timeout": 1}
    assert document["status_reason"] == "1 of 3 tasks failed."


def test_what_the_failed_try_took_counts(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    took = {"prompt_tokens": 10, "prompt_cost_usd": 0.25, "total_cost_usd": 0.25}
    post(ada, run, answer(ids[0], {"sentiment": "purple"}, **took))
    more = {"completion_tokens": 1, "total_cost_usd": 0.5, "inference_time": 2.0}
    assert skipped(post(ada, run, answer(ids[0], **took | more))) == []
    assert totals(run)[:3] == ("InProgress", 1, 0)
    assert run.cost_usd == 0.75
    [meta] = PredictionMeta.objects.all()
    assert (meta.prompt_tokens_count, meta.completion_tokens_count) == (20, 1)
    assert (meta.total_tokens_count, meta.inference_time) == (21, 2.0)
    assert (meta.prompt_cost, meta.completion_cost, meta.total_cost) == (0.5, None, 0.75)


def test_what_a_posted_failure_took_counts(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    """Of a failure that stays, and of one that gives way to a prediction."""
    took = {"prompt_tokens": 10, "completion_tokens": 2, "inference_time": 2.0}
    prices = {"prompt_cost_usd": 0.25, "completion_cost_usd": 0.5}
    post_failed(ada, run, failed(ids[0]) | took | prices, failed(ids[1]) | {"total_cost_usd": 1})
    assert (totals(run)[:3], run.cost_usd) == (("InProgress", 0, 2), 1.75)
    post(ada, run, answer(ids[1], prompt_tokens=5, total_cost_usd=0.5), answer(ids[2]))
    assert (totals(run)[:3], run.cost_usd) == (("Completed", 2, 1), 2.25)
    found = indicators(ada, run)
    assert found["Tokens"] == {"prompt": 15, "completion": 2, "total": 17}
    assert found["Cost (USD)"] == {
        "prompt": 0.25, "completion": 0.5, "total": 2.25, "per_task": 1.125
    }  # fmt: skip
    assert (found["Latency (s)"]["min"], found["Latency (s)"]["max"]) == (2, 2)


def test_what_a_posted_failure_took_may_spend_the_budget(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    ModelRun.objects.update(budget_usd=1.0)
    post_failed(ada, run, failed(ids[0]) | {"total_cost_usd": 1.5})
    assert totals(run)[:3] == ("Failed", 0, 1)
    assert run.status_reason == "The run's budget of $1 is spent ($1.500000)."


def test_of_two_failures_in_one_batch_the_first_counts(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    twice = [failed(ids[0]) | {"total_cost_usd": 1}, failed(ids[0], "Slow"), failed(ids[1])]
    assert skipped(post_failed(ada, run, *twice)) == [ids[0]]
    assert (totals(run)[1:3], run.cost_usd, outcomes_of(ids[0])) == ((0, 2), 1.0, ([], ["Timeout"]))


def test_what_a_failed_try_in_the_same_batch_took_counts(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    took = {"prompt_tokens": 10, "total_cost_usd": 0.25}
    purple, good = answer(ids[0], {"sentiment": "purple"}, **took), answer(ids[0], **took)
    post(ada, run, purple, good, purple, good)
    assert (totals(run)[:3], run.cost_usd) == (("InProgress", 1, 0), 0.5)
    [meta] = PredictionMeta.objects.all()
    assert (meta.prompt_tokens_count, meta.total_cost) == (20, 0.5)


def test_a_budget_ends_the_run_with_the_batch_that_spends_it(
    ada: Caller,
    run: ModelRun,
    ids: list[int],
    our_version: PromptVersion,
    connection_row: ProviderConnection,
) -> None:
    """Its own, or that of the version's connection; what that batch brings is stored."""
    ProviderConnection.objects.update(budget_limit=1.0)
    ModelRun.objects.update(budget_usd=1.0)
    values = {"project_id": run.project_id, "project_subset": "All", "job_id": "theirs"}
    connected = start.create(values, our_version, ada.access)
    # Whom the run was made to ask, whatever its version says since.
    PromptVersion.objects.update(model_provider_connection=None)
    for one, whose in ((run, "The run's"), (connected, "The provider connection's")):
        first, second, third = (answer(task_id, total_cost_usd=0.6) for task_id in ids)
        assert skipped(post(ada, one, first)) == []
        assert totals(one)[:2] == ("InProgress", 1)
        assert skipped(post(ada, one, second)) == []
        assert totals(one)[:2] == ("Failed", 2)
        assert one.status_reason == f"{whose} budget of $1 is spent ($1.200000)."
        assert post(ada, one, third).status_code == 400
        assert skipped(post(ada, one, second)) == [ids[1]], "a repeat changes nothing"
        assert totals(one)[:2] == ("Failed", 2)


def test_failures_by_type_are_as_many_as_failed(
    ada: Caller,
    run: ModelRun,
    ids: list[int],
    version: PromptVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = ["Timeout", "Slow", "Timeout"]
    post_failed(ada, run, *map(failed, ids, kinds))
    url = f"{path_of(version)}/inference-runs/{run.pk}"
    found = ada.client.get(url).json()
    assert (found["total_failed"], found["failures"]) == (3, {"Timeout": 2, "Slow": 1})
    monkeypatch.setattr(queries, "MAX_TYPES", 1)
    assert ada.client.get(url).json()["failures"] == {"Timeout": 2, "others": 1}
    monkeypatch.undo()
    ada.client.delete(f"/api/tasks/{ids[0]}/")
    found = ada.client.get(url).json()
    assert found["failures"] == {"Slow": 1, "Timeout": 1, "others": 1}
    assert found["total_failed"] == 3


def test_a_cost_that_nobody_told_is_no_zero(
    ada: Caller, run: ModelRun, ids: list[int], version: PromptVersion
) -> None:
    url = f"{path_of(version)}/inference-runs"
    for cost, told in [({}, None), ({"total_cost_usd": 0.0}, 0.0), ({"total_cost_usd": 0.5}, 1.5)]:
        again = start.create(
            {"project_id": run.project_id, "project_subset": "All"}, version, ada.access
        )
        post(ada, again, *[answer(task_id, **cost) for task_id in ids])
        assert ada.client.get(f"{url}/{again.pk}").json()["cost_usd"] == told
    listed = ada.client.get(url).json()
    assert [one["cost_usd"] for one in listed] == [1.5, 0.0, None, None]


def indicators(caller: Caller, run: ModelRun) -> dict[str, Any]:
    found = caller.client.get(f"/api/inference-runs/{run.pk}/indicators/").json()
    return {measure["title"]: measure["values"] for measure in found}


@pytest.mark.parametrize("act", ["another run", "version", "predictions", "tasks"])
def test_a_run_keeps_what_it_took_though_predictions_go(
    ada: Caller, run: ModelRun, ids: list[int], version: PromptVersion, make_run: MakeRun, act: str
) -> None:
    def took(n: int) -> dict[str, Any]:
        costs = {"prompt_cost_usd": 0.25 * n, "completion_cost_usd": 0.5 * n}
        return {"prompt_tokens": 10 * n, "completion_tokens": n, "inference_time": n, **costs}

    other = make_run(version, job_id="adala-1")
    post(ada, run, answer(ids[0], **took(1)), answer(ids[1], {"sentiment": "purple"}, **took(2)))
    if act == "another run":
        post(ada, other, *(answer(task_id, **took(9)) for task_id in ids))
    elif act == "version":
        body = {"model_version": "Moods__v1"}
        path = f"/api/projects/{run.project_id}/model-versions"
        assert ada.client.delete(path, body, format="json").json() == {"deleted_predictions": 1}
    elif act == "predictions":
        said = Prediction.objects.get()
        assert ada.client.delete(f"/api/predictions/{said.pk}/").status_code == 204
    else:
        for task_id in ids[:2]:
            assert ada.client.delete(f"/api/tasks/{task_id}/").status_code == 204

    while_open = indicators(ada, run)
    post(ada, run, answer(ids[2], **took(4)))
    found = indicators(ada, run)
    assert totals(run)[:3] == ("Completed", 2, 1)
    assert while_open["Tokens"] == {"prompt": 30, "completion": 3, "total": 33}
    assert found["Tokens"] == {"prompt": 70, "completion": 7, "total": 77}
    assert found["Cost (USD)"] == {
        "prompt": 1.75, "completion": 3.5, "total": 5.25, "per_task": 1.75
    }  # fmt: skip
    assert found["Latency (s)"] == {"mean": 7 / 3, "min": 1, "p50": 2, "p95": 3.8, "max": 4}
    # Nobody reads of them what is there no more.
    predicted = PredictionMeta.objects.exclude(prediction=None)
    assert set(predicted.values_list("prediction", flat=True)) == set(
        Prediction.objects.values_list("pk", flat=True)
    )
    failures = PredictionMeta.objects.exclude(failed_prediction=None)
    assert failures.count() == FailedPrediction.objects.count() == (0 if act == "tasks" else 1)


def test_a_deleted_task_is_open_no_more(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    post(ada, run, answer(ids[0]))
    assert ada.client.delete(f"/api/tasks/{ids[1]}/").status_code == 204
    post(ada, run, answer(ids[2]))
    told = {"total": 3, "predicted": 2, "failed": 0, "open": 0}
    assert indicators(ada, run)["Tasks"] == told


def test_a_repeat_and_a_late_failure_change_nothing(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    post_failed(ada, run, failed(ids[0]))
    assert skipped(post_failed(ada, run, failed(ids[0], "Other"))) == [ids[0]]
    assert skipped(post(ada, run, answer(ids[0], {"sentiment": "purple"}))) == [ids[0]]
    assert (totals(run)[1:3], outcomes_of(ids[0])) == ((0, 1), ([], ["Timeout"]))
    post(ada, run, answer(ids[0]))
    assert skipped(post(ada, run, answer(ids[0]))) == [ids[0]]
    assert skipped(post_failed(ada, run, failed(ids[0]))) == [ids[0]]
    assert (totals(run)[1:3], outcomes_of(ids[0])) == ((1, 0), ([["pos"]], []))


def test_of_two_outcomes_in_one_batch_the_success_counts(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    purple = {"sentiment": "purple"}
    one, other = ids[:2]
    sent = [answer(one, purple), answer(one), answer(one, {"sentiment": "neg"})]
    sent += [answer(other), answer(other, purple)]
    assert skipped(post(ada, run, *sent)) == [one, other]
    assert totals(run)[1:3] == (2, 0)
    assert (outcomes_of(one), outcomes_of(other)) == (([["pos"]], []), ([["pos"]], []))


def test_a_success_after_the_end_is_refused(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    post(ada, run, answer(ids[0]), answer(ids[1]))
    post_failed(ada, run, failed(ids[2]))
    assert totals(run)[:3] == ("Completed", 2, 1)
    reason = "The run has ended: Completed. Nothing is stored."
    assert_invalid(post(ada, run, answer(ids[2])), {"non_field_errors": [reason]})
    assert skipped(post_failed(ada, run, failed(ids[2]))) == [ids[2]]
    assert (totals(run)[1:3], outcomes_of(ids[2])) == ((2, 1), ([], ["Timeout"]))


@pytest.mark.django_db(transaction=True)
def test_batches_at_once_leave_one_outcome_each(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    """Two senders of successes and two of failures, each in both orders."""
    n = 4
    together = Barrier(n)

    def send(k: int) -> int:
        try:
            order = ids[:2] if k < 2 else ids[1::-1]
            together.wait(30)
            if k % 2:
                response = post(ada, run, *[answer(task_id) for task_id in order])
            else:
                response = post_failed(ada, run, *[failed(task_id) for task_id in order])
            return int(response.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(n) as senders:
        assert list(senders.map(send, range(n))) == [201] * n
    assert totals(run)[:3] == ("InProgress", 2, 0)
    assert [outcomes_of(task_id) for task_id in ids[:2]] == [([["pos"]], [])] * 2
    post(ada, run, answer(ids[2]))
    assert totals(run)[:3] == ("Completed", 3, 0)


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


@pytest.mark.parametrize("output", [{"sentiment": ["neg"]}, {"sentiment": "neg"}])
def test_one_choice_may_be_a_list_of_one(
    ada: Caller, run: ModelRun, ids: list[int], output: Any
) -> None:
    post(ada, run, answer(ids[0], output))
    [region] = Prediction.objects.get().result
    assert (region["from_name"], region["type"]) == ("sentiment", "choices")
    assert region["value"] == {"choices": ["neg"]}


def test_a_relation_of_regions_that_are_not_there_is_no_answer(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    post(
        ada,
        run,
        answer(ids[0], [{"type": "relation", "from_id": "a", "to_id": "b", "direction": "bi"}]),
    )
    failure = FailedPrediction.objects.get()
    assert (failure.error_type, failure.message) == (
        "InvalidAnswer",
        "Relation 0: 'from_id' 'a' not found in regions;"
        " Relation 0: 'to_id' 'b' not found in regions",
    )


@pytest.mark.parametrize("output", [["neg", "pos"], [], [None], [["neg"]], ["purple"]])
def test_other_lists_are_no_single_choice(
    ada: Caller, run: ModelRun, ids: list[int], output: Any
) -> None:
    post(ada, run, answer(ids[0], {"sentiment": output}))
    assert FailedPrediction.objects.get().error_type == "InvalidAnswer"
    assert Prediction.objects.count() == 0


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
    (
        {"modelrun_id": 1, "results": [{"task_id": 1, "output": {}, "total_cost_usd": 1e10}]},
        {"results": {"0": {"total_cost_usd": ["less than or equal"]}}},
    ),
    (
        {"modelrun_id": 1, "results": [{"task_id": 1, "output": {}, "promptTokens": 1}]},
        {"results": {"0": {"promptTokens": ["did you mean prompt_tokens?"]}}},
    ),
    *(
        (
            {"modelrun_id": 1, "results": [{"task_id": 1, "output": {}, name: 0.4}]},
            {"results": {"0": {name: ["An answer has no score"]}}},
        )
        for name in ("score", "confidence", "probability")
    ),
    (
        {"modelrun_id": 1, "results": [{"task_id": 1, "output": {}, "inference_time": 1e300}]},
        {"results": {"0": {"inference_time": ["less than or equal"]}}},
    ),
]


@pytest.mark.parametrize(("body", "errors"), REFUSED)
def test_rejections(ada: Caller, run: ModelRun, body: Any, errors: Any) -> None:
    response = ada.client.post(GOOD, body, format="json")
    assert response.status_code == 400
    found = str(response.json()["validation_errors"])
    for key in errors:
        assert key in found


def test_refuses_a_name_of_an_item_that_is_written_otherwise(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    meant = ["There is no such field: did you mean prompt_tokens?"]
    response = post_failed(ada, run, failed(ids[0]) | {"promptTokens": 1})
    assert_invalid(response, {"failed_predictions": {"0": {"promptTokens": meant}}})
    assert totals(run)[:3] == ("Pending", 0, 0)


def test_annotations_of_an_overwritten_prediction_follow_what_says_the_same(
    ada: Caller, version: PromptVersion, make_run: MakeRun, run: ModelRun, ids: list[int]
) -> None:
    post(ada, run, answer(ids[0]))
    made = Annotation.objects.create(
        task_id=ids[0],
        project_id=run.project_id,
        result=[],
        parent_prediction=Prediction.objects.get(),
    )
    same, other = answer(ids[0]), answer(ids[0], output={"sentiment": "neg"})
    for said, is_parent in ((same, True), (other, False)):
        post(ada, make_run(version), said)
        made.refresh_from_db()
        (pk,) = Prediction.objects.values_list("pk", flat=True)
        assert made.parent_prediction_id == (pk if is_parent else None)


def test_the_largest_counts_are_stored_and_added_up(
    ada: Caller, run: ModelRun, ids: list[int]
) -> None:
    most = {"prompt_tokens": 2**31 - 1, "completion_tokens": 2**31 - 1, "total_cost_usd": 1e9}
    assert skipped(post(ada, run, *[answer(task_id, **most) for task_id in ids])) == []
    assert totals(run)[:2] == ("Completed", 3)
    tokens = ada.client.get(f"/api/inference-runs/{run.pk}/indicators/tokens").json()["values"]
    assert tokens == {
        "prompt": 3 * (2**31 - 1),
        "completion": 3 * (2**31 - 1),
        "total": 6 * (2**31 - 1),
    }


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
    with django_assert_num_queries(15):
        post(ada, run, *[answer(task_id) for task_id in ids[:n]])


DELETED = "All its tasks were deleted before they had an outcome."


@pytest.mark.parametrize(
    ("predicted", "failures", "status", "reason"),
    [
        ([0], [], "Completed", ""),
        ([0], [1], "Completed", "1 of 2 tasks failed."),
        ([], [1], "Failed", "No task has a prediction; the failures say why."),
        ([], [], "Failed", DELETED),
    ],
)
def test_a_run_whose_open_tasks_are_deleted_ends(
    ada: Caller,
    run: ModelRun,
    ids: list[int],
    predicted: list[int],
    failures: list[int],
    status: str,
    reason: str,
) -> None:
    post(ada, run, *[answer(ids[n]) for n in predicted])
    post_failed(ada, run, *[failed(ids[n]) for n in failures])
    assert state.end_emptied() == []
    for n in {0, 1, 2} - {*predicted, *failures}:
        assert ada.client.delete(f"/api/tasks/{ids[n]}/").status_code == 204
    # It was looked at just now.
    assert state.end_emptied() == []
    ModelRun.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert state.end_emptied() == [run.pk]
    run.refresh_from_db()
    assert (run.status, run.status_reason, run.lease_until) == (status, reason, None)
    assert run.completed_at is not None
    assert run.measures is not None
    assert state.end_emptied() == []


def test_a_run_of_ours_without_tasks_any_more_says_so(
    our_version: PromptVersion, make_run: MakeRun, ids: list[int]
) -> None:
    run = make_run(our_version)
    Task.objects.all().delete()
    assert state.end_emptied() == []
    assert (state.begin(run.pk), state.status_of(run.pk)) == (True, "Failed")
    run.refresh_from_db()
    assert run.status_reason == DELETED


def test_predictions_of_a_run_have_one_name_whatever_its_prompt_is_called_meanwhile(
    ada: Caller, run: ModelRun, ids: list[int], version: PromptVersion, make_run: MakeRun
) -> None:
    post(ada, run, answer(ids[0]))
    prompt = f"/api/prompts/{version.parent_model_id}"
    for path, title in ((prompt, "Tempers"), (path_of(version), "second")):
        assert ada.client.patch(path, {"title": title}, format="json").status_code == 200
    post(ada, run, answer(ids[1]), answer(ids[2]))
    names = Prediction.objects.values_list("model_version", flat=True)
    assert list(names) == ["Moods__v1"] * 3
    later = make_run(PromptVersion.objects.get(pk=version.pk), job_id="adala-1")
    post(ada, later, answer(ids[0]))
    assert list(names.order_by("id")) == ["Moods__v1", "Moods__v1", "Tempers__second"]
    # One that a version made which did not keep it is called as its version is.
    ModelRun.objects.filter(pk=later.pk).update(named=None)
    post(ada, later, answer(ids[1]))
    assert list(names.order_by("id")) == ["Moods__v1", "Tempers__second", "Tempers__second"]
