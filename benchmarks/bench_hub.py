"""A project's page at 1,000 and at 100,000 tasks: server time, its exact counts, statements.

    python -m benchmarks hub [--tasks 100000]

Each task has an annotation and a prediction of each of three versions; two versions are evaluated.
The two projects are asked in turns, and the best of several rounds of medians counts.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import evaluated
from benchmarks.bench_desk import Desk, in_turns, reviewer
from benchmarks.servers import gunicorn

VERSIONS = 3
#: What the page may cost more at many tasks than at few.
MOST_RATIO = 1.5
TASKS_SQL = """
INSERT INTO predictions_task
    (project_id, slot, data, meta, inner_id, overlap, created_at, updated_at)
SELECT j.id, j.id %% 4096, jsonb_build_object('image', 'http://images.test/' || n || '.jpg'), '{}',
    n, 1, now(), now() FROM predictions_project j, generate_series(1, %s) n WHERE j.id = %s
"""
ANNOTATIONS_SQL = """
INSERT INTO predictions_annotation
    (project_id, slot, task_id, result, ground_truth, was_cancelled, created_at, updated_at)
SELECT project_id, slot, id, %s::jsonb, true, false, now(), now() FROM predictions_task
WHERE project_id = %s
"""
PREDICTIONS_SQL = """
INSERT INTO predictions_prediction
    (project_id, slot, task_id, result, model_version, mislabeling, created_at, updated_at)
SELECT t.project_id, t.slot, t.id, %s::jsonb, 'v' || v, 0, now(), now()
FROM predictions_task t, generate_series(1, %s) v WHERE t.project_id = %s ORDER BY v, t.id
"""


def filled(n: int) -> Any:
    """A project of n tasks."""
    import orjson
    from django.db import connection

    project, _ = evaluated.project_of(0)
    regions = [evaluated.region((10, 20, 30, 40), label, 0.5) for label in range(5)]
    result = orjson.dumps(regions).decode()
    with connection.cursor() as cursor:
        cursor.execute(TASKS_SQL, [n, project.pk])
        cursor.execute(ANNOTATIONS_SQL, [result, project.pk])
        cursor.execute(PREDICTIONS_SQL, [result, VERSIONS, project.pk])
    return project


def evaluations(project: Any, like: Any) -> None:
    """Ten evaluations of each version but the last, as done as the one they are made like."""
    from evals.models import ModelEval, new_eval_id

    for n in range(10 * (VERSIONS - 1)):
        one = ModelEval.objects.get(pk=like.pk)
        one.pk, one.eval_id, one.project = None, new_eval_id(), project
        one.model_version = one.version_id = f"v{n % (VERSIONS - 1) + 1}"
        one.save(force_insert=True)


def statements(client: Any, path: str) -> int:
    """How many the page asks."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    evaluated.start()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]
    sample, _ = evaluated.project_of(100)
    done = evaluated.evaluation_of(sample)
    evaluated.evaluate(done)
    projects = [filled(n) for n in (evaluated.SMALL, options.tasks)]
    for project in projects:
        evaluations(project, done)
    evaluated.vacuum()
    client = reviewer()
    env = {"ALLOWED_HOSTS": "127.0.0.1", "SECRET_KEY": settings.SECRET_KEY}
    app = "predictions_api.wsgi:application"
    with gunicorn(app, env=env, workers=1, threads=2) as port:
        desk = Desk(port, client.cookies["sessionid"].value)
        print(f"{'a project of':22}{'1,000':>10}{f'{options.tasks:,}':>10}{'ratio':>8}")
        for name, rest in (("its page", ""), ("its exact counts", "held")):
            paths = [f"/admin/predictions/project/{one.pk}/{rest}" for one in projects]
            few, many = in_turns(options.rounds, 5, *(partial(desk.get, path) for path in paths))
            print(f"{name:22}{few:>8.1f}ms{many:>8.1f}ms{many / few:>8.2f}")
            if not rest:
                counts = [statements(client, path) for path in paths]
                print(f"{'its statements':22}{counts[0]:>10}{counts[1]:>10}")
                if many > MOST_RATIO * few:
                    sys.exit(f"More than {MOST_RATIO} times as long.")


if __name__ == "__main__":
    main()
