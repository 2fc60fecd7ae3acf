"""How a run begins: its items are written and its workers called."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions_api.postgres.sql import fetch_all
from prompts.db import subsets
from prompts.models import ModelRun, PromptVersion
from prompts.runs.state import Status

TASKS_PER_EXECUTOR = 500


INSERT_ITEMS_SQL = """
INSERT INTO prompts_runitem (run_id, project_id, task_id, status, attempts)
SELECT %s, %s, s.id, 'Pending', 0 FROM ({tasks}) s
"""


@transaction.atomic
def create(
    values: Mapping[str, Any],
    version: PromptVersion,
    access: Access,
    *,
    source: ModelRun | None = None,
) -> ModelRun:
    """A run of the version over the subset that `values` describe, queued when it is ours.

    One transaction: the row, an item for each task in one INSERT … SELECT, and the job on commit.
    A run without tasks has ended when it is made. ValidationError for a Custom subset that cannot
    be read, or that names tasks the project does not have.
    """
    project_id = values["project_id"]
    size = values.get("sample_subset_size")
    tasks = subsets.tasks_sql(
        values,
        project_id=project_id,
        sample_size=settings.PROMPTER_SAMPLE_SUBSET_SIZE if size is None else size,
    )
    task_ids = None
    if values.get("project_subset") == ModelRun.Subset.CUSTOM:
        task_ids = subsets.custom_task_ids(values)
    if values.get("only_missing_predictions"):
        tasks = subsets.missing_only(tasks, version_id=version.pk)
    is_ours = not values.get("job_id") and version.model_provider_connection_id is not None
    run = ModelRun.objects.create(
        project_id=project_id,
        model_version=version,
        is_ours=is_ours,
        project_subset=values.get("project_subset", ModelRun.Subset.HAS_GT),
        sample_subset_size=size,
        filters_json=values.get("filters_json"),
        task_ids=task_ids,
        only_missing_predictions=values.get("only_missing_predictions", False),
        job_id=values.get("job_id"),
        budget_usd=values.get("budget_usd"),
        predictions_updated_at=values.get("predictions_updated_at"),
        source_model_run=source,
        created_by_id=access.user_id,
    )
    n = _insert_items(run, tasks)
    if task_ids is not None and n < len(task_ids) and not run.only_missing_predictions:
        _refuse_unknown(run, task_ids)
    ModelRun.objects.filter(pk=run.pk).update(total_tasks=n)
    if n == 0:
        _end_empty(run)
    elif is_ours:
        _lease(run.pk)
        # A second executor is worth its start when there is work for seconds.
        for _ in range(min(settings.RUN_EXECUTORS, math.ceil(n / TASKS_PER_EXECUTOR))):
            queue(run.pk)
    run.refresh_from_db()
    return run


def again(run: ModelRun, task_ids: Sequence[int], access: Access) -> ModelRun:
    """A new run of the same version over some tasks, which knows what it repeats."""
    values = {
        "project_id": run.project_id,
        "project_subset": ModelRun.Subset.CUSTOM,
        "task_ids": list(task_ids),
        "job_id": run.job_id,
        "budget_usd": run.budget_usd,
    }
    return create(values, run.model_version, access, source=run)


def _insert_items(run: ModelRun, tasks: subsets.Clause) -> int:
    sql, params = tasks
    with connection.cursor() as cursor:
        cursor.execute(INSERT_ITEMS_SQL.format(tasks=sql), [run.pk, run.project_id, *params])
        return int(cursor.rowcount)


def _refuse_unknown(run: ModelRun, task_ids: list[int]) -> None:
    known = set(run.items.values_list("task_id", flat=True))
    unknown = [task_id for task_id in task_ids if task_id not in known]
    named = ", ".join(map(str, unknown[:20])) + (", …" if len(unknown) > 20 else "")
    raise ValidationError({"task_ids": [f"The project has no task {named}."]})


EMPTY_REASONS = {
    ModelRun.Subset.HAS_GT: "No task of the project has a ground-truth annotation.",
    ModelRun.Subset.CUSTOM: "No task of the project matches the filters.",
}


def _end_empty(run: ModelRun) -> None:
    """Ends a run that has nothing to do: well if nothing is missing, else badly."""
    status, reason = (
        Status.FAILED,
        EMPTY_REASONS.get(ModelRun.Subset(run.project_subset), "The project has no tasks."),
    )
    if run.only_missing_predictions:
        status, reason = Status.COMPLETED, "No task lacks a prediction of this version."
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE prompts_modelrun SET status = %s, status_reason = %s, completed_at = now()"
            " WHERE id = %s",
            [status, reason, run.pk],
        )


def queue(run_id: int) -> None:
    """Hands the run's id to the queue once this transaction is stored.

    A queue that cannot be reached costs a lease, not the run: `requeue_stalled` tries again.
    """
    from prompts.runs import tasks

    # A function with a name: Django cannot report what else fails, and fails itself.
    def enqueue() -> None:
        tasks.enqueue_run(run_id)

    transaction.on_commit(enqueue, robust=True)


def _lease(run_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE prompts_modelrun SET lease_until = now() + make_interval(secs => %s),"
            " n_queued = n_queued + 1 WHERE id = %s",
            [settings.RUN_LEASE_S, run_id],
        )


# Served by prompts_run_open_idx. Each time a run waits in vain for a worker it waits twice as
# long, so a long queue does not fill up with copies of itself; one that a worker had is retried
# at once.
STALLED_SQL = """
UPDATE prompts_modelrun r
SET n_queued = least(n_queued + 1, 100),
    lease_until = now() + make_interval(secs => %s * power(2, least(n_queued, 8)))
WHERE id IN (
    SELECT id FROM prompts_modelrun
    WHERE is_ours AND status IN ('Pending', 'InProgress') AND lease_until < now()
    ORDER BY lease_until LIMIT 100 FOR UPDATE SKIP LOCKED
) RETURNING r.id
"""


@transaction.atomic
def requeue_stalled() -> list[int]:
    """Queues the runs that nobody has in hand any more; their ids. Safe to call at any time."""
    ids = [row[0] for row in fetch_all(STALLED_SQL, [settings.RUN_LEASE_S])]
    for run_id in ids:
        queue(run_id)
    return ids
