"""Reads of prediction jobs, and which tasks one is about."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from backends.db.items import Clause
from backends.models import JobItem, PredictionJob
from predictions.db.places import in_project
from predictions.filters.tasks import TaskFilter
from predictions.models import Task

#: Ended jobs are kept so long, their failures with them.
KEPT = timedelta(days=30)
AT_ONCE = 20


def of_backend(backend_id: int) -> QuerySet[PredictionJob]:
    """The jobs of a backend, newest first."""
    return PredictionJob.objects.filter(backend_id=backend_id).order_by("-id")


def every_task(project_id: int) -> Clause:
    """All tasks of the project."""
    return "SELECT t.id FROM predictions_task t WHERE t.project_id = %s", [project_id]


def tasks_of(project_id: int, task_ids: Sequence[int]) -> Clause:
    """The tasks among these that the project has."""
    sql, params = every_task(project_id)
    return f"{sql} AND t.id = ANY(%s)", [*params, list(task_ids)]


def filtered(project_id: int, wanted: TaskFilter) -> Clause:
    """The tasks of the project that a filter lets through."""
    where, given = wanted.where
    sql, params = every_task(project_id)
    return f"{sql} AND {where}", [*params, *given]


def failed_in(job: PredictionJob) -> Clause:
    """The tasks of a job that failed and still are there."""
    return (
        "SELECT t.id FROM backends_jobitem i JOIN predictions_task t"
        " ON t.id = i.task_id AND t.project_id = i.project_id"
        " WHERE i.job_id = %s AND i.project_id = %s AND i.status = 'Failed'",
        [job.pk, job.project_id],
    )


def unknown_tasks(project_id: int, task_ids: Sequence[int]) -> list[int]:
    """Those of the ids that no task of the project has, in order."""
    rows = in_project(Task.objects.filter(pk__in=list(task_ids)), project_id)
    known = set(rows.values_list("pk", flat=True))
    return [task_id for task_id in dict.fromkeys(task_ids) if task_id not in known]


def purge() -> int:
    """Deletes jobs that ended KEPT ago, a few a call; how many."""
    old = PredictionJob.objects.filter(completed_at__lt=Now() - KEPT).order_by("completed_at")
    ids = list(old.values_list("pk", flat=True)[:AT_ONCE])
    if ids:
        JobItem.objects.filter(job_id__in=ids).delete()
        PredictionJob.objects.filter(pk__in=ids).delete()
    return len(ids)


def document(job: PredictionJob) -> dict[str, Any]:
    """The job as it is answered and told."""
    return {
        "id": job.pk,
        "ml_backend": job.backend_id,
        "project": job.project_id,
        "status": job.status,
        "status_reason": job.status_reason,
        "model_version": job.model_version,
        "batch_size": job.batch_size,
        "force": job.force,
        "total_tasks": job.total_tasks,
        "done_tasks": job.done_tasks,
        "skipped_tasks": job.skipped_tasks,
        "failed_tasks": job.failed_tasks,
        "total_predictions": job.total_predictions,
        "retry_of": job.retry_of_id,
        "created_by": job.created_by_id,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
    }
