"""Which workers are there: each says so every few seconds, and takes its leave when it stops.

A worker that was killed is missed after GONE_AFTER and forgotten a day later. Times are the
database's own.
"""

import os
import socket
from datetime import timedelta
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Now

from predictions_api.jobs.models import Worker
from predictions_api.jobs.queueing import QUEUES

#: A worker beats at least every 10 seconds.
GONE_AFTER = timedelta(seconds=30)
FORGOTTEN_AFTER = timedelta(days=1)


def beat(worker_id: UUID, *, processes: int) -> None:
    """Says that this process is there. Three statements the first time, one afterwards."""
    here = Worker.objects.filter(pk=worker_id)
    if not here.update(seen_at=Now()):
        Worker.objects.create(
            pk=worker_id, host=socket.gethostname()[:255], pid=os.getpid(), processes=processes
        )
        Worker.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()


def leave(worker_id: UUID) -> None:
    """The worker has stopped."""
    Worker.objects.filter(pk=worker_id).delete()


def n_for_each_queue() -> int:
    """How many processes of all workers that are there take jobs from each queue. One statement."""
    there = Worker.objects.filter(seen_at__gte=Now() - GONE_AFTER)
    return (there.aggregate(n=Sum("processes"))["n"] or 0) // len(QUEUES)
