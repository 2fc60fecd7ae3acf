"""Tasks beside what was predicted of them, what is true, and what failed. Reads only."""

from typing import Any

import orjson

from predictions.db import documents
from predictions.db.documents import PREDICTION_COLUMNS, Document
from predictions_api.http.storable import json_value
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all, fetch_one
from prompts.asking.agreement import Comparison
from prompts.db import subsets

# The runs `r` of a project, prompt and workspace; and the tasks of a run and project.
RUNS_OF_PROMPT = (
    "r.project_id = %s AND r.model_version_id IN (SELECT v.id FROM prompts_promptversion v"
    " JOIN prompts_prompt m ON m.id = v.parent_model_id"
    " WHERE m.id = %s AND m.workspace_id = %s)"
)
TASKS_OF_RUN = "SELECT x.task_id FROM prompts_runitem x WHERE x.run_id = %s AND x.project_id = %s"


class SubsetFilter:
    """What `filters.subset_tasks` made of a query string: clauses without client text."""

    def __init__(
        self,
        *,
        project_id: int,
        comparison: Comparison,
        runs: str,
        runs_params: list[Any],
        tasks: subsets.Clause,
    ) -> None:
        self.comparison = comparison
        self.slot = slots.of_project(project_id)
        self.runs = runs
        self._runs_params = runs_params
        self.tasks, self._tasks_params = tasks
        self._clauses: list[str] = ["true"]
        self._clause_params: list[Any] = []
        self.order = "t.id"

    def add(self, clause: str, *params: Any) -> None:
        """One more condition over t, p (prediction), a (truth), f (failure) and i (item)."""
        self._clauses.append(clause)
        self._clause_params += params

    @property
    def where(self) -> str:
        return " AND ".join(f"({clause})" for clause in self._clauses)

    @property
    def params(self) -> list[Any]:
        """In the order of the statement: the runs stand in it twice."""
        runs = self._runs_params * 2
        return [*runs, *self._tasks_params, *self._clause_params]


# A failure that a later run made good is history.
SUBSET_TASKS_SQL = f"""
SELECT t.id, t.data::text, {{gt}}, a.result::text, {{error}}, {PREDICTION_COLUMNS}
FROM predictions_task t
LEFT JOIN LATERAL (
    SELECT p.* FROM predictions_prediction p JOIN prompts_modelrun r ON r.id = p.model_run_id
    WHERE p.task_id = t.id AND {{runs}} ORDER BY p.id DESC LIMIT 1
) p ON true
LEFT JOIN LATERAL (
    SELECT a.id, a.result, a.completed_by_id, a.created_at FROM predictions_annotation a
    WHERE a.task_id = t.id AND a.ground_truth AND NOT a.was_cancelled
    ORDER BY a.id DESC LIMIT 1
) a ON true
LEFT JOIN LATERAL (
    SELECT f.* FROM prompts_failedprediction f JOIN prompts_modelrun r ON r.id = f.model_run_id
    WHERE f.task_id = t.id AND {{runs}} ORDER BY f.id DESC LIMIT 1
) f ON p.id IS NULL OR f.model_run_id > p.model_run_id
LEFT JOIN prompts_runitem i ON i.run_id = p.model_run_id AND i.task_id = t.id
WHERE t.id IN ({{tasks}}) AND {{where}}
"""  # noqa: S608
GROUND_TRUTH = (
    "CASE WHEN a.id IS NOT NULL THEN jsonb_build_object('id', a.id, 'result', a.result,"
    " 'completed_by', a.completed_by_id, 'created_at', a.created_at)::text END"
)
ERROR = (
    "CASE WHEN f.id IS NOT NULL THEN jsonb_build_object('id', f.id, 'error_type', f.error_type,"
    " 'message', f.message, 'model_run', f.model_run_id, 'created_at', f.created_at)::text END"
)


def page(wanted: SubsetFilter, *, limit: int, offset: int) -> list[Document]:
    """One page of tasks with predictions, truths and errors. One statement."""
    sql = SUBSET_TASKS_SQL.format(
        gt=GROUND_TRUTH, error=ERROR, runs=wanted.runs, tasks=wanted.tasks, where=wanted.where
    )
    rows = fetch_all(
        f"{sql} ORDER BY {wanted.order} LIMIT %s OFFSET %s",
        [*wanted.params, limit, offset],
        slot=wanted.slot,
    )
    age = documents.ages()
    return [_task(row, age, wanted.comparison) for row in rows]


def _task(row: tuple[Any, ...], age: Any, comparison: Comparison) -> Document:
    task_id, data, truth, regions, error = row[:5]
    is_predicted = row[5] is not None
    # Of what is shown, also where the ground truth was corrected after the run compared it.
    score = None
    if is_predicted and truth is not None:
        score = comparison.agreement(json_value(row[6]), json_value(regions))
    return {
        "id": task_id,
        "data": orjson.Fragment(data),
        "prediction": documents.prediction(row[5:], age) if is_predicted else None,
        "ground_truth": documents.fragment(truth),
        "error": documents.fragment(error),
        "score": score,
    }


def count(wanted: SubsetFilter) -> int:
    """How many tasks the filter lets through."""
    sql = SUBSET_TASKS_SQL.format(
        gt="1", error="1", runs=wanted.runs, tasks=wanted.tasks, where=wanted.where
    )
    text = f"SELECT count(*) FROM ({_without_columns(sql)}) s"  # noqa: S608
    row = fetch_one(text, wanted.params, slot=wanted.slot)
    return int(row[0]) if row else 0


def _without_columns(sql: str) -> str:
    return "SELECT t.id " + sql[sql.index("FROM predictions_task t") :]
