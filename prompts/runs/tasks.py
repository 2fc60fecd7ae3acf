"""Entry points of the queue: ids only, each harmless when it runs twice."""

from django_tasks import task


@task()
def execute_run(run_id: int) -> None:
    """Works on a run until it ends, this worker stops, or others do all of it."""
    from prompts.runs import executor

    executor.execute(run_id)


def enqueue_run(run_id: int) -> None:
    """Puts the run into the queue."""
    execute_run.enqueue(run_id)
