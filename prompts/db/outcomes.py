"""The one place that writes what came of a run's tasks: predictions, failures, cost and totals.

Statements are written out, for every batch of every run takes them: about ten for any size. All
belong inside the caller's transaction, which holds the run's row (`lock`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson

from predictions.db.prediction_batches import RunPrediction, replace_of_runs
from predictions.models import Project
from predictions.regions.config import read_config
from predictions_api.http.storable import json_value
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, fetch_one, reserve_ids
from predictions_api.wording import plain, usd
from prompts.asking.agreement import Comparison
from prompts.asking.outcome import Outcome
from prompts.db import items


class LockedRun(NamedTuple):
    """What storing needs to know of a run whose row is locked."""

    status: str
    project_id: int
    version_id: int
    connection_id: int | None
    total_failed: int
    #: What stands in `model_version` of its predictions.
    model_version: str
    #: Its workspace where somebody there may listen to what is stored.
    heard_in: int | None


# Whom the run asks, whatever its version says since.
CONNECTION = (
    "CASE WHEN r.asked IS NULL THEN v.model_provider_connection_id"
    " ELSE (r.asked ->> 'model_provider_connection_id')::bigint END"
)
LOCK_SQL = """
SELECT r.status, r.project_id, r.model_version_id, {connection},
       r.total_failed, coalesce(r.named, m.title || '__' || v.title),
       CASE WHEN {is_heard} THEN m.workspace_id END
FROM prompts_modelrun r
JOIN prompts_promptversion v ON v.id = r.model_version_id
JOIN prompts_prompt m ON m.id = v.parent_model_id
WHERE r.id = %s FOR NO KEY UPDATE OF r
"""


def lock(run_id: int) -> LockedRun | None:
    """The run, which others may not write until the transaction ends; None for a deleted one."""
    sql = LOCK_SQL.format(
        connection=CONNECTION, is_heard=recording.anybody_listens("m.workspace_id")
    )
    row = fetch_one(sql, [run_id])
    return None if row is None else LockedRun(*row)


def write(
    run_id: int, run: LockedRun, outcomes: Sequence[Outcome], failed: Sequence[int] = ()
) -> dict[int, float]:
    """Writes accepted outcomes, one a task; how far predictions agree with a ground truth, 0 to 1,
    by task id.

    A new prediction takes the place of the same version's earlier one of the task. `failed` are
    the tasks whose failure in this run gives way to a prediction, which takes over its tokens and
    cost: they were spent on the task.
    """
    predictions = [outcome for outcome in outcomes if outcome.is_prediction]
    failures = [outcome for outcome in outcomes if not outcome.is_prediction]
    earlier = _take_back(run_id, run, failed) if failed else {}
    prediction_ids = _predict(run_id, run, predictions) if predictions else {}
    failed_ids = _fail(run_id, run, failures) if failures else {}
    measured = [with_earlier(outcome, earlier.get(outcome.task_id)) for outcome in outcomes]
    _measure(run_id, run, measured, prediction_ids, failed_ids)
    agreements = _agreements(predictions, project_id=run.project_id)
    if agreements:
        items.set_agreements(run_id, agreements)
    return agreements


class Took(NamedTuple):
    """What a failure took; None where nobody counted it."""

    prompt_tokens: int | None
    completion_tokens: int | None
    prompt_cost: float | None
    completion_cost: float | None
    total_cost: float | None


TAKE_BACK_SQL = """
WITH gone AS (
    DELETE FROM prompts_failedprediction
    WHERE project_id = %(project)s AND model_run_id = %(run)s AND task_id = ANY(%(tasks)s)
    RETURNING id, task_id
), took AS (
    DELETE FROM prompts_predictionmeta m USING gone
    WHERE m.project_id = %(project)s AND m.failed_prediction_id = gone.id
    RETURNING m.failed_prediction_id, m.prompt_tokens_count, m.completion_tokens_count,
        m.prompt_cost, m.completion_cost, m.total_cost
)
SELECT gone.task_id, took.prompt_tokens_count, took.completion_tokens_count,
       took.prompt_cost, took.completion_cost, took.total_cost
FROM gone LEFT JOIN took ON took.failed_prediction_id = gone.id
"""


def _take_back(run_id: int, run: LockedRun, task_ids: Sequence[int]) -> dict[int, Took]:
    """Removes the run's failures on the tasks; what each took, by task id."""
    params = {"project": run.project_id, "run": run_id, "tasks": list(task_ids)}
    rows = fetch_all(TAKE_BACK_SQL, params, slot=slots.of_project(run.project_id))
    return {task_id: Took(*took) for task_id, *took in rows}


def taken_by(outcome: Outcome) -> Took:
    """What an outcome took."""
    return Took(*(getattr(outcome, name) for name in Took._fields))


def with_earlier(outcome: Outcome, earlier: Took | None) -> Outcome:
    """The outcome, with what an earlier try on its task took added to its tokens and cost."""
    if earlier is None:
        return outcome
    sums = {
        name: sum(known)
        for name, spent in earlier._asdict().items()
        if (known := [n for n in (spent, getattr(outcome, name)) if n is not None])
    }
    return replace(outcome, **sums)


EARLIER_RUNS = "SELECT id FROM prompts_modelrun WHERE model_version_id = %s"


def _predict(run_id: int, run: LockedRun, predictions: Sequence[Outcome]) -> dict[int, int]:
    """Prediction ids by task id."""
    return replace_of_runs(
        [RunPrediction(o.task_id, o.result or "[]", o.score) for o in predictions],
        project_id=run.project_id,
        model_run_id=run_id,
        model_version=run.model_version,
        earlier_runs=(EARLIER_RUNS, [run.version_id]),
        heard_in=run.heard_in,
    )


FAIL_SQL = """
INSERT INTO prompts_failedprediction
    (id, project_id, slot, task_id, model_run_id, model_version_id, error_type, message, created_at)
SELECT k.id, %s, %s, k.task_id, %s, %s, k.error_type, k.message, now()
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[])
    AS k(id, task_id, error_type, message)
"""


def _fail(run_id: int, run: LockedRun, failures: Sequence[Outcome]) -> dict[int, int]:
    """Ids of failures by task id."""
    slot = slots.of_project(run.project_id)
    ids = reserve_ids("prompts_failedprediction", len(failures), slot=slot)
    task_ids = [outcome.task_id for outcome in failures]
    params = [
        run.project_id,
        slot,
        run_id,
        run.version_id,
        ids,
        task_ids,
        [outcome.error_type[:512] for outcome in failures],
        [outcome.message for outcome in failures],
    ]
    execute(FAIL_SQL, params, slot=slot)
    return dict(zip(task_ids, ids, strict=True))


MEASURE_SQL = """
INSERT INTO prompts_predictionmeta
    (project_id, slot, model_run_id, prediction_id, failed_prediction_id,
     inference_time, prompt_tokens_count, completion_tokens_count,
     total_tokens_count, prompt_cost, completion_cost, total_cost, extra)
SELECT %s, %s, %s, * FROM unnest(
    %s::bigint[], %s::bigint[], %s::float8[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::float8[], %s::float8[], %s::float8[], %s::jsonb[])
"""


def _measure(
    run_id: int,
    run: LockedRun,
    outcomes: Sequence[Outcome],
    predicted: dict[int, int],
    failed: dict[int, int],
) -> None:
    rows = [
        (
            predicted.get(o.task_id),
            failed.get(o.task_id),
            o.inference_time,
            o.prompt_tokens,
            o.completion_tokens,
            o.total_tokens,
            o.prompt_cost,
            o.completion_cost,
            o.total_cost,
            None if o.extra is None else orjson.dumps(o.extra).decode(),
        )
        for o in outcomes
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    slot = slots.of_project(run.project_id)
    execute(MEASURE_SQL, [run.project_id, slot, run_id, *columns], slot=slot)


# The newest of each task, as evaluations take it.
TRUTHS_SQL = """
SELECT DISTINCT ON (task_id) task_id, result::text FROM predictions_annotation
WHERE task_id = ANY(%s) AND ground_truth AND NOT was_cancelled ORDER BY task_id, id DESC
"""


def _agreements(predictions: Sequence[Outcome], *, project_id: int) -> dict[int, float]:
    """How far each prediction agrees with its task's newest ground truth, where it has one."""
    task_ids = [outcome.task_id for outcome in predictions]
    rows = fetch_all(TRUTHS_SQL, [task_ids], slot=slots.of_project(project_id))
    truths = {int(task_id): str(result) for task_id, result in rows}
    if not truths:
        return {}
    label_config = Project.objects.values_list("label_config", flat=True).get(pk=project_id)
    comparison = Comparison(read_config(label_config))
    return {
        o.task_id: comparison.agreement(json_value(o.result or "[]"), json_value(truths[o.task_id]))
        for o in predictions
        if o.task_id in truths
    }


COUNT_SQL = """
UPDATE prompts_modelrun
SET total_predictions = total_predictions + %s, total_failed = total_failed + %s,
    total_compared = total_compared + %s, agreement_sum = agreement_sum + %s,
    total_correct_predictions = total_correct_predictions + %s,
    cost_usd = cost_usd + %s, predictions_updated_at = now()
WHERE id = %s RETURNING cost_usd, budget_usd
"""


def count(
    run_id: int,
    outcomes: Sequence[Outcome],
    agreements: dict[int, float],
    *,
    n_replaced: int = 0,
) -> str:
    """Adds outcomes to the run's totals; why its budget stops it, or nothing. `n_replaced` are the
    failures among the totals that gave way to predictions.
    """
    n_predicted = sum(outcome.is_prediction for outcome in outcomes)
    values = agreements.values()
    cost, budget = fetch_one(
        COUNT_SQL,
        [
            n_predicted,
            len(outcomes) - n_predicted - n_replaced,
            len(values),
            sum(values),
            sum(value == 1.0 for value in values),
            sum(outcome.total_cost or 0.0 for outcome in outcomes),
            run_id,
        ],
    ) or (0.0, None)
    if budget is not None and cost >= budget:
        return f"The run's budget of ${plain(budget)} is spent (${usd(cost, digits=6)})."
    return ""
