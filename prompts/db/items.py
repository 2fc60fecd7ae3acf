"""The one place that writes the items of a run: which tasks it has, who has each in hand, what came
of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from predictions.db import places
from predictions_api.jobs.leases import Holder
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all
from prompts.db import subsets
from prompts.models import ModelRun, RunItem

Status = RunItem.Status
OPEN = (Status.PENDING, Status.CLAIMED)


@dataclass(frozen=True, slots=True)
class Claim:
    """A task in hand: its data is JSON text. `attempts` counts this claim, too."""

    task_id: int
    data: str
    attempts: int


INSERT_SQL = """
INSERT INTO prompts_runitem (run_id, project_id, slot, task_id, status, attempts)
SELECT %s, %s, %s, s.id, 'Pending', 0 FROM ({tasks}) s
"""


def insert(run: ModelRun, tasks: subsets.Clause) -> int:
    """Gives the run an item for each task of the clause; how many. One statement."""
    sql, params = tasks
    slot = slots.of_project(run.project_id)
    values = [run.pk, run.project_id, slot, *params]
    return execute(INSERT_SQL.format(tasks=sql), values, slot=slot)


def slot_of(run_id: int) -> int | None:
    """The slot of a run's items; None where the database is not spread, and for a deleted run."""
    return places.slot_of_owner(ModelRun.objects.filter(pk=run_id))


def has_open(run_id: int) -> bool:
    """Whether a task of the run has no outcome yet. By prompts_runitem_open_idx."""
    return _of_run(run_id).filter(status__in=OPEN).exists()


def n_unpredicted(run_id: int) -> int:
    """How many tasks of the run have no prediction of it, those that are still there."""
    return _of_run(run_id).exclude(status=Status.PREDICTED).count()


def _of_run(run_id: int) -> QuerySet[RunItem]:
    return places.in_slot(RunItem.objects.filter(run_id=run_id), slot_of(run_id))


# The claim is the measured hot path: with the tasks' data in the same trip.
CLAIM_SQL = """
WITH claimed AS ({claim})
SELECT t.id, t.data::text, c.attempts FROM claimed c JOIN predictions_task t ON t.id = c.task_id
ORDER BY t.id
"""


def claim(run_id: int, mine: Holder, n: int) -> list[Claim]:
    """Up to n tasks nobody has in hand, in task order, now in the holder's until the lease ends.

    None of a run that is not in progress. One statement, two when fresh tasks run out.
    """
    in_progress = ModelRun.objects.filter(pk=OuterRef("run_id"), status=ModelRun.Status.IN_PROGRESS)
    rows = RunItem.objects.filter(Exists(in_progress), run_id=run_id).order_by("task_id")
    slot = slot_of(run_id)
    claims = _claim(rows.filter(status=Status.PENDING), mine, n, slot)
    if len(claims) < n:
        claims += _claim(rows.filter(status=Status.CLAIMED), mine, n - len(claims), slot)
    return claims


def _claim(rows: QuerySet[RunItem], mine: Holder, n: int, slot: int | None) -> list[Claim]:
    columns = ("task_id", "attempts")
    sql, params = mine.claim_sql(rows, n, columns=columns, status=Status.CLAIMED)
    return [Claim(*row) for row in fetch_all(CLAIM_SQL.format(claim=sql), params, slot=slot)]


def extend(run_id: int, mine: Holder, task_ids: Sequence[int]) -> None:
    """Renews the holder's leases on these tasks, where it has them in hand."""
    rows = _of_run(run_id).filter(status=Status.CLAIMED)
    mine.extend(rows.filter(task_id__in=sorted(task_ids)))


def release(run_id: int, mine: Holder) -> None:
    """Gives back what the holder has in hand, as if it had not been claimed."""
    rows = _of_run(run_id).filter(status=Status.CLAIMED)
    mine.release(rows, status=Status.PENDING)


# Each item once, but that a prediction takes the place of a failure where nobody has the tasks in
# hand. With an owner, only what is in that owner's hand.
ACCEPT_SQL = """
UPDATE prompts_runitem i SET status = k.status, lease_owner = NULL, lease_until = NULL
FROM unnest(%(tasks)s::bigint[], %(statuses)s::text[]) AS k(task_id, status)
WHERE i.run_id = %(run)s AND i.task_id = k.task_id
  AND CASE WHEN %(owner)s::uuid IS NULL
      THEN i.status IN ('Pending', 'Claimed') OR (i.status = 'Failed' AND k.status = 'Predicted')
      ELSE i.status = 'Claimed' AND i.lease_owner = %(owner)s END
RETURNING i.task_id
"""


def accept(run_id: int, statuses: Mapping[int, str], owner: UUID | None) -> frozenset[int]:
    """Gives tasks, by id, the status of their outcome; those that took it. One statement.

    A task that has one already keeps it. Without an owner (the outside engine of a run) a
    prediction takes the place of a failure.
    """
    params = {
        "run": run_id,
        "tasks": list(statuses),
        "statuses": list(statuses.values()),
        "owner": owner,
    }
    return frozenset(row[0] for row in fetch_all(ACCEPT_SQL, params, slot=slot_of(run_id)))


def with_outcome(run_id: int, task_ids: Sequence[int]) -> dict[int, str]:
    """The tasks among them that have an outcome in the run, with its status. No statement for
    none.
    """
    if not task_ids:
        return {}
    ended = _of_run(run_id).filter(task_id__in=task_ids).exclude(status__in=OPEN)
    return dict(ended.values_list("task_id", "status"))


AGREE_SQL = """
UPDATE prompts_runitem i SET agreement = k.agreement
FROM unnest(%s::bigint[], %s::float8[]) AS k(task_id, agreement)
WHERE i.run_id = %s AND i.task_id = k.task_id
"""


def set_agreements(run_id: int, agreements: Mapping[int, float]) -> None:
    """Writes how far tasks agree with their ground truth, 0 to 1 by task id. One statement."""
    params = [list(agreements), list(agreements.values()), run_id]
    execute(AGREE_SQL, params, slot=slot_of(run_id))
