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
from predictions_api.postgres.sql import fetch_all, fetch_one
from prompts.models import ModelRun

# Of one run: USD, seconds. By the index on model_run_id; 100,000 rows take 0.1 s.
MEASURES = """
SELECT jsonb_build_object(
    'prompt_tokens', sum(prompt_tokens_count),
    'completion_tokens', sum(completion_tokens_count),
    'total_tokens', sum(total_tokens_count),
    'prompt_cost', sum(prompt_cost), 'completion_cost', sum(completion_cost),
    'total_cost', sum(total_cost),
    'mean_s', avg(inference_time), 'min_s', min(inference_time), 'max_s', max(inference_time),
    'p50_s', percentile_cont(0.5) WITHIN GROUP (ORDER BY inference_time),
    'p95_s', percentile_cont(0.95) WITHIN GROUP (ORDER BY inference_time))
FROM prompts_predictionmeta WHERE model_run_id = %s
"""
INDICATORS_SQL = """
SELECT r.id, r.total_tasks, r.total_predictions, r.total_failed, r.total_correct_predictions,
       r.total_compared, r.agreement_sum, r.cost_usd, r.measures, r.project_id
FROM prompts_modelrun r
JOIN predictions_project j ON j.id = r.project_id
WHERE r.id = ANY(%s) AND j.workspace_id = %s
"""


def taken(run_id: int, *, project_id: int) -> dict[str, Any]:
    """What the outcomes of a run took, as `ModelRun.measures` keeps it. One statement."""
    row = fetch_one(MEASURES, [run_id], slot=slots.of_project(project_id))
    assert row is not None
    found: dict[str, Any] = orjson.loads(row[0])
    return found


def keep(run_id: int) -> None:
    """Writes what a run took, unless it is written. In the transaction that has ended it, so that
    nothing more is stored. Two statements.
    """
    rows = ModelRun.objects.filter(pk=run_id, measures=None)
    project_id = rows.values_list("project_id", flat=True).first()
    if project_id is not None:
        rows.update(measures=taken(run_id, project_id=project_id))


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
            taken=taken(run_id, project_id=project_id) if kept is None else orjson.loads(kept),
        )
        for run_id, *totals, kept, project_id in rows
    }


def _indicators(
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
    # The run's own sum is 0 also where no cost is known.
    is_known = bool(cost) or taken.get("total_cost") is not None
    values: dict[str, Document] = {
        "tasks": {
            "total": tasks,
            "predicted": predicted,
            "failed": failed,
            "open": max(0, tasks - done),
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
