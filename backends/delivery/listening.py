"""Joins webhooks to the outbox and to the worker."""

from backends.db.webhooks.listening import ANYBODY_SQL, LISTENERS_SQL
from backends.delivery import tasks
from predictions_api.jobs import sharing, sweeps
from predictions_api.outbound.events import recording


def register() -> None:
    """From now on webhooks listen, and the worker tells them."""
    recording.register(recording.Audience(LISTENERS_SQL, ANYBODY_SQL, tasks.wake))
    sharing.register(tasks.EVENTS, sharing.Kind(tasks.events_due, tasks.tell))
    sharing.register(tasks.DELIVERIES, sharing.Kind(tasks.deliveries_due, tasks.send))
    sweeps.register(tasks.requeue_left_behind)
    sweeps.register(tasks.purge)
