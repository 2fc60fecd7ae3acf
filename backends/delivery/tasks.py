"""Deliveries in the queue: one task, harmless when it runs twice, which tells what was recorded.

Woken by what is recorded, at most once a second by each process; whoever tells events stays for
longer than that, so nothing waits for the next time. What a lost queue or a killed worker left
behind is found by the sweep, and by workers that are at work already.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_tasks import task

from backends.db.webhooks import outgoing
from predictions_api.jobs import sharing, stopping
from predictions_api.jobs.queueing import CALLS

EVENTS, DELIVERIES = "events", "deliveries"
WAKES_EVERY_S = 1.0
STAYS_S = 3.0
LOOK_S = 0.05
#: What has waited for so long is nobody's.
LEFT_BEHIND_S = 3.0
FAILED_FOR = timedelta(days=30)
PURGES_EVERY_S = 600.0

_waking = threading.Lock()
_woken_at = -WAKES_EVERY_S
_purged_at = -PURGES_EVERY_S


@task(queue_name=CALLS)
def deliver() -> None:
    """Tells what was recorded, and sends what is due; meanwhile works on others that wait."""
    sharing.work(EVENTS, 0)


def wake() -> None:
    """Queues the task, unless this process has just done so."""
    global _woken_at
    with _waking:
        if time.monotonic() - _woken_at < WAKES_EVERY_S:
            return
        _woken_at = time.monotonic()
    deliver.enqueue()


def events_due(seconds: float) -> Iterator[sharing.Due]:
    """One job where events have waited so long."""
    if outgoing.is_anything_recorded(seconds):
        yield sharing.Due(0, 0)


def tell(key: Hashable, is_over: Callable[[], bool]) -> None:
    """Makes deliveries of what was recorded, and of what comes meanwhile."""
    from backends.delivery import fanning

    quiet_since = time.monotonic()
    has_told = False
    while not (stopping.requested.is_set() or is_over()):
        if fanning.make_deliveries():
            has_told, quiet_since = True, time.monotonic()
        elif _is_over(has_told, quiet_since) and not outgoing.busy().exists():
            return
        else:
            stopping.requested.wait(LOOK_S)


def _is_over(has_told: bool, quiet_since: float) -> bool:
    """Whether there is nothing to tell, and with what was told nothing more will come."""
    return not has_told or time.monotonic() - quiet_since > STAYS_S


def deliveries_due(seconds: float) -> Iterator[sharing.Due]:
    """Webhooks that have something due: they come to whoever looks first."""
    for webhook_id, workspace_id in outgoing.busy().values_list("pk", "workspace_id"):
        yield sharing.Due(workspace_id, webhook_id)


def send(webhook_id: Hashable, is_over: Callable[[], bool]) -> None:
    """Sends what is due to one webhook."""
    from backends.delivery import sending

    assert isinstance(webhook_id, int)
    sending.send(webhook_id, is_over)


def requeue_left_behind() -> None:
    """Queues the task where something waits that nobody has in hand."""
    if outgoing.is_anything_recorded(LEFT_BEHIND_S) or outgoing.busy(LEFT_BEHIND_S).exists():
        deliver.enqueue()


def purge() -> int:
    """Deletes deliveries that ended long ago, every ten minutes; how many."""
    global _purged_at
    if time.monotonic() - _purged_at < PURGES_EVERY_S:
        return 0
    _purged_at = time.monotonic()
    now = timezone.now()
    return outgoing.purge(
        delivered_before=now - timedelta(days=settings.WEBHOOK_RETENTION_DAYS),
        failed_before=now - FAILED_FOR,
    )
