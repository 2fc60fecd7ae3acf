"""What a run took and how good it was.

Tokens and seconds are added up when a run ends and kept with it: a later run of the same version
takes the place of its predictions, and what is known of each goes with them. What nobody told, of
no outcome, is null and not 0.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from predictions.db.documents import Document
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, fetch_one
from prompts.models import ModelRun

# Of one run: USD, seconds. By the index on model_run_id; 100,000 rows take 0.1 s. All nodes are
# asked: what a prediction took goes with it to another project, and is of its run still.
MEASURES = """
WITH taken AS MATERIALIZED (
    SELECT prompt_tokens_count, completion_tokens_count, total_tokens_count,
        prompt_cost, completion_cost, total_cost, inference_time
    FROM prompts_predictionmeta WHERE model_run_id = %s
)
SELECT jsonb_build_object(
    'prompt_tokens', sum(prompt_tokens_count),
    'completion_tokens', sum(completion_tokens_count),
    'total_tokens', sum(total_tokens_count),
    'prompt_cost', sum(prompt_cost), 'completion_cost', sum(completion_cost),
    'total_cost', sum(total_cost),
    'mean_s', avg(inference_time), 'min_s', min(inference_time), 'max_s', max(inference_time),
    'p50_s', percentile_cont(0.5) WITHIN GROUP (ORDER BY inference_time),
    'p95_s', percentile_cont(0.95) WITHIN GROUP (ORDER BY inference_time))
FROM taken
"""
# Of ended runs: what predictions and failures took that are there no more.
FORGET_SQL = """
DELETE FROM prompts_predictionmeta m WHERE m.model_run_id = ANY(%s)
  AND NOT EXISTS (SELECT 1 FROM predictions_prediction p
      WHERE p.id = m.prediction_id AND p.slot = m.slot)
  AND NOT EXISTS (SELECT 1 FROM prompts_failedprediction f
      WHERE f.id = m.failed_prediction_id AND f.slot = m.slot)
"""
INDICATORS_SQL = """
SELECT r.id, r.status, r.total_tasks, r.total_predictions, r.total_failed,
       r.total_correct_predictions, r.total_compared, r.agreement_sum, r.cost_usd, r.measures
FROM prompts_modelrun r
JOIN predictions_project j ON j.id = r.project_id
WHERE r.id = ANY(%s) AND j.workspace_id = %s
"""


def taken(run_id: int) -> dict[str, Any]:
    """What the outcomes of a run took, as `ModelRun.measures` keeps it. One statement."""
    row = fetch_one(MEASURES, [run_id])
    assert row is not None
    found: dict[str, Any] = orjson.loads(row[0])
    return found


def keep(run_id: int) -> None:
    """Writes what a run took, unless it is written. In the transaction that has ended it, so that
    nothing more is stored. Four statements.

    Until then its rows are kept though predictions are deleted, or replaced by those of another
    run. Afterwards those are forgotten, and with them those of earlier runs of the version in this
    project.
    """
    rows = ModelRun.objects.filter(pk=run_id, measures__isnull=True)
    place = rows.values("model_version_id", "project_id").first()
    if place is None:
        return
    rows.update(measures=taken(run_id))
    ended = ModelRun.objects.filter(**place, measures__isnull=False)
    slot = slots.of_project(place["project_id"])
    execute(FORGET_SQL, [list(ended.values_list("pk", flat=True))], slot=slot)


TITLES = {
    "tasks": "Tasks",
    "agreement": "Agreement with ground truth",
    "tokens": "Tokens",
    "cost": "Cost (USD)",
    "latency": "Latency (s)",
}


def indicators(run_ids: Sequence[int], *, workspace_id: int) -> dict[int, dict[str, Document]]:
    """The measures of runs by run and key. One statement, and one for each that has not ended."""
    rows = fetch_all(INDICATORS_SQL, [list(run_ids), workspace_id])
    return {
        run_id: _indicators(
            *totals,
            taken=taken(run_id) if kept is None else orjson.loads(kept),
        )
        for run_id, *totals, kept in rows
    }


def _indicators(
    status: str,
    tasks: int,
    predicted: int,
    failed: int,
    correct: int,
    compared: int,
    agreed: float,
    cost: float,
    *,
    taken: dict[str, Any],
) -> dict[str, Document]:
    done = predicted + failed
    # Tasks that were deleted before they had an outcome are open no more.
    n_open = 0 if status == ModelRun.Status.COMPLETED else max(0, tasks - done)
    # The run's own sum is 0 also where no cost is known.
    is_known = bool(cost) or taken.get("total_cost") is not None
    values: dict[str, Document] = {
        "tasks": {
            "total": tasks,
            "predicted": predicted,
            "failed": failed,
            "open": n_open,
        },
        "agreement": {
            "mean": agreed / compared if compared else None,
            "correct": correct,
            "compared": compared,
        },
        "tokens": {name: taken[f"{name}_tokens"] for name in ("prompt", "completion", "total")},
        "cost": {
            "prompt": taken["prompt_cost"],
            "completion": taken["completion_cost"],
            "total": cost if is_known else None,
            "per_task": cost / done if done and is_known else None,
        },
        "latency": {name: taken[f"{name}_s"] for name in ("mean", "min", "p50", "p95", "max")},
    }
    return {key: {"title": TITLES[key], "values": values[key]} for key in values}
