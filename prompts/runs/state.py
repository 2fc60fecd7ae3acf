"""The one place that begins, claims, ends and cancels runs.

A run's row is the truth about it and its items are the work; queues carry ids only. Whoever works
on a run holds leases: on the items it has claimed, on the run, and on its share of the
connection's requests. A worker that dies lets them lapse, which costs their time and nothing
else: `requeue_stalled` gives the run to the next one. Everything here may be repeated.
"""

import logging

from django.conf import settings

from predictions_api.postgres.sql import fetch_one
from prompts.db.measures import MEASURES
from prompts.models import ModelRun

log = logging.getLogger(__name__)

Status = ModelRun.Status
# What each verb makes of a status; a status that is not named refuses the verb.
TRANSITIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "begin": {
        Status.PENDING: (Status.IN_PROGRESS,),
        Status.IN_PROGRESS: (Status.IN_PROGRESS,),  # a second worker joins, or takes over
    },
    "store": {
        Status.PENDING: (Status.IN_PROGRESS,),
        Status.IN_PROGRESS: (Status.IN_PROGRESS,),
    },
    "finish": {Status.IN_PROGRESS: (Status.COMPLETED, Status.FAILED)},
    "fail": {Status.PENDING: (Status.FAILED,), Status.IN_PROGRESS: (Status.FAILED,)},
    "cancel": {
        Status.PENDING: (Status.CANCELED,),
        Status.IN_PROGRESS: (Status.CANCELED,),
        Status.CANCELED: (Status.CANCELED,),  # asked again
    },
}
OPEN = (Status.PENDING, Status.IN_PROGRESS)


def may(verb: str, status: str) -> bool:
    """Whether a run in that status takes the verb."""
    return status in TRANSITIONS[verb]


def allowed(verb: str) -> list[str]:
    """The statuses that take the verb, for a statement's WHERE."""
    return [str(status) for status in TRANSITIONS[verb]]


BEGIN_SQL = """
UPDATE prompts_modelrun SET status = 'InProgress', status_reason = '', n_queued = 0,
       triggered_at = coalesce(triggered_at, now()),
       lease_until = now() + make_interval(secs => %s)
WHERE id = %s AND is_ours AND status = ANY(%s)
  AND (SELECT count(*) FROM prompts_connectionshare s
       WHERE s.run_id = prompts_modelrun.id AND s.lease_until > now()) < %s
RETURNING id
"""


def begin(run_id: int) -> bool:
    """Takes the run in hand. False where it has ended, or has as many executors as it may."""
    params = [settings.RUN_LEASE_S, run_id, allowed("begin"), settings.RUN_EXECUTORS]
    return fetch_one(BEGIN_SQL, params) is not None


def status_of(run_id: int) -> str:
    """The run's status now; Canceled for one that was deleted. Ends it if nothing is left."""
    finish_if_done(run_id)
    row = fetch_one("SELECT status FROM prompts_modelrun WHERE id = %s", [run_id])
    return str(row[0]) if row else str(Status.CANCELED)


FAIL_SQL = f"""
UPDATE prompts_modelrun r
SET status = 'Failed', status_reason = %s, completed_at = now(), lease_until = NULL,
    measures = ({MEASURES})
WHERE id = %s AND status = ANY(%s) RETURNING id
"""  # noqa: S608


def fail(run_id: int, reason: str) -> bool:
    """Ends the run at once for a fault of the whole of it; what is stored stays. False if ended."""
    return fetch_one(FAIL_SQL, [reason[:2000], run_id, allowed("fail")]) is not None


CANCEL_SQL = f"""
UPDATE prompts_modelrun r
SET status = 'Canceled', status_reason = 'Canceled by a user.',
    completed_at = coalesce(completed_at, now()), lease_until = NULL,
    measures = coalesce(measures, ({MEASURES}))
WHERE id = %s AND status = ANY(%s) RETURNING id
"""  # noqa: S608


def cancel(run_id: int) -> bool:
    """Cancels the run; what is stored stays, nothing more is. False where it has ended otherwise.

    Takes effect at once for every write: answers of requests in flight are dropped.
    """
    return fetch_one(CANCEL_SQL, [run_id, allowed("cancel")]) is not None


# Ends a run whose items all have an outcome: through prompts_runitem_open_idx, no count needed.
FINISH_SQL = f"""
UPDATE prompts_modelrun r
SET status = CASE WHEN total_predictions > 0 THEN 'Completed' ELSE 'Failed' END,
    status_reason = CASE
        WHEN total_predictions = 0 THEN 'No task has a prediction; the failures say why.'
        WHEN total_failed > 0
            THEN format('%%s of %%s tasks failed.', total_failed, total_failed + total_predictions)
        ELSE '' END,
    completed_at = now(), lease_until = NULL, measures = ({MEASURES})
WHERE r.id = %s AND r.status = ANY(%s)
  AND NOT EXISTS (SELECT 1 FROM prompts_runitem i
                  WHERE i.run_id = r.id AND i.status IN ('Pending', 'Claimed'))
RETURNING r.status
"""  # noqa: S608


def finish_if_done(run_id: int) -> str | None:
    """The final status, if this ended the run; None while something is left or it had ended."""
    row = fetch_one(FINISH_SQL, [run_id, allowed("finish")])
    return row[0] if row else None
