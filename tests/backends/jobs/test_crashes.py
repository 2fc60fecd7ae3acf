"""Whatever dies, each task of a job ends exactly once and nothing is stored twice.

Real workers and a real Postgres; only the model is a stand-in.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.backends.scripted import Scripted, running, slowly
from tests.prompts.crew import Crew, pause, until

# Processes that start, die and start again.
pytestmark = pytest.mark.slow

N_TASKS = 120

CREATE = """
from accounts import tokens
from backends.db import endpoints, jobs
from backends.delivery.signatures import new_secret
from backends.jobs import start
from predictions.db import projects
from predictions.imports import tasks
from predictions.models import MLBackend
from predictions.regions import labelling
from tests.conftest import TEXT_CONFIG
token, key = tokens.create(
    email="ada@example.com", workspace_slug="lab", create_workspace=True, role="owner"
)
access = tokens.holder_of_key(key).access
for n, (url, timeout) in enumerate({urls}):
    project = projects.create_project(dict(title=f"Reviews {{n}}", label_config=TEXT_CONFIG),
                                      access, parsed=labelling.parse(TEXT_CONFIG))
    tasks.store(project, [dict(text=f"good {{i}}") for i in range({n_tasks})], access)
    backend = endpoints.create(
        project, dict(url=url, title="m", max_concurrency={slots}, timeout=timeout), access,
        secret=new_secret())
    backend = MLBackend.objects.select_related("project", "endpoint").get(pk=backend.pk)
    print(start.create(backend, jobs.every_task(project.pk), batch_size=2).pk)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backends")
    crew = Crew(path)
    crew.migrate()
    crew.end()
    return path


@pytest.fixture
def crew(data_dir: Path) -> Iterator[Crew]:
    crew = Crew(data_dir, ML_BACKOFF_S="0.05")
    yield crew
    crew.end()


def make_jobs(crew: Crew, *urls: tuple[str, float], slots: int, n_tasks: int) -> list[int]:
    code = CREATE.format(urls=repr(list(urls)), slots=slots, n_tasks=n_tasks)
    return [int(pk) for pk in crew.run(code).splitlines()]


def state_of(crew: Crew, job: int) -> tuple[Any, ...]:
    [row] = crew.query(
        "SELECT status, done_tasks, skipped_tasks, failed_tasks, total_predictions"
        " FROM backends_predictionjob WHERE id = %s",
        job,
    )
    return row


def moved_on(crew: Crew, scripted: Scripted, job: int, n: int) -> bool:
    """Whether more than n tasks were asked about, or the job is over."""
    return len(scripted.asked()) > n or state_of(crew, job)[0] == "Completed"


def test_killed_workers_cost_their_lease(crew: Crew) -> None:
    scripted = Scripted()
    scripted.on("/predict", slowly(0.05))
    with running(scripted) as url:
        [job] = make_jobs(crew, (url, 10), slots=4, n_tasks=N_TASKS)
        crew.start_worker()
        crew.start_worker()
        for _ in range(3):
            n = len(scripted.asked())
            until(partial(moved_on, crew, scripted, job, n))
            until(pause)
            crew.kill(crew.workers[0])
            crew.start_worker()
        until(lambda: state_of(crew, job)[0] not in {"Pending", "InProgress"})
    assert state_of(crew, job) == ("Completed", N_TASKS, 0, 0, N_TASKS)
    doubled = crew.query(
        "SELECT task_id FROM predictions_prediction GROUP BY task_id HAVING count(*) > 1"
    )
    assert doubled == []
    asked = Counter(task for batch in scripted.asked() for task in batch)
    assert len(asked) == N_TASKS
    assert scripted.most_in_flight <= 8  # four, and what killed workers had left out


def test_a_slow_backend_holds_up_nobody_else(crew: Crew) -> None:
    slow, quick = Scripted(), Scripted()
    slow.on("/predict", slowly(30.0))
    with running(slow) as slow_url, running(quick) as quick_url:
        waiting, done = make_jobs(crew, (slow_url, 60), (quick_url, 60), slots=1, n_tasks=20)
        crew.start_worker()
        until(lambda: state_of(crew, done)[0] == "Completed")
        assert state_of(crew, waiting)[0] == "InProgress"
        crew.kill(crew.workers[0])
