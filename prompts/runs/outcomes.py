"""The one place that stores what came of a run's tasks: predictions, failures, and their cost.

A batch is one transaction under the run's row lock, so a batch and a cancel never cross, each
item gets one outcome however often it is sent, and totals, spending and the run's end are right
at every commit. A new prediction takes the place of what the same version said of the task
before; annotations made from that keep standing, without their parent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from predictions.db.prediction_batches import RunPrediction, replace_of_runs
from predictions_api.postgres.sql import fetch_all, fetch_one
from prompts.asking import agreement
from prompts.asking.budgets import _spend
from prompts.models import ModelRun
from prompts.runs import state
from prompts.runs.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: the run's status after it, and the tasks it gave an outcome."""

    status: str
    accepted: frozenset[int] = field(default_factory=frozenset)
    # Why no more money may be spent on this run; empty while it may.
    spent: str = ""


RUN_SQL = """
SELECT r.status, r.project_id, r.model_version_id, v.model_provider_connection_id,
       m.title || '__' || v.title
FROM prompts_modelrun r
JOIN prompts_promptversion v ON v.id = r.model_version_id
JOIN prompts_prompt m ON m.id = v.parent_model_id
WHERE r.id = %s FOR NO KEY UPDATE OF r
"""
# Each item once. With an owner, only what is in that owner's hand.
ACCEPT_SQL = """
UPDATE prompts_runitem i SET status = k.status, lease_owner = NULL, lease_until = NULL
FROM unnest(%(tasks)s::bigint[], %(statuses)s::text[]) AS k(task_id, status)
WHERE i.run_id = %(run)s AND i.task_id = k.task_id AND i.status IN ('Pending', 'Claimed')
  AND (%(owner)s::uuid IS NULL OR i.lease_owner = %(owner)s)
RETURNING i.task_id
"""


@transaction.atomic
def store(run_id: int, outcomes: Sequence[Outcome], *, owner: UUID | None = None) -> Stored:
    """Stores a batch and ends the run if it was the last. About ten statements for any size.

    Outcomes of tasks that have one already, are not the run's, or are in another owner's hand are
    left out of `accepted` and change nothing; so does everything once the run has ended.
    """
    row = fetch_one(RUN_SQL, [run_id])
    if row is None or not state.may("store", row[0]):
        return Stored(row[0] if row else ModelRun.Status.CANCELED)
    _, project_id, version_id, connection_id, title = row
    last = {outcome.task_id: outcome for outcome in outcomes}
    accepted = _accept(run_id, last, owner)
    kept = [last[task_id] for task_id in sorted(accepted)]
    if kept:
        batch = _Batch(run_id, project_id, version_id, title, kept)
        batch.write()
        spent = _spend(connection_id, sum(outcome.total_cost or 0.0 for outcome in kept))
        spent = _count(run_id, batch) or spent
    else:
        spent = ""
    status = state.finish_if_done(run_id) or ModelRun.Status.IN_PROGRESS
    return Stored(status, accepted, spent)


def _accept(run_id: int, last: dict[int, Outcome], owner: UUID | None) -> frozenset[int]:
    statuses = ["Predicted" if outcome.is_prediction else "Failed" for outcome in last.values()]
    rows = fetch_all(
        ACCEPT_SQL,
        {"run": run_id, "tasks": list(last), "statuses": statuses, "owner": owner},
    )
    return frozenset(row[0] for row in rows)


@dataclass(slots=True)
class _Batch:
    """The accepted outcomes of one transaction, by task id."""

    run_id: int
    project_id: int
    version_id: int
    model_version: str
    outcomes: list[Outcome]
    agreements: dict[int, float] = field(default_factory=dict)

    def write(self) -> None:
        predictions = [outcome for outcome in self.outcomes if outcome.is_prediction]
        failures = [outcome for outcome in self.outcomes if not outcome.is_prediction]
        prediction_ids = self._predict(predictions)
        failed_ids = self._fail(failures) if failures else {}
        self._measure(prediction_ids, failed_ids)
        self._compare(predictions)

    def _predict(self, predictions: list[Outcome]) -> dict[int, int]:
        rows = [RunPrediction(o.task_id, o.result or "[]", o.score) for o in predictions]
        if not rows:
            return {}
        earlier = "SELECT id FROM prompts_modelrun WHERE model_version_id = %s"
        return replace_of_runs(
            rows,
            project_id=self.project_id,
            model_run_id=self.run_id,
            model_version=self.model_version,
            earlier_runs=(earlier, [self.version_id]),
        )

    def _fail(self, failures: list[Outcome]) -> dict[int, int]:
        rows = fetch_all(
            """
            INSERT INTO prompts_failedprediction
                (project_id, task_id, model_run_id, model_version_id, error_type, message,
                 created_at)
            SELECT %s, k.task_id, %s, %s, k.error_type, k.message, now()
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS k(task_id, error_type, message)
            RETURNING task_id, id
            """,
            [
                self.project_id,
                self.run_id,
                self.version_id,
                [outcome.task_id for outcome in failures],
                [outcome.error_type[:512] for outcome in failures],
                [outcome.message for outcome in failures],
            ],
        )
        return dict(rows)

    def _measure(self, predicted: dict[int, int], failed: dict[int, int]) -> None:
        columns = list(
            zip(
                *(
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
                    for o in self.outcomes
                ),
                strict=True,
            )
        )
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO prompts_predictionmeta
                    (project_id, model_run_id, prediction_id, failed_prediction_id,
                     inference_time, prompt_tokens_count, completion_tokens_count,
                     total_tokens_count, prompt_cost, completion_cost, total_cost, extra)
                SELECT %s, %s, * FROM unnest(
                    %s::bigint[], %s::bigint[], %s::float8[], %s::int[], %s::int[], %s::int[],
                    %s::float8[], %s::float8[], %s::float8[], %s::jsonb[])
                """,
                [self.project_id, self.run_id, *(list(column) for column in columns)],
            )

    def _compare(self, predictions: list[Outcome]) -> None:
        """How far each prediction agrees with its task's ground truth, where it has one."""
        truths: dict[int, list[Any]] = {}
        rows = fetch_all(
            "SELECT task_id, result::text FROM predictions_annotation"
            " WHERE task_id = ANY(%s) AND ground_truth AND NOT was_cancelled",
            [[outcome.task_id for outcome in predictions]],
        )
        for task_id, result in rows:
            truths.setdefault(task_id, []).append(orjson.loads(result))
        if not truths:
            return
        for outcome in predictions:
            if outcome.task_id in truths:
                found = agreement.best(
                    orjson.loads(outcome.result or "[]"), truths[outcome.task_id]
                )
                self.agreements[outcome.task_id] = found or 0.0
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE prompts_runitem i SET agreement = k.agreement"
                " FROM unnest(%s::bigint[], %s::float8[]) AS k(task_id, agreement)"
                " WHERE i.run_id = %s AND i.task_id = k.task_id",
                [list(self.agreements), list(self.agreements.values()), self.run_id],
            )


COUNT_SQL = """
UPDATE prompts_modelrun
SET status = 'InProgress', triggered_at = coalesce(triggered_at, now()),
    total_predictions = total_predictions + %s, total_failed = total_failed + %s,
    total_compared = total_compared + %s, agreement_sum = agreement_sum + %s,
    total_correct_predictions = total_correct_predictions + %s,
    cost_usd = cost_usd + %s, predictions_updated_at = now()
WHERE id = %s RETURNING cost_usd, budget_usd
"""


def _count(run_id: int, batch: _Batch) -> str:
    """Adds the batch to the run's totals; why its budget stops it, or nothing."""
    n_predicted = sum(outcome.is_prediction for outcome in batch.outcomes)
    agreements = batch.agreements.values()
    cost, budget = fetch_one(
        COUNT_SQL,
        [
            n_predicted,
            len(batch.outcomes) - n_predicted,
            len(agreements),
            sum(agreements),
            sum(value == 1.0 for value in agreements),
            sum(outcome.total_cost or 0.0 for outcome in batch.outcomes),
            run_id,
        ],
    ) or (0.0, None)
    if budget is not None and cost >= budget:
        return f"The run's budget of ${budget:g} is spent (${cost:.6f})."
    return ""
