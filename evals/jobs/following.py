"""Computes an evaluation in the process that asked for it, for commands that wait."""

import time
from collections.abc import Callable

from evals.jobs import run
from evals.models import ModelEval

POLL_S = 0.2


def follow(evaluation: ModelEval, watch: Callable[[float], object]) -> None:
    """Computes it here unless a worker was quicker; either way until it has ended, done or failed.

    `watch` is told the progress, 0 to 1; the row is refreshed.
    """
    run.run(evaluation.pk, watcher=watch)
    evaluation.refresh_from_db()
    while evaluation.status == ModelEval.Status.RUNNING:
        watch(evaluation.progress)
        time.sleep(POLL_S)
        evaluation.refresh_from_db()
    watch(evaluation.progress)
