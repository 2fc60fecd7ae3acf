"""The one place that counts calls to providers that web requests wait for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from rest_framework import status
from rest_framework.exceptions import APIException

from accounts.models import Workspace
from predictions_api.jobs.leases import lasting
from prompts.models import Trial

#: How long a client is asked to wait that is one too many.
WAIT_S = 5
# Half of a process's threads at most wait for providers, of whatever workspaces.
_threads = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


class TooManyTrials(APIException):
    """As many calls to providers are waited for as may be."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_detail = (
        "Too many requests wait for a model already; nothing was asked. Try again in a moment, or"
        " make a run."
    )
    default_code = "too_many_trials"
    wait = WAIT_S


@contextmanager
def one_more(workspace_id: int) -> Iterator[None]:
    """Counts a call of the workspace within the block.

    TooManyTrials where it would be more than TRIALS_AT_ONCE of the workspace, over all web
    processes, or would take more than half of this one's threads. Four statements. Of a process
    that was killed it counts until the call would have ended.
    """
    if not _threads.acquire(blocking=False):
        raise TooManyTrials
    try:
        trial = _begin(workspace_id)
        try:
            yield
        finally:
            Trial.objects.filter(pk=trial.pk).delete()
    finally:
        _threads.release()


@transaction.atomic
def _begin(workspace_id: int) -> Trial:
    # One at a time, so that two cannot both be the last.
    Workspace.objects.select_for_update(no_key=True).only("pk").get(pk=workspace_id)
    held = Trial.objects.filter(workspace_id=workspace_id)
    held.filter(lease_until__lt=Now()).delete()
    if held.count() >= settings.TRIALS_AT_ONCE:
        raise TooManyTrials
    return Trial.objects.create(
        workspace_id=workspace_id, lease_until=lasting(settings.TRIAL_TIMEOUT_S + WAIT_S)
    )
