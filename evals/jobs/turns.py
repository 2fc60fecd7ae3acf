"""Whose evaluation is computed next: workspaces take turns, and a long evaluation comes back.

Known to one worker process, which computes one at a time.
"""

import time

from django.conf import settings
from django.db.models import QuerySet

from evals.db import chunks
from evals.jobs import state
from evals.models import ModelEval
from predictions_api.jobs import stopping
from predictions_api.jobs.leases import FREE
from predictions_api.jobs.queueing import COMPUTING
from predictions_api.operations import workers

#: How long an evaluation is computed while others wait.
TURN_S = 20.0
#: How long a worker counts for another one that leads, while any job waits.
HELP_S = 1.0

# When a workspace and an evaluation last had their turn, by this process's clock.
_workspaces: dict[int, float] = {}
_evaluations: dict[int, float] = {}


def _waiting() -> QuerySet[ModelEval]:
    return state.unfinished().filter(FREE)


def next_up(evaluation_id: int) -> int:
    """The evaluation to compute when the queue names this one: of the workspace that has waited
    longest for a turn, the one that has. Nobody leads it, or it has chunks that nobody counts. One
    statement, and one for each that is only to be helped.
    """
    free = set(_waiting().values_list("pk", flat=True))
    rows = list(state.unfinished().order_by("id").values_list("pk", "workspace_id"))
    for pk in _evaluations.keys() - {pk for pk, _ in rows}:
        del _evaluations[pk]
    rows.sort(key=lambda row: (_workspaces.get(row[1], 0.0), _evaluations.get(row[0], 0.0)))
    for pk, workspace_id in rows:
        if pk in free or chunks.n_free(pk, most=1):
            _workspaces[workspace_id] = _evaluations[pk] = time.monotonic()
            return int(pk)
    return evaluation_id


def is_any_job_waiting() -> bool:
    """Whether the queue has a job that could be done here."""
    n, _ = workers.WAITING[str(settings.TASKS["default"]["BACKEND"])]([COMPUTING])
    return n > 0


class Turn:
    """The time an evaluation has before others that wait."""

    def __init__(self) -> None:
        now = time.monotonic()
        self._until, self._helps_until = now + TURN_S, now + HELP_S

    def is_over(self) -> bool:
        """Whether it has had its time, and another waits; or this process is to end."""
        if stopping.requested.is_set():
            return True
        return time.monotonic() >= self._until and _waiting().exists()

    def is_help_over(self) -> bool:
        """Whether a helper has helped for a while, and any job waits; or this process is to end."""
        if stopping.requested.is_set():
            return True
        if time.monotonic() < self._helps_until:
            return False
        self._helps_until = time.monotonic() + HELP_S
        return is_any_job_waiting()
