"""Asks backends to train: one request each, in the worker, and at most one outstanding."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator, Sequence

from django.conf import settings
from django_tasks import task

from backends.asking.calls import Caller
from backends.asking.faults import Fault
from backends.db import endpoints, trainings
from backends.models import Endpoint, Training
from backends.reaching.addresses import address
from predictions.events import objects
from predictions_api.http.rendering import dumps
from predictions_api.jobs import sharing, stopping, sweeps
from predictions_api.jobs.heartbeats import Heartbeat
from predictions_api.jobs.leases import MOST_ATTEMPTS, Holder
from predictions_api.jobs.queueing import CALLS, enqueue_on_commit
from predictions_api.outbound.events.models import Event

log = logging.getLogger(__name__)

TRAINING = "training"
START = "START_TRAINING"
#: Seconds before the second and the third request.
RETRIED_AFTER_S = (5.0, 300.0)
FOLLOWED = frozenset({"ANNOTATION_CREATED", "ANNOTATION_UPDATED"})
LOST = f"{MOST_ATTEMPTS} workers ended on its training."


def ask(backend_id: int, *, use_ground_truth: bool = False, user_id: int | None = None) -> None:
    """Asks for a training of the backend, in the background."""
    if trainings.ask(backend_id, use_ground_truth=use_ground_truth, user_id=user_id):
        queue(backend_id)


def follow(events: Sequence[Event]) -> None:
    """Asks for trainings of the backends whose projects have them train as people annotate."""
    projects = {event.project_id for event in events if event.action in FOLLOWED}
    for backend_id in trainings.backends_that_follow(projects) if projects else ():
        ask(backend_id)


@task(queue_name=CALLS)
def train(backend_id: int) -> None:
    """Has the backend train; meanwhile works on what else waits for others."""
    sharing.work(TRAINING, backend_id)


def queue(backend_id: int) -> None:
    """Puts the training into the queue on commit."""
    enqueue_on_commit(train, backend_id)


def due(seconds: float) -> Iterator[sharing.Due]:
    """Trainings whose time has come."""
    rows = trainings.waiting().order_by("lease_until")[: sharing.PLACES]
    for backend_id, workspace_id in rows.values_list("pk", "backend__project__workspace_id"):
        yield sharing.Due(workspace_id, backend_id)


def requeue_stalled() -> list[int]:
    """Queues the trainings that nobody has in hand any more, and those to be tried again."""
    return sweeps.requeue(Training.objects.all(), queue, lease_s=settings.RUN_LEASE_S)


def work(backend_id: Hashable, is_over: Callable[[], bool]) -> None:
    """Sends the request, unless others have it in hand; writes how it went."""
    assert isinstance(backend_id, int)
    mine = Holder(settings.RUN_LEASE_S)
    training = trainings.claim(backend_id, mine)
    if training is None:
        return
    if training.attempts > MOST_ATTEMPTS:
        _ended(backend_id, mine, Endpoint.State.ERROR, LOST)
        return
    try:
        with Heartbeat(lambda: trainings.keep(backend_id, mine), every_s=mine.lease_s / 4):
            asyncio.run(stopping.in_time(_send(training, body_of(training))))
    except stopping.Stopped:
        trainings.release(backend_id, mine)
    except Fault as fault:
        if training.tries < len(RETRIED_AFTER_S):
            endpoints.note(backend_id, Endpoint.State.ERROR, message=str(fault))
            trainings.retry(backend_id, mine, RETRIED_AFTER_S[training.tries])
        else:
            _ended(backend_id, mine, Endpoint.State.ERROR, str(fault))
    else:
        _ended(backend_id, mine, Endpoint.State.CONNECTED, None)


def body_of(training: Training) -> bytes:
    """What the backend is told."""
    project = objects.project(training.backend.project)
    more = {"use_ground_truth": True} if training.use_ground_truth else {}
    return dumps({"action": START, "project": project, **more})


async def _send(training: Training, body: bytes) -> None:
    backend = training.backend
    async with Caller(address(backend, endpoints.endpoint_of(backend))) as caller:
        await caller.tell(body)


def _ended(backend_id: int, mine: Holder, found: str, message: str | None) -> None:
    endpoints.note(backend_id, found, message=message)
    if trainings.end(backend_id, mine):
        queue(backend_id)
