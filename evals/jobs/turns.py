"""Whose evaluation is computed next: workspaces take turns, and a long evaluation comes back.

Known to one worker process, which computes one at a time.
"""

import time

from django.db.models import QuerySet

from evals.jobs import state
from evals.models import ModelEval
from predictions_api.jobs.leases import FREE

#: How long an evaluation is computed while others wait.
TURN_S = 20.0

# When a workspace and an evaluation last had their turn, by this process's clock.
_workspaces: dict[int, float] = {}
_evaluations: dict[int, float] = {}


def _waiting() -> QuerySet[ModelEval]:
    return state.unfinished().filter(FREE)


def next_up(evaluation_id: int) -> int:
    """The evaluation to compute when the queue names this one: of the workspace that has waited
    longest for a turn, the one that has. One statement.
    """
    rows = list(_waiting().order_by("id").values_list("pk", "workspace_id"))
    if not rows:
        return evaluation_id
    chosen, workspace_id = min(
        rows, key=lambda row: (_workspaces.get(row[1], 0.0), _evaluations.get(row[0], 0.0))
    )
    waiting = {pk for pk, _ in rows}
    for pk in [pk for pk in _evaluations if pk not in waiting]:
        del _evaluations[pk]
    _workspaces[workspace_id] = _evaluations[chosen] = time.monotonic()
    return int(chosen)


class Turn:
    """The time an evaluation has before others that wait."""

    def __init__(self) -> None:
        self._until = time.monotonic() + TURN_S

    def is_over(self) -> bool:
        """Whether it has had its time, and another waits."""
        return time.monotonic() >= self._until and _waiting().exists()
