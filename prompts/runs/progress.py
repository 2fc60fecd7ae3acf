"""How far a run is, and why it is no further."""

from datetime import UTC, datetime, timedelta

from prompts.models import ModelRun
from prompts.runs import state

# A worker that is up looks at the queue every second.
OVERDUE = timedelta(seconds=15)


def fraction(run: ModelRun) -> float:
    """The part of its tasks that have an outcome, 0 to 1; 1 for a run without tasks.

    A completed run is whole, also where tasks were deleted meanwhile.
    """
    done = run.total_predictions + run.total_failed
    if run.status == ModelRun.Status.COMPLETED or not run.total_tasks:
        return 1.0
    return min(1.0, done / run.total_tasks)


def reason(run: ModelRun) -> str:
    """The run's status in words, for one that waits as well."""
    if run.status_reason or run.status not in state.OPEN:
        return run.status_reason
    if not run.is_ours:
        job = f" of job {run.job_id}" if run.job_id else ""
        return f"Waits for the batches{job} of an outside engine."
    since = datetime.now(UTC) - run.created_at
    if run.status == ModelRun.Status.PENDING and since > OVERDUE:
        return (
            f"No worker has taken it for {int(since.total_seconds())} s: is one running"
            " (manage.py worker)?"
        )
    if run.lease_until is not None and run.lease_until < datetime.now(UTC):
        return "Its worker has gone silent; the next one goes on with it."
    return ""
