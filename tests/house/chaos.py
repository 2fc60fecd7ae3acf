"""Kills processes of a whole service at random while clients work, and counts what is left.

    make chaos
    make chaos ARGS="--kills 20 --seed 7"
    make chaos TEST_DATABASE_URL=postgres://... TEST_CLUSTER_NODES=host:port,host:port

Web processes, workers and Postgres are killed (SIGKILL) under creates, imports with an
Idempotency-Key, runs of a prompt and evaluations. After each kill what the service has acknowledged
is counted in the database: all of it has to be there, once. Ends with a table, and with exit code 1
if anything was lost, doubled or different.
"""

import argparse
import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from predictions_api.postgres import embedded
from tests.prompts.crew import Crew, until

TIMEOUT_S = 20
#: How long anything may take, a restart included.
WITHIN_S = 180.0
N_TASKS = 20
N_IMPORTED = 50
LOADS = ("creates", "imports", "runs", "evaluations")
CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text">'
    '<Choice value="pos"/><Choice value="neg"/></Choices></View>'
)
MODEL = Path(__file__).parents[1] / "prompts" / "stand_in_model.py"
Row = dict[str, Any]


def mood(task: int, version: str) -> Row:
    region = {"from_name": "sentiment", "to_name": "text", "type": "choices"}
    result = [{**region, "value": {"choices": ["pos"]}}]
    return {"task": task, "result": result, "model_version": version, "score": 0.5}


class Service:
    """All processes of one service, on a database of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.crew = Crew(folder, EVALUATION_LEASE_S="2", **environment)
        self.crew.migrate()
        self.prepare()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.web = self._start_web()
        self.worker = self.crew.start_worker()

    def prepare(self) -> None:
        """Once the database is migrated, before anything runs."""

    def _start_web(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}"]
        return subprocess.Popen(
            [*command, "--workers", "2", "--threads", "4"],
            cwd=Path(__file__).parents[2],
            env=self.crew.environment,
            stdout=self.crew.log,
            stderr=self.crew.log,
            start_new_session=True,
        )

    def victims(self) -> dict[str, Callable[[], None]]:
        """What can be killed, by name. What does not come back by itself is started again."""
        return {
            "a web process": lambda: self._kill_child(self.web),
            "the web server": self._kill_web,
            "a worker's process": lambda: self._kill_child(self.worker),
            "the worker": self._kill_worker,
            "Postgres": self._kill_postgres,
        }

    def _kill_child(self, parent: "subprocess.Popen[bytes]") -> None:
        children = until(psutil.Process(parent.pid).children)
        with contextlib.suppress(psutil.NoSuchProcess):
            random.choice(children).kill()

    def _kill_web(self) -> None:
        os.killpg(self.web.pid, signal.SIGKILL)
        self.web.wait(TIMEOUT_S)
        self.web = self._start_web()

    def _kill_worker(self) -> None:
        self.crew.kill(self.worker)
        self.worker = self.crew.start_worker()

    def _kill_postgres(self) -> None:
        pid = int((self.crew.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(pid)
        killed = [server, *server.children(recursive=True)]
        for process in killed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(killed, TIMEOUT_S)
        until(self._postgres_is_back, within_s=WITHIN_S)

    def _postgres_is_back(self) -> bool:
        try:
            embedded.use(self.crew.data_dir)
            return bool(self.crew.query("SELECT 1"))
        except Exception:
            return False

    def end(self) -> None:
        """Ends all but Postgres, which ends with this process."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.web.pid, signal.SIGKILL)
        self.web.wait(TIMEOUT_S)
        self.crew.end()


@dataclass
class Acknowledged:
    """What clients were told. Versions of the model tell rows apart."""

    created: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    runs: set[int] = field(default_factory=set)
    evaluations: set[str] = field(default_factory=set)
    #: On a cluster.
    projects: set[str] = field(default_factory=set)
    unanswered: Counter[str] = field(default_factory=Counter)


class Load:
    """Clients that work until they are told to stop."""

    names: tuple[str, ...] = LOADS

    def __init__(self, service: Service, endpoint: str) -> None:
        self.service = service
        self.told = Acknowledged()
        self.faults: list[str] = []
        self.is_over = threading.Event()
        self._numbers = itertools.count()
        said = [
            "token",
            "create",
            "--email",
            "ada@example.com",
            "--workspace",
            "lab",
            "--create-workspace",
            "--role=owner",
        ]
        process = service.crew.manage(*said, stdout=subprocess.PIPE)
        self.key = process.communicate(timeout=WITHIN_S)[0].decode().strip()
        until(lambda: self.ask("GET", "/ready")[0] == 200, within_s=WITHIN_S)
        self._prepare(endpoint)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(status, document); status 0 where no answer came."""
        bearer = "Bearer" if path.startswith("/lab/") else "Token"
        headers = {"Authorization": f"{bearer} {self.key}", **headers}
        try:
            answer = requests.request(
                method, self.service.url + path, json=body, headers=headers, timeout=TIMEOUT_S
            )
            return answer.status_code, answer.json()
        except (requests.RequestException, ValueError):
            return 0, None

    def made(self, path: str, body: Any) -> Any:
        status, document = self.ask("POST", path, body)
        assert status == 201, (path, status, document)
        return document

    def _prepare(self, url: str) -> None:
        config = {"title": "Reviews", "label_config": CONFIG}
        document = self.made("/api/projects/", config)
        self.project, self.slug = document["id"], "reviews"
        items = []
        for n in range(N_TASKS):
            row = mood(0, "")
            truth = {"result": row["result"], "ground_truth": True}
            said = {"result": row["result"], "model_version": "v1", "score": 0.9}
            data = {"text": f"good {n}"}
            items.append({"data": data, "annotations": [truth], "predictions": [said]})
        self.made(f"/api/projects/{self.project}/import", items)
        _, listed = self.ask("GET", f"/api/tasks/?project={self.project}&page_size=1")
        self.task = listed["tasks"][0]["id"]
        endpoint = {"provider": "Custom", "endpoint": url, "api_key": "k"}
        connection = self.made("/api/model-provider-connections/", endpoint)["id"]
        prompt = {"title": "M", "associated_projects": [self.project]}
        prompt_id = self.made("/api/prompts/", prompt)["id"]
        version = {"title": "v", "prompt": "Mood of {text}?", "provider_model_id": "m"}
        version |= {"model_provider_connection": connection}
        version_id = self.made(f"/api/prompts/{prompt_id}/versions", version)["id"]
        self.runs_path = f"/api/prompts/{prompt_id}/versions/{version_id}/inference-runs"

    def start(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._repeat, args=[name]) for name in self.names]
        for thread in threads:
            thread.start()
        return threads

    def _repeat(self, name: str) -> None:
        while not self.is_over.is_set():
            try:
                getattr(self, f"_{name}")(f"{name}-{next(self._numbers)}")
            except Exception as error:
                self.faults.append(f"{name}: {error!r}")
                return

    def _creates(self, version: str) -> None:
        status, document = self.ask("POST", "/api/predictions/", mood(self.task, version))
        if status == 201:
            self.told.created.add(version)
        else:
            self._unanswered("creates", status, document)

    def _imports(self, version: str) -> None:
        path = f"/api/projects/{self.project}/import/predictions"
        rows = [mood(self.task, version)] * N_IMPORTED
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            headers = {"Idempotency-Key": version}
            status, document = self.ask("POST", path, rows, **headers)
            if status in {200, 201}:
                self.told.imported.add(version)
                return
            self._unanswered("imports", status, document)
        raise AssertionError(f"{version} was never acknowledged")

    def _runs(self, version: str) -> None:
        body = {"project": self.project, "project_subset": "All"}
        status, document = self.ask("POST", self.runs_path, body)
        if status != 201:
            self._unanswered("runs", status, document)
            return
        run = document["id"]
        until(lambda: self._has_ended(f"{self.runs_path}/{run}", "Completed"), within_s=WITHIN_S)
        self.told.runs.add(run)

    def _evaluations(self, version: str) -> None:
        body = {"project": self.slug, "modelVersion": "v1"}
        status, document = self.ask("POST", "/lab/model-evals", body)
        if status != 202:
            self._unanswered("evaluations", status, document)
            return
        path = f"/lab/model-evals/{document['evalId']}"
        until(lambda: self._has_ended(path, "done"), within_s=WITHIN_S)
        self.told.evaluations.add(document["evalId"])

    def _has_ended(self, path: str, status: str) -> bool:
        code, document = self.ask("GET", path)
        if code == 200 and str(document["status"]).lower() == "failed":
            raise AssertionError(f"{path}: {document}")
        return code == 200 and document["status"] == status

    def _unanswered(self, name: str, status: int, document: Any) -> None:
        """Nothing or a 5xx came; a 4xx would be a fault of the service or of this program."""
        if 400 <= status < 500 and status != 409:
            raise AssertionError(f"{status}: {document}")
        self.told.unanswered[name] += 1
        self.is_over.wait(0.05)

    def check(self) -> None:
        """Compares what was acknowledged before with what is stored now."""
        told = self.told
        created, imported = set(told.created), set(told.imported)
        rows = self.service.crew.query(
            "SELECT model_version, count(*) FROM predictions_prediction"
            " WHERE model_version ~ '^(creates|imports)-' GROUP BY 1"
        )
        stored = dict(rows)
        expected = {**dict.fromkeys(created, 1), **dict.fromkeys(imported, N_IMPORTED)}
        self.faults += [
            f"{version} was acknowledged and is there {stored.get(version, 0)} of {n} times"
            for version, n in expected.items()
            if stored.get(version, 0) != n
        ]
        self.faults += [
            f"{version} was not acknowledged and is there {n} times"
            for version, n in stored.items()
            if n != (N_IMPORTED if version.startswith("imports") else 1)
        ]

    def check_ends(self) -> None:
        """Each run has an outcome for each task, and each task one prediction, for a run replaces
        those of an earlier one; every evaluation found the same.
        """
        wrong = self.service.crew.query(
            "SELECT id, status, total_predictions FROM prompts_modelrun"
            " WHERE id = ANY(%s) AND (status <> 'Completed' OR total_predictions <> %s)",
            list(self.told.runs),
            N_TASKS,
        )
        self.faults += [f"run {row}" for row in wrong]
        [counts] = self.service.crew.query(
            "SELECT count(*), count(DISTINCT task_id) FROM predictions_prediction"
            " WHERE model_run_id IS NOT NULL"
        )
        if self.told.runs and counts != (N_TASKS, N_TASKS):
            self.faults.append(f"{counts[0]} predictions of runs for {counts[1]} tasks")
        [(n_found,)] = self.service.crew.query(
            "SELECT count(DISTINCT summary::text) FROM evals_modeleval WHERE eval_id = ANY(%s)",
            list(self.told.evaluations),
        )
        if n_found > 1:
            self.faults.append(f"the evaluations found {n_found} different things")

    def goes_on(self) -> bool:
        """Whether a create is acknowledged after this moment; counted as any other."""
        version = f"creates-{next(self._numbers)}"
        before = len(self.told.created)
        self._creates(version)
        return len(self.told.created) > before


@dataclass
class Table:
    """What came of it."""

    kills: Counter[str]
    longest_s: dict[str, float]
    told: Acknowledged
    faults: list[str]

    def text(self) -> str:
        rows = [f"{'killed':<22}{'times':>6}{'longest until the next answer':>34}"]
        rows += [
            f"{name:<22}{n:>6}{self.longest_s[name]:>32.1f} s" for name, n in self.kills.items()
        ]
        acknowledged = {
            "creates": len(self.told.created),
            "imports": len(self.told.imported),
            "runs": len(self.told.runs),
            "evaluations": len(self.told.evaluations),
        }
        if self.told.projects:
            acknowledged["projects"] = len(self.told.projects)
        rows += ["", f"{'acknowledged':<22}{'':>6}{'unanswered':>34}"]
        rows += [
            f"{name:<22}{n:>6}{self.told.unanswered[name]:>34}" for name, n in acknowledged.items()
        ]
        rows += ["", f"lost, doubled or different: {len(self.faults)}", *self.faults[:20]]
        return "\n".join(rows)


def run(
    folder: Path,
    *,
    kills: int,
    seed: int,
    say: Callable[[str], None] = print,
    service_of: Callable[[Path], Service] = Service,
    load_of: Callable[[Service, str], Load] = Load,
) -> Table:
    """Kills so many processes, each kind in turn and then at random; the table of it."""
    chance = random.Random(seed)
    model = subprocess.Popen(
        [sys.executable, str(MODEL), "--latency-ms", "20"], stdout=subprocess.PIPE, text=True
    )
    assert model.stdout is not None
    with contextlib.ExitStack() as ending:
        ending.callback(model.communicate)
        ending.callback(model.terminate)
        service = service_of(folder)
        ending.callback(service.end)
        load = load_of(service, f"http://127.0.0.1:{int(model.stdout.readline())}/v1")
        ending.callback(load.is_over.set)
        table = Table(Counter(), {}, load.told, load.faults)
        threads = load.start()
        names = list(service.victims())
        order = [*chance.sample(names, len(names)), *chance.choices(names, k=kills)][:kills]
        for n, name in enumerate(order):
            threading.Event().wait(chance.uniform(0.2, 1.5))
            began = time.monotonic()
            service.victims()[name]()
            until(load.goes_on, within_s=WITHIN_S)
            took = time.monotonic() - began
            table.kills[name] += 1
            table.longest_s[name] = max(table.longest_s.get(name, 0.0), took)
            load.check()
            say(f"{n + 1} of {kills}: {name}, {took:.1f} s, {len(load.faults)} faults")
        load.is_over.set()
        for thread in threads:
            thread.join(2 * WITHIN_S)
        load.check()
        load.check_ends()
    return table


def parts() -> dict[str, Any]:
    """What `run` is to kill: on a cluster its nodes, too."""
    if not os.environ.get("TEST_CLUSTER_NODES"):
        return {}
    from tests.house.cluster_chaos import ClusterLoad, ClusterService

    return {"service_of": ClusterService, "load_of": ClusterLoad}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as made:
        # The database server of a root user runs as somebody else, who must get there.
        Path(made).chmod(0o755)
        print(f"seed {given.seed}")
        table = run(Path(made), kills=given.kills, seed=given.seed, **parts())
    print(f"\n{table.text()}")
    return 1 if table.faults else 0


if __name__ == "__main__":
    sys.exit(main())
