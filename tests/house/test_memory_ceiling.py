"""The ceiling of a web process and of a worker (docs/operating/running.md), on running ones."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.house.serving import ROOT, Server, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

MB = 2**20
CEILING = 1536 * MB
#: What a process keeps of a heavy request: caches, and what the C library holds on to.
KEPT = 100 * MB
WITHIN_S = 120
CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/></RectangleLabels></View>'
)


def most(process: psutil.Process) -> int:
    """The most memory that the process ever had."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def until(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def web_processes(server: Server) -> list[psutil.Process]:
    """Those that answer, without the one that supervises them."""
    found = []
    for process in psutil.Process().children(recursive=True):
        # One that has just ended is none.
        with suppress(psutil.NoSuchProcess):
            listens = any(c.laddr.port == server.port for c in process.net_connections("tcp"))
            if listens and not process.children():
                found.append(process)
    return found


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(tmp_path, **getattr(request, "param", {})) as server:
        yield server


@pytest.fixture
def api(server: Server) -> Callable[..., Any]:
    name = server.url.rpartition(":")[2]
    options = ["--email", f"{name}@example.com", "--workspace", f"w{name}", "--role=owner"]
    key = server.manage("token", "create", *options, "--create-workspace")
    headers = {"Authorization": f"Token {key}"}

    def call(method: str, path: str, **more: Any) -> Any:
        if "data" in more:
            more["headers"] = {"Content-Type": "application/json", **headers}
        if path.startswith("/model-evals"):
            path, more["params"] = f"/w{name}{path}", {"api_key": key}
        url = f"{server.url}{path}"
        return requests.request(method, url, timeout=WITHIN_S, **{"headers": headers, **more})

    return call


def test_a_web_process_takes_heavy_requests_in_turn_and_gives_back(
    server: Server, api: Callable[..., Any]
) -> None:
    """Six at once of 8 MB, which become 330 MB each while they are read."""
    for _ in range(20):
        assert api("GET", "/api/projects/").status_code == 200
    (process,) = web_processes(server)
    before = process.memory_info().rss
    body = b'{"title": "a", "control_weights": [' + b'{"a":1},' * 1_200_000 + b"1]}"

    def heavy(_: int) -> int:
        status: int = api("POST", "/api/projects/", data=body).status_code
        return status

    with ThreadPoolExecutor(6) as clients:
        statuses = list(clients.map(heavy, range(6)))

    assert set(statuses) == {400}
    assert before + 300 * MB < most(process) < CEILING

    def has_given_back() -> bool:
        assert api("GET", "/api/projects/").status_code == 200
        return process.memory_info().rss < before + KEPT

    until(has_given_back)
    assert web_processes(server) == [process]


@pytest.mark.parametrize("server", [{"MAX_PROCESS_MB": "100"}], indirect=True)
def test_a_web_process_that_is_too_large_is_replaced(
    server: Server, api: Callable[..., Any]
) -> None:
    """Smaller than its own code: each process answers what it has begun, and goes."""
    seen = set[int]()
    deadline = time.monotonic() + WITHIN_S
    while len(seen) < 2:
        assert time.monotonic() < deadline
        # Between two of them there is none for a moment.
        seen |= {process.pid for process in until(lambda: web_processes(server))}
        assert api("GET", "/api/projects/").status_code == 200


@pytest.fixture
def worker(server: Server) -> Iterator[psutil.Process]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--interval=0.1"],
        cwd=ROOT,
        env=server.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield psutil.Process(process.pid)
    process.terminate()
    process.wait(WITHIN_S)


def box(score: float | None = None, n_numbers: int = 0) -> dict[str, Any]:
    region: dict[str, Any] = {
        "id": "a",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 100,
        "original_height": 100,
        # No plain box, so that all of the region is read.
        "value": {
            "x": 1,
            "y": 1,
            "width": 9,
            "height": 9,
            "rotation": 5,
            "rectanglelabels": ["Car"],
        },
        "meta": [0.5] * n_numbers,
    }
    return region if score is None else {**region, "score": score}


def test_a_worker_reads_large_results_in_turn_and_gives_back(
    server: Server, api: Callable[..., Any], worker: psutil.Process
) -> None:
    """200 MB of results, which would be 1.7 GB if they were read at once."""
    project = api("POST", "/api/projects/", json={"title": "Large", "label_config": CONFIG}).json()
    path = f"/api/projects/{project['id']}/import"
    task = {
        "data": {"image": "http://x.y/1.jpg"},
        "annotations": [{"result": [box(n_numbers=2_000_000)], "ground_truth": True}],
        "predictions": [{"result": [box(0.9, n_numbers=2_000_000)], "model_version": "v1"}],
    }
    body = json.dumps([task], separators=(",", ":"))
    for _ in range(12):
        made = api("POST", path, data=body)
        assert made.status_code == 201, made.text[:500]
    children = until(lambda: worker.children())

    wanted = {"project": project["title"].lower(), "modelVersion": "v1"}
    eval_id = api("POST", "/model-evals", json=wanted).json()["evalId"]

    def status() -> str:
        answer = api("GET", f"/model-evals/{eval_id}").json()
        return "" if answer["status"] == "running" else str(answer["status"])

    assert until(status) == "done"
    assert 300 * MB < max(map(most, children)) < CEILING
    until(lambda: max(child.memory_info().rss for child in children) < 300 * MB)
    assert worker.children() == children
