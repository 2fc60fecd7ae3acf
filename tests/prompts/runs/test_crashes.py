"""Whatever dies, each task of a run gets exactly one outcome, and no request is sent in vain.

Real workers, a real Postgres and a real Redis are killed; only the model is a stand-in.
"""

import contextlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
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
from predictions.db import projects
from predictions.imports import tasks
from predictions.regions import labelling
from prompts.db import prompts
from prompts.runs import start
from tests.conftest import TEXT_CONFIG
spec = json.loads('''{spec}''')
token, key = tokens.create(
    email="ada@example.com", workspace_slug="lab", create_workspace=True, role="owner"
)
access = tokens.holder_of_key(key).access
row = prompts.create_connection(
    dict(provider="Custom", endpoint=spec["endpoint"], max_concurrency=spec["slots"]), access)
for _ in range(spec["runs"]):
    project = projects.create_project(dict(title="Reviews", label_config=TEXT_CONFIG), access,
                                      parsed=labelling.parse(TEXT_CONFIG))
    texts = [dict(text=f"good {{n}}") for n in range(spec["tasks"])]
    tasks.store(project, texts, access)
    prompt = prompts.create_prompt(dict(title="Moods"), access)
    version = prompts.create_version(
        prompt, dict(title="v1", prompt="Mood of {{text}}?", provider_model_id="m",
                     model_provider_connection_id=row.pk), access)
    run = start.create(dict(project_id=project.pk, project_subset="All"), version, access)
    print(run.pk)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crashes")
    crew = Crew(path)
    crew.migrate()
    crew.end()
    return path


@contextlib.contextmanager
def redis_at(program: str, socket: Path) -> Iterator[None]:
    """A real Redis that keeps nothing when it ends."""
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--daemonize", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(socket.exists, within_s=10)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    socket = tmp_path_factory.mktemp("redis") / "redis.sock"
    with redis_at(program, socket):
        yield f"unix://{socket}"


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


def workers_of(parent: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The children that work, which are nicer than we are; imports start short-lived ones too."""
    own = psutil.Process().nice()
    working = []
    for child in psutil.Process(parent.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.nice() > own:
                working.append(child)
    return working


def kill_children(parent: subprocess.Popen[bytes]) -> None:
    """SIGKILL for those who work; their parent lives and replaces them."""
    killed = until(lambda: workers_of(parent))
    for child in killed:
        child.kill()
    until(lambda: not any(child.is_running() for child in killed))


def test_workers_killed_at_random_points(queued_crew: Crew, slow_model: Model) -> None:
    crew = queued_crew
    [run_id] = create_runs(crew, slow_model)
    worker = crew.start_worker()
    lost = 0
    until(lambda: workers_of(worker))
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


# What a model does, for how many requests or seconds. Backing off takes 0.05 to 0.4 s here, 0.75 s
# in all, where it is 1 to 8 s and 15 s by default: four seconds are a minute and more.
SPELLS: list[dict[str, Any]] = [
    {"mode": "hang", "for_requests": 4},
    {"mode": "garbage", "for_requests": 5},
    {"mode": "status", "status": 429, "for_s": 4.0},
    {"mode": "drop", "for_requests": 12},
    {"mode": "status", "status": 503, "retry_after": 1, "for_requests": 12},
]


def test_a_model_that_fails_in_every_way_while_workers_are_killed(
    queued_crew: Crew, slow_model: Model
) -> None:
    """No more requests than tasks, tries again, and what was in flight at each kill."""
    crew = queued_crew
    [run_id] = create_runs(crew, slow_model)
    worker = crew.start_worker()
    lost = 0
    for spell in SPELLS:
        before = slow_model.counts()["requests"]
        slow_model.control(**spell)
        until(lambda n=before: slow_model.counts()["requests"] > n + 2)  # type: ignore[misc]
        time.sleep(pause())
        if spell["mode"] == "drop":
            crew.kill(worker)
            worker = crew.start_worker()
        else:
            kill_children(worker)
        # What was on its way, and the answers that were just being stored.
        lost += 2 * SLOTS
    until(lambda: status_of(crew, run_id) == "Completed")
    [(failed,)] = crew.query(
        "SELECT count(*) FROM prompts_failedprediction WHERE model_run_id = %s", run_id
    )
    assert_one_outcome_each(crew, run_id, failed=failed)
    kinds = crew.query(
        "SELECT DISTINCT error_type FROM prompts_failedprediction WHERE model_run_id = %s", run_id
    )
    assert {kind for (kind,) in kinds} <= {
        *("InvalidAnswer", "RateLimitError", "APITimeoutError", "APIConnectionError"),
        "InternalServerError",
    }
    counts = slow_model.counts()
    # Each request that was not answered may be sent again; nothing else is.
    unanswered = counts["requests"] - counts["answers"]
    assert N_TASKS - failed <= counts["answers"] <= N_TASKS + lost
    assert counts["requests"] <= N_TASKS + unanswered + lost
    assert max(counts["messages"].values()) <= 5 * (len(SPELLS) + 1)
    assert counts["most_in_flight"] <= SLOTS * (len(SPELLS) + 1)


def test_redis_that_dies_costs_a_lease(data_dir: Path, tmp_path: Path, slow_model: Model) -> None:
    """The run is made while the queue is away, and goes on when it is back, empty."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    socket = tmp_path / "redis.sock"
    crew = Crew(data_dir, TASKS_BACKEND="rq", REDIS_URL=f"unix://{socket}")
    try:
        [run_id] = create_runs(crew, slow_model)
        assert status_of(crew, run_id) == "Pending"
        with redis_at(program, socket):
            crew.start_worker()
            until(lambda: n_stored(crew, run_id) > 20)
        # Its jobs are lost with it; who works goes on, and needs no queue for that.
        with redis_at(program, socket):
            crew.kill(crew.workers[0])
            crew.start_worker()
            until(lambda: status_of(crew, run_id) == "Completed")
        assert_one_outcome_each(crew, run_id)
    finally:
        crew.end()


def test_a_stopped_worker_hands_over_what_it_has(queued_crew: Crew, slow_model: Model) -> None:
    crew = queued_crew
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


def test_postgres_stopped_for_seconds(queued_crew: Crew, slow_model: Model, data_dir: Path) -> None:
    crew = queued_crew
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


def test_two_runs_share_a_connection(queued_crew: Crew, slow_model: Model) -> None:
    crew = queued_crew
    runs = create_runs(crew, slow_model, n_runs=2)
    crew.start_worker("--concurrency", "2")
    until(lambda: {status_of(crew, run_id) for run_id in runs} == {"Completed"})
    for run_id in runs:
        assert_one_outcome_each(crew, run_id)
    counts: dict[str, Any] = slow_model.counts()
    # Where a starved machine lets a lease run out, what was in flight is asked again.
    assert 2 * N_TASKS <= counts["requests"] <= 2 * N_TASKS + SLOTS
    assert counts["most_in_flight"] <= SLOTS
