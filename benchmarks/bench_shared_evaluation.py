"""One evaluation by one worker and by two, in turn: seconds, and who had how many of its chunks.

    python -m benchmarks shared_evaluation [--images 20000] [--rounds 3]

Workers are real ones, of one process for each queue, with EVALUATION_CHUNK=500. Seconds are those
from the request until the evaluation is done. The processor time of each says whether the machine
had two cores to give.
"""

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ.setdefault("EVALUATION_CHUNK", "500")

from benchmarks import evaluated
from benchmarks.servers import stopped_at_end

MOST = 0.6
LEAST_SHARE = 1 / 3
WITHIN_S = 1800


# One statement a look: what looking takes is taken from the workers.
LOOK_SQL = """
SELECT e.status, c.number, c.lease_owner = e.lease_owner
FROM evals_modeleval e
LEFT JOIN evals_evalchunk c ON c.evaluation_id = e.id AND c.lease_owner IS NOT NULL
WHERE e.id = %s
"""


def is_running(evaluation_id: int, seen: dict[int, bool]) -> bool:
    """Whether the evaluation runs. Notes which chunks the leader has in hand, and which others: a
    worker that comes again to help has another name.
    """
    from predictions_api.postgres.sql import fetch_all

    rows = fetch_all(LOOK_SQL, [evaluation_id])
    seen.update((number, leads) for _, number, leads in rows if leads is not None)
    return bool(rows[0][0] == "running")


def computed(project: Any, n_workers: int) -> tuple[float, float, list[int]]:
    """Seconds, processor seconds of the workers, and the chunks seen with the leader and others."""
    import psutil

    from predictions_api.jobs.models import Worker

    with ExitStack() as stack:
        command = [sys.executable, "manage.py", "worker", "--interval=0.1"]
        teams = [
            psutil.Process(stack.enter_context(stopped_at_end(command, os.environ)).pid)
            for _ in range(n_workers)
        ]
        while Worker.objects.count() < n_workers:
            time.sleep(0.1)
        # Their processes have begun to look at the queue.
        time.sleep(3)
        seen: dict[int, bool] = {}
        used = _used(teams)
        started = time.perf_counter()
        found = evaluated.evaluation_of(project)
        while is_running(found.pk, seen) and time.perf_counter() - started < WITHIN_S:
            time.sleep(0.05)
        seconds = time.perf_counter() - started
        used = _used(teams) - used
    found.refresh_from_db()
    assert found.status == "done", found.failure_reason
    return seconds, used, sorted(Counter(seen.values()).values(), reverse=True)


def _used(teams: list[Any]) -> float:
    times = [one.cpu_times() for team in teams for one in (team, *team.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    evaluated.start()
    project, _ = evaluated.project_of(options.images)
    best = {1: float("inf"), 2: float("inf")}
    for _ in range(options.rounds):
        for n_workers in best:
            seconds, used, counted = computed(project, n_workers)
            best[n_workers] = min(best[n_workers], seconds)
            print(
                f"{n_workers} workers, {options.images:,} images: {seconds:.1f} s, {used:.1f} s of "
                f"processor ({used / seconds:.2f} cores), chunks of leader and others: {counted}",
                flush=True,
            )
    ratio = best[2] / best[1]
    fair = min(counted) / sum(counted) if len(counted) == 2 else 0.0
    print(
        f"two workers take {ratio:.2f} of one's time ({'holds' if ratio <= MOST else 'over'} "
        f"{MOST}); the one with fewer chunks had {fair:.2f} of them in the last round "
        f"({'holds' if fair >= LEAST_SHARE else 'under'} a third)"
    )


if __name__ == "__main__":
    main()
