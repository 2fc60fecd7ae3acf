"""How a run begins: its items are written and its workers called."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions_api.http.fields import unknown_pk
from predictions_api.jobs import attendance
from prompts.db import items, prompts, queries, subsets
from prompts.models import ModelRun, PromptVersion
from prompts.runs import plan, state
from prompts.runs import tasks as worker_tasks

TASKS_PER_EXECUTOR = 500
#: What a request for a run says.
REQUEST = (
    "project_id", "project_subset", "sample_subset_size", "filters_json", "task_ids",
    "only_missing_predictions", "job_id", "budget_usd",
)  # fmt: skip


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
    tasks = _tasks(values, version)
    is_custom = values.get("project_subset") == ModelRun.Subset.CUSTOM
    task_ids = subsets.custom_task_ids(values) if is_custom else None
    is_ours = not values.get("job_id") and version.model_provider_connection_id is not None
    run = state.create(
        project_id=values["project_id"],
        model_version=version,
        named=version.full_title,
        asked={name: getattr(version, name) for name in plan.WORDING},
        is_ours=is_ours,
        project_subset=values.get("project_subset", ModelRun.Subset.HAS_GT),
        sample_subset_size=values.get("sample_subset_size"),
        filters_json=values.get("filters_json"),
        task_ids=task_ids,
        only_missing_predictions=values.get("only_missing_predictions", False),
        job_id=values.get("job_id"),
        budget_usd=values.get("budget_usd"),
        predictions_updated_at=values.get("predictions_updated_at"),
        source_model_run=source,
        created_by_id=access.user_id,
    )
    n = items.insert(run, tasks)
    if task_ids is not None and n < len(task_ids) and not run.only_missing_predictions:
        _refuse_unknown(run, task_ids)
    state.set_tasks(run, n)
    if is_ours:
        _queue(run, n)
    run.refresh_from_db()
    return run


def _tasks(values: Mapping[str, Any], version: PromptVersion) -> subsets.Clause:
    """The statement that selects the tasks of the run."""
    size = values.get("sample_subset_size")
    tasks = subsets.tasks_sql(
        values,
        project_id=values["project_id"],
        sample_size=settings.PROMPTER_SAMPLE_SUBSET_SIZE if size is None else size,
    )
    if values.get("only_missing_predictions"):
        return subsets.missing_only(tasks, version_id=version.pk)
    return tasks


def _queue(run: ModelRun, n_tasks: int) -> None:
    # A second executor is worth its start when there is work for seconds.
    n = math.ceil(n_tasks / TASKS_PER_EXECUTOR)
    if n > 1:
        n = min(n, settings.RUN_EXECUTORS or max(1, attendance.n_for_each_queue()))
    for _ in range(n):
        worker_tasks.queue(run.pk)


def requested(values: Mapping[str, Any], version: PromptVersion, access: Access) -> ModelRun:
    """As `create`, for whoever asks. ValidationError, too, for a project of others, one whose
    labelling config no prompt can fill, and one whose tasks lack a field that the prompt names.
    """
    project_id = values["project_id"]
    project = queries.project(project_id, workspace_id=access.workspace_id)
    if project is None:
        raise ValidationError({"project": [unknown_pk(project_id)]})
    prompts.check_config(project)
    prompts.check_prompt(version.prompt, prompts.fields_of(project), key="project")
    return create(values, version, access)


def repeat(run: ModelRun, access: Access) -> ModelRun:
    """A new run of what the same request finds now, which knows what it repeats; the version's
    wording is that of today.
    """
    values = {name: getattr(run, name) for name in REQUEST}
    return create(values, run.model_version, access, source=run)


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


def _refuse_unknown(run: ModelRun, task_ids: list[int]) -> None:
    known = set(run.items.values_list("task_id", flat=True))
    unknown = [task_id for task_id in task_ids if task_id not in known]
    named = ", ".join(map(str, unknown[:20])) + (", …" if len(unknown) > 20 else "")
    raise ValidationError({"task_ids": [f"The project has no task {named}."]})
