"""Whatever dies, each task of a run gets exactly one outcome, and no request is sent in vain.

Real workers, a real Postgres and a real Redis are killed; only the model is a stand-in.
"""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from predictions_api.postgres import embedded
from tests.prompts.conftest import Model, start_model
from tests.prompts.crew import DEADLINE_S, LEASE_S, Crew, pause, until

# Processes that start, die and start again: about a minute, in CI and by `make test ARGS=-mslow`.
pytestmark = pytest.mark.slow

N_TASKS = 200
SLOTS = 8

CREATE = """
import json
from accounts import tokens
from predictions import curate, labelling, task_import
from prompts import catalogue, runs
from tests.conftest import TEXT_CONFIG
spec = json.loads('''{spec}''')
token, key = tokens.create(email="ada@example.com", workspace_slug="lab")
access = tokens.holder_of_key(key).access
row = catalogue.create_connection(
    dict(provider="Custom", endpoint=spec["endpoint"], max_concurrency=spec["slots"]), access)
for _ in range(spec["runs"]):
    project = curate.create_project(dict(title="Reviews", label_config=TEXT_CONFIG), access,
                                    parsed=labelling.parse(TEXT_CONFIG))
    texts = [dict(text=f"good {{n}}") for n in range(spec["tasks"])]
    task_import.store(project, texts, access)
    prompt = catalogue.create_prompt(dict(title="Moods"), access)
    version = catalogue.create_version(
        prompt, dict(title="v1", prompt="Mood of {{text}}?", provider_model_id="m",
                     model_provider_connection_id=row.pk), access)
    run = runs.create(dict(project_id=project.pk, project_subset="All"), version, access)
    print(run.pk)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crashes")
    # The server of a root user runs as somebody else, who must be able to get there.
    for above in (path, *path.parents[:2]):
        above.chmod(0o755)
    crew = Crew(path)
    crew.migrate()
    crew.end()
    return path


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    socket = tmp_path_factory.mktemp("redis") / "redis.sock"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--daemonize", "no"],
        stdout=subprocess.DEVNULL,
    )
    until(socket.exists, within_s=10)
    yield f"unix://{socket}"
    process.terminate()
    process.wait(10)


@pytest.fixture(params=["db", "rq"])
def queue(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of each kind of queue."""
    if request.param == "db":
        return {"TASKS_BACKEND": "db"}
    return {"TASKS_BACKEND": "rq", "REDIS_URL": request.getfixturevalue("redis_url")}


@pytest.fixture
def slow_model() -> Iterator[Model]:
    """A stand-in that takes 50 ms to answer."""
    process, model = start_model(50)
    yield model
    process.terminate()
    process.communicate()


@pytest.fixture
def crew(data_dir: Path) -> Iterator[Crew]:
    made = Crew(data_dir)
    yield made
    made.end()


@pytest.fixture
def queued_crew(data_dir: Path, queue: dict[str, str]) -> Iterator[Crew]:
    made = Crew(data_dir, **queue)
    yield made
    made.end()


def create_runs(crew: Crew, model: Model, *, n_runs: int = 1, tasks: int = N_TASKS) -> list[int]:
    spec = {"endpoint": model.endpoint, "slots": SLOTS, "runs": n_runs, "tasks": tasks}
    said = crew.run(CREATE.format(spec=json.dumps(spec)))
    return [int(line) for line in said.split()]


def n_stored(crew: Crew, run_id: int) -> int:
    [(n,)] = crew.query(
        "SELECT count(*) FROM prompts_runitem WHERE run_id = %s AND status IN"
        " ('Predicted', 'Failed')",
        run_id,
    )
    return int(n)


def status_of(crew: Crew, run_id: int) -> str:
    [(status,)] = crew.query("SELECT status FROM prompts_modelrun WHERE id = %s", run_id)
    return str(status)


def assert_one_outcome_each(crew: Crew, run_id: int, *, failed: int = 0) -> None:
    rows = crew.query(
        """
        SELECT i.status, (SELECT count(*) FROM predictions_prediction p
                          WHERE p.task_id = i.task_id AND p.model_run_id = i.run_id),
               (SELECT count(*) FROM prompts_failedprediction f
                WHERE f.task_id = i.task_id AND f.model_run_id = i.run_id)
        FROM prompts_runitem i WHERE i.run_id = %s
        """,
        run_id,
    )
    assert len(rows) == N_TASKS
    assert set(rows) <= {("Predicted", 1, 0), ("Failed", 0, 1)}
    [totals] = crew.query(
        "SELECT status, total_tasks, total_predictions, total_failed FROM prompts_modelrun"
        " WHERE id = %s",
        run_id,
    )
    assert totals == ("Completed", N_TASKS, N_TASKS - failed, failed)


def children_of(worker: subprocess.Popen[bytes]) -> list[str]:
    return Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()


def kill_children(worker: subprocess.Popen[bytes]) -> None:
    """SIGKILL for those who work; their parent lives and replaces them."""
    children = until(lambda: children_of(worker))
    subprocess.run(["kill", "-9", *children], check=True)
    until(lambda: not set(children) & set(children_of(worker)))


def test_workers_killed_at_random_points(queued_crew: Crew, slow_model: Model) -> None:
    crew = queued_crew
    [run_id] = create_runs(crew, slow_model)
    worker = crew.start_worker()
    lost = 0
    for everything in (False, True, False):
        before = n_stored(crew, run_id)
        until(lambda n=before: n_stored(crew, run_id) > n)  # type: ignore[misc]
        time.sleep(pause())
        if everything:
            crew.kill(worker)
        else:
            kill_children(worker)
        # A new child has to wait for the leases of the dead one, so nothing is sent meanwhile.
        in_flight = slow_model.counts()["requests"] - lost - n_stored(crew, run_id)
        # What was on its way, and the answers that were just being stored.
        assert 0 <= in_flight <= 2 * SLOTS
        lost += in_flight
        if everything:
            worker = crew.start_worker()
    until(lambda: status_of(crew, run_id) == "Completed")
    assert_one_outcome_each(crew, run_id)
    counts = slow_model.counts()
    assert counts["requests"] == N_TASKS + lost
    assert counts["most_in_flight"] <= SLOTS
    assert worker.poll() is None


def test_a_stopped_worker_hands_over_what_it_has(crew: Crew, slow_model: Model) -> None:
    [run_id] = create_runs(crew, slow_model)
    worker = crew.start_worker()
    until(lambda: n_stored(crew, run_id) > 20)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    stored = n_stored(crew, run_id)
    assert 20 < stored < N_TASKS
    assert slow_model.counts()["requests"] == stored, "no answer is thrown away"
    assert crew.query(
        "SELECT count(*) FROM prompts_runitem WHERE run_id = %s AND status = 'Claimed'", run_id
    ) == [(0,)]
    started = time.monotonic()
    crew.start_worker()
    until(lambda: status_of(crew, run_id) == "Completed")
    assert time.monotonic() - started < DEADLINE_S / 2
    assert_one_outcome_each(crew, run_id)
    assert slow_model.counts()["requests"] == N_TASKS


def test_postgres_stopped_for_seconds(crew: Crew, slow_model: Model, data_dir: Path) -> None:
    [run_id] = create_runs(crew, slow_model)
    crew.start_worker()
    until(lambda: n_stored(crew, run_id) > 20)
    crew.stop_postgres()
    time.sleep(2 * LEASE_S)
    embedded.use(data_dir)
    until(lambda: status_of(crew, run_id) == "Completed")
    assert_one_outcome_each(crew, run_id)
    # The lease lapsed while nobody could renew it, so another executor may have begun its tasks.
    assert slow_model.counts()["requests"] <= N_TASKS + 2 * SLOTS


def test_two_runs_share_a_connection(crew: Crew, slow_model: Model) -> None:
    runs = create_runs(crew, slow_model, n_runs=2)
    crew.start_worker("--concurrency", "2")
    until(lambda: {status_of(crew, run_id) for run_id in runs} == {"Completed"})
    for run_id in runs:
        assert_one_outcome_each(crew, run_id)
    counts: dict[str, Any] = slow_model.counts()
    assert counts["requests"] == 2 * N_TASKS
    assert counts["most_in_flight"] <= SLOTS
