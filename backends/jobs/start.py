"""How a job begins: its items are written and its workers called."""

import math
from typing import Any

from django.conf import settings
from django.db import transaction
from rest_framework.exceptions import ValidationError

from backends.db import endpoints, items, jobs
from backends.db.items import Clause
from backends.jobs import state
from backends.jobs import tasks as worker_tasks
from backends.models import PredictionJob
from predictions.models import MLBackend

#: Workers that share a job, where its backend takes so many requests at once.
MOST_WORKERS = 4
#: Batches that are worth the start of one more worker.
BATCHES_A_WORKER = 10
NAMED_AT_MOST = 20


@transaction.atomic
def create(
    backend: MLBackend,
    tasks: Clause,
    *,
    force: bool = False,
    batch_size: int | None = None,
    user_id: int | None = None,
    **columns: Any,
) -> PredictionJob:
    """A job over the tasks of the clause, queued. One that has none has ended when it is made.

    One transaction: the row, an item for each task in one INSERT … SELECT, the worker on commit.
    """
    endpoint = endpoints.endpoint_of(backend)
    size = batch_size or endpoint.batch_size or settings.ML_BATCH_SIZE
    job = state.create(
        project_id=backend.project_id,
        backend=backend,
        batch_size=size,
        force=force,
        created_by_id=user_id,
        **columns,
    )
    n = items.insert(job, tasks)
    state.set_tasks(job, n)
    workers = min(endpoint.max_concurrency, MOST_WORKERS, math.ceil(n / size / BATCHES_A_WORKER))
    for _ in range(workers):
        worker_tasks.queue(job.pk)
    job.refresh_from_db()
    return job


def named_tasks(backend: MLBackend, task_ids: list[int]) -> Clause:
    """The tasks of these ids. ValidationError names those that the project does not have."""
    unknown = jobs.unknown_tasks(backend.project_id, task_ids)
    if unknown:
        told = ", ".join(map(str, unknown[:NAMED_AT_MOST]))
        more = ", …" if len(unknown) > NAMED_AT_MOST else ""
        raise ValidationError({"tasks": [f"The project has no task {told}{more}."]})
    return jobs.tasks_of(backend.project_id, task_ids)
