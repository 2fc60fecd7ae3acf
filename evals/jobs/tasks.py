"""Evaluations in the queue: ids only, each harmless when it runs twice."""

from django.conf import settings
from django_tasks import task

from evals.db import chunks
from evals.jobs import state
from predictions_api.jobs import attendance, sweeps
from predictions_api.jobs.queueing import enqueue_on_commit


@task()
def compute(evaluation_id: int) -> None:
    """Computes an evaluation for a turn, helps whoever is at it, or takes it over from a worker
    that died.

    It may be another than the one named, which then comes when that one is; at once, if that one
    has a leader and so no place in the queue.
    """
    from evals.jobs import run, turns

    chosen, turn = turns.next_up(evaluation_id), turns.Turn()
    if chosen != evaluation_id and turns.is_led(chosen) and not turns.is_led(evaluation_id):
        queue(evaluation_id)
    helpers = Helpers(chosen)
    is_done = run.run(
        chosen, is_over=turn.is_over, is_help_over=turn.is_help_over, call=helpers.call
    )
    if not is_done:
        queue(chosen)


class Helpers:
    """The workers that are called to one evaluation."""

    def __init__(self, evaluation_id: int) -> None:
        self.evaluation_id, self.n = evaluation_id, 0

    def call(self, n_chunks: int, *, is_again: bool = False) -> None:
        """As many as find a chunk to count beside the leader's, and as there are; each once unless
        it is again. At most one statement beside those of the queue.
        """
        self.n = 0 if is_again else self.n
        wanted = min(_most_executors() if n_chunks > 1 else 1, n_chunks) - 1
        while self.n < wanted:
            queue(self.evaluation_id)
            self.n += 1


def _most_executors() -> int:
    """How many processes may count an evaluation, or are there at all."""
    most: int = settings.EVALUATION_EXECUTORS or attendance.n_for_each_queue()
    return most


def queue(evaluation_id: int) -> None:
    """Puts a running evaluation into the queue on commit."""
    enqueue_on_commit(compute, evaluation_id)


def requeue_stalled() -> list[int]:
    """Queues the evaluations that their worker or the queue lost; their ids. Safe at any time.

    Ends those whose project is gone.
    """
    state.end_without_project()
    lease_s = settings.EVALUATION_LEASE_S
    return sweeps.requeue(state.unfinished(), queue, lease_s=lease_s, lease_owner=None)


def call_idle() -> None:
    """Calls workers that have nothing to do to evaluations with chunks that nobody counts."""
    from evals.jobs import turns

    led = state.unfinished().filter(lease_owner__isnull=False).order_by("id")
    found = list(led.values_list("pk", flat=True))
    if not found or turns.is_any_job_waiting():
        return
    for pk in found:
        # One of those who count is the leader, or will be.
        most = _most_executors() - max(len(chunks.counting(pk)), 1)
        for _ in range(chunks.n_free(pk, most=max(most, 0))):
            queue(pk)
