"""What came of a run's tasks, stored batch by batch.

A batch is one transaction under the run's row lock, so two batches, or a batch and a cancel, never
cross, each item gets one outcome however often it is sent, and totals, spending and the run's end
are right at every commit. While a run of an outside engine is open, a prediction takes the place of
an earlier failure of its task, and nothing takes the place of a prediction. A new prediction takes
the place of the same version's earlier one of the task; annotations made from that stay, without
their parent.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db import transaction

from predictions_api.postgres.outages import is_outage
from prompts.asking.outcome import Outcome
from prompts.db import budgets, items
from prompts.db import outcomes as rows
from prompts.models import ModelRun, RunItem
from prompts.runs import state

log = logging.getLogger(__name__)

NOT_STORED = "The answer could not be stored; the server's log says why."


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: the run's status after it, and the tasks it gave an outcome."""

    status: str
    accepted: frozenset[int] = field(default_factory=frozenset)
    # Tasks that the batch names more often than counts.
    repeated: frozenset[int] = field(default_factory=frozenset)
    # Why no more money may be spent on this run; empty while it may.
    spent: str = ""


@transaction.atomic
def store(run_id: int, outcomes: Sequence[Outcome], *, owner: UUID | None = None) -> Stored:
    """Stores a batch and ends the run if it was the last. About ten statements for any size.

    Of several outcomes of one task the first prediction counts, with what earlier failures took,
    else the first failure. Outcomes of
    tasks that keep the one they have, are not the run's, or are in another owner's hand are left
    out of `accepted` and change nothing; so does everything once the run has ended.
    """
    run = rows.lock(run_id)
    if run is None or not state.may("store", run.status):
        return Stored(run.status if run else ModelRun.Status.CANCELED)
    chosen, repeated = _one_a_task(outcomes)
    may_replace = owner is None and run.total_failed > 0
    earlier = items.with_outcome(run_id, list(chosen)) if may_replace else {}
    accepted = items.accept(run_id, {key: _status(chosen[key]) for key in chosen}, owner)
    kept = [chosen[task_id] for task_id in sorted(accepted)]
    spent = ""
    if kept:
        if run.status == ModelRun.Status.PENDING:
            state.set_begun(run_id)
        # What had an outcome and took another had a failure.
        failed = [task_id for task_id in accepted if task_id in earlier]
        agreements = rows.write(run_id, run, kept, failed)
        cost = sum(outcome.total_cost or 0.0 for outcome in kept)
        spent = budgets.spend(run.connection_id, cost)
        spent = rows.count(run_id, kept, agreements, n_replaced=len(failed)) or spent
    status = state.finish_if_done(run_id) or ModelRun.Status.IN_PROGRESS
    return Stored(status, accepted, accepted & repeated, spent)


def store_or_fail(run_id: int, outcomes: Sequence[Outcome], *, owner: UUID) -> Stored:
    """As `store`, for answers that are paid for: one that cannot be stored becomes a failure of its
    task, told once in the log, and keeps none of the others from being stored.

    Raises where the database is away, and where not even the failure can be stored.
    """
    try:
        return store(run_id, outcomes, owner=owner)
    except Exception as error:
        if not outcomes or is_outage(error):
            raise
        if len(outcomes) == 1:
            [outcome] = outcomes
            log.exception("run %s, task %s: not stored", run_id, outcome.task_id)
            return store(run_id, [_not_stored(outcome)], owner=owner)
    middle = len(outcomes) // 2
    first, second = (
        store_or_fail(run_id, half, owner=owner) for half in (outcomes[:middle], outcomes[middle:])
    )
    spent = second.spent or first.spent
    return Stored(
        second.status,
        first.accepted | second.accepted,
        first.repeated | second.repeated,
        spent,
    )


def _not_stored(outcome: Outcome) -> Outcome:
    """A failure that took what the outcome took."""
    return replace(
        outcome, result=None, score=None, error_type="NotStored", message=NOT_STORED, extra=None
    )


def _one_a_task(outcomes: Sequence[Outcome]) -> tuple[dict[int, Outcome], frozenset[int]]:
    """The outcome of each task, and the tasks of which another one is passed over."""
    chosen: dict[int, Outcome] = {}
    repeated = set()
    for outcome in outcomes:
        first = chosen.setdefault(outcome.task_id, outcome)
        if outcome.is_prediction and not first.is_prediction:
            chosen[outcome.task_id] = rows.with_earlier(outcome, rows.taken_by(first))
        elif first is not outcome:
            repeated.add(outcome.task_id)
    return chosen, frozenset(repeated)


def _status(outcome: Outcome) -> str:
    return RunItem.Status.PREDICTED if outcome.is_prediction else RunItem.Status.FAILED
