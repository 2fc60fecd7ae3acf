"""Handing work to the queue, which carries ids only: the row of a job is the truth about it."""

from typing import Any

from django.db import transaction
from django_tasks.base import Task

#: The queue of jobs that compute, and that of jobs which wait for others (see `sharing`). A worker
#: has a process for each, so that neither waits for the other.
COMPUTING = "default"
CALLS = "calls"
QUEUES = (COMPUTING, CALLS)


def enqueue_on_commit(task: Task[..., Any], *ids: int | str) -> None:
    """Queues the task for these ids once the current transaction is stored; at once without one.

    A queue that cannot be reached is logged and costs a lease, not the work: the sweep of the
    room queues it again.
    """

    # A function with a name: Django cannot report what else fails, and fails itself.
    def enqueue() -> None:
        task.enqueue(*ids)

    transaction.on_commit(enqueue, robust=True)
