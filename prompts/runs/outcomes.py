"""What came of a run's tasks, stored batch by batch.

A batch is one transaction under the run's row lock, so a batch and a cancel never cross, each
item gets one outcome however often it is sent, and totals, spending and the run's end are right
at every commit. A new prediction takes the place of what the same version said of the task
before; annotations made from that keep standing, without their parent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from prompts.asking.outcome import Outcome
from prompts.db import budgets, items
from prompts.db import outcomes as rows
from prompts.models import ModelRun, RunItem
from prompts.runs import state


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: the run's status after it, and the tasks it gave an outcome."""

    status: str
    accepted: frozenset[int] = field(default_factory=frozenset)
    # Why no more money may be spent on this run; empty while it may.
    spent: str = ""


@transaction.atomic
def store(run_id: int, outcomes: Sequence[Outcome], *, owner: UUID | None = None) -> Stored:
    """Stores a batch and ends the run if it was the last. About ten statements for any size.

    Outcomes of tasks that have one already, are not the run's, or are in another owner's hand are
    left out of `accepted` and change nothing; so does everything once the run has ended.
    """
    run = rows.lock(run_id)
    if run is None or not state.may("store", run.status):
        return Stored(run.status if run else ModelRun.Status.CANCELED)
    last = {outcome.task_id: outcome for outcome in outcomes}
    accepted = items.accept(run_id, {key: _status(last[key]) for key in last}, owner)
    kept = [last[task_id] for task_id in sorted(accepted)]
    spent = ""
    if kept:
        if run.status == ModelRun.Status.PENDING:
            state.set_begun(run_id)
        agreements = rows.write(run_id, run, kept)
        cost = sum(outcome.total_cost or 0.0 for outcome in kept)
        spent = budgets.spend(run.connection_id, cost)
        spent = rows.count(run_id, kept, agreements) or spent
    status = state.finish_if_done(run_id) or ModelRun.Status.IN_PROGRESS
    return Stored(status, accepted, spent)


def _status(outcome: Outcome) -> str:
    return RunItem.Status.PREDICTED if outcome.is_prediction else RunItem.Status.FAILED
