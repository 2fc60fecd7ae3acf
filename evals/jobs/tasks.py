"""Queue entries: ids only."""

from datetime import UTC, datetime, timedelta

from django_tasks import task


@task()
def compute(evaluation_id: int) -> None:
    """Computes an evaluation, or takes it over from a worker that died."""
    from evals.jobs import run

    run.run(evaluation_id)


def look_again(evaluation_id: int, *, seconds: float) -> None:
    """Queues `compute` for later: whoever holds the evaluation now may be dead by then."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    compute.using(run_after=moment).enqueue(evaluation_id)
