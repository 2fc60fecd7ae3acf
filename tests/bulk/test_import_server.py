"""Imports into a real server: bodies that break off, a killed server, tasks that go away, two at
once. What is there afterwards is all of an import or nothing of it.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import requests
from django.db import connection

from predictions.db import tasks as curate
from predictions.imports import bodies
from predictions.models import Prediction, Project
from tests.bulk.conftest import Seed
from tests.conftest import Caller
from tests.house.serving import Server, running

LINES = "application/x-ndjson"
WITHIN_S = 60
LIMIT = 2_000_000
BATCH = bodies.BATCH_ITEMS


@pytest.fixture(scope="module")
def start(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Any]:
    """Starts a server on the tests' own database."""
    with django_db_blocker.unblock():
        at = connection.get_connection_params()
    options = "&".join(
        f"{name}={quote(str(at[name]), '')}" for name in ("host", "port") if name in at
    )
    url = f"postgres://{at['user']}@/{at['dbname']}?{options}"
    limit = str(LIMIT)
    return lambda: running(
        tmp_path_factory.mktemp("server"), migrate=False, DATABASE_URL=url, MAX_BODY_BYTES=limit
    )


@pytest.fixture(scope="module")
def shared(start: Callable[[], Any]) -> Iterator[Server]:
    """One server for the file: it keeps nothing between requests."""
    with start() as made:
        yield made


@pytest.fixture
def server(shared: Server, transactional_db: None) -> Server:
    """That server, on tables whose rows it sees."""
    return shared


@pytest.fixture
def tasks(project: Project, seed_tasks: Seed) -> list[int]:
    return seed_tasks(project, 2)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def ids_used() -> int:
    """How far the sequence of ids is: it moves before anything is committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM predictions_prediction_id_seq")
        return int(cursor.fetchone()[0])


def transactions() -> int:
    """How many other connections are inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return int(cursor.fetchone()[0])


def body_of(task: int, n: int) -> bytes:
    line = json.dumps({"task": task, "result": [{"id": "r", "n": "x" * 1000}]}).encode() + b"\n"
    return line * n


def path_of(project: Project) -> str:
    return f"/api/projects/{project.pk}/import/predictions"


def headers_of(caller: Caller, **more: str) -> dict[str, str]:
    return {"Authorization": f"Token {caller.key}", "Content-Type": LINES, **more}


class Sender:
    """A request whose body is sent when the test says so."""

    def __init__(self, server: Server, caller: Caller, project: Project, length: int) -> None:
        self.used = ids_used()
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S)
        head = {**headers_of(caller), "Content-Length": str(length), "Connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        start = f"POST {path_of(project)} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n"
        self.socket.sendall(start.encode())

    def send(self, body: bytes) -> None:
        self.socket.sendall(body)

    def wait_for_a_batch(self) -> None:
        """Returns when the server has begun to write."""
        wait_until(lambda: ids_used() > self.used, "no batch is written")

    def answer(self) -> tuple[int, Any]:
        received = b""
        with self.socket:
            while piece := self.socket.recv(65536):
                received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


def test_a_client_that_goes_away_has_stored_nothing(
    server: Server, ada: Caller, project: Project, tasks: list[int]
) -> None:
    body = body_of(tasks[0], 3 * BATCH)
    sender = Sender(server, ada, project, len(body))
    sender.send(body[: len(body) // 2])
    sender.wait_for_a_batch()
    sender.socket.close()
    wait_until(lambda: transactions() == 0, "the import goes on")
    assert Prediction.objects.count() == 0


def test_a_body_shorter_than_declared_is_refused(
    server: Server, ada: Caller, project: Project, tasks: list[int]
) -> None:
    body = body_of(tasks[0], 10)
    sender = Sender(server, ada, project, len(body) + 1)
    sender.send(body)
    sender.socket.shutdown(socket.SHUT_WR)
    status, answer = sender.answer()
    assert (status, answer["detail"]) == (400, bodies.ENDED_EARLY)
    assert Prediction.objects.count() == 0


@pytest.mark.slow
def test_a_killed_server_has_stored_nothing_and_a_repeat_succeeds(
    server: Server, start: Callable[[], Any], ada: Caller, project: Project, tasks: list[int]
) -> None:
    body = body_of(tasks[0], 3 * BATCH)
    others = psutil.Process().children(recursive=True)
    with start() as doomed:
        sender = Sender(doomed, ada, project, len(body))
        sender.send(body[: len(body) // 2])
        sender.wait_for_a_batch()
        for process in psutil.Process().children(recursive=True):
            if process not in others and "predictions_api.wsgi" in process.cmdline():
                os.kill(process.pid, signal.SIGKILL)
        sender.socket.close()
    wait_until(lambda: transactions() == 0, "the import goes on")
    assert Prediction.objects.count() == 0
    url = f"{server.url}{path_of(project)}"
    answer = requests.post(url, data=body, headers=headers_of(ada), timeout=WITHIN_S)
    assert answer.status_code == 201, answer.text
    assert Prediction.objects.count() == 3 * BATCH


def test_a_task_deleted_before_its_batch_is_unknown(
    server: Server, ada: Caller, project: Project, tasks: list[int]
) -> None:
    first, second = body_of(tasks[0], 2 * BATCH), body_of(tasks[1], BATCH)
    sender = Sender(server, ada, project, len(first + second))
    sender.send(first)
    sender.wait_for_a_batch()
    curate.delete_task(tasks[1], ada.access)
    sender.send(second)
    status, answer = sender.answer()
    assert status == 400
    assert f"Invalid task ID {tasks[1]}" in answer["validation_errors"]["non_field_errors"][0]
    assert Prediction.objects.count() == 0


def test_a_task_deleted_after_its_batch_waits_for_the_import(
    server: Server, ada: Caller, project: Project, tasks: list[int]
) -> None:
    first, second = body_of(tasks[0], 2 * BATCH), body_of(tasks[1], BATCH)
    sender = Sender(server, ada, project, len(first + second))
    sender.send(first + second[: len(second) // 2])
    sender.wait_for_a_batch()
    headers = {"Authorization": f"Token {ada.key}"}
    with ThreadPoolExecutor(1) as pool:
        deleted = pool.submit(
            requests.delete,
            f"{server.url}/api/tasks/{tasks[0]}/",
            headers=headers,
            timeout=WITHIN_S,
        )
        sender.send(second[len(second) // 2 :])
        status, answer = sender.answer()
        assert deleted.result().status_code == 204
    # Whichever came first, nothing is half there.
    left = Prediction.objects.count()
    assert (status, left) in {(201, BATCH), (400, 0)}, answer


def test_two_with_one_key_at_once_are_one(
    server: Server, ada: Caller, project: Project, tasks: list[int]
) -> None:
    url, body = f"{server.url}{path_of(project)}", body_of(tasks[0], 2 * BATCH)
    headers = headers_of(ada, **{"Idempotency-Key": "once"})

    def post(_: int) -> requests.Response:
        return requests.post(url, data=body, headers=headers, timeout=WITHIN_S)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(post, range(2)))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert sorted("Idempotent-Replayed" in a.headers for a in answers) == [False, True]
    assert Prediction.objects.count() == 2 * BATCH


def in_pieces(body: bytes, size: int = 70_000) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_chunked_lines_may_be_longer_than_any_other_body(
    server: Server, ada: Caller, project: Project, tasks: list[int]
) -> None:
    url, body = f"{server.url}{path_of(project)}", body_of(tasks[0], 5 * BATCH)
    assert len(body) > LIMIT
    for data in (body, in_pieces(body)):
        answer = requests.post(url, data=data, headers=headers_of(ada), timeout=WITHIN_S)
        assert (answer.status_code, answer.json()["created"]) == (201, 5 * BATCH)
    assert Prediction.objects.count() == 10 * BATCH


def test_chunked_json_is_read_up_to_the_limit(
    server: Server, ada: Caller, project: Project, tasks: list[int]
) -> None:
    url = f"{server.url}{path_of(project)}"
    headers = headers_of(ada, **{"Content-Type": "application/json"})
    items = [{"task": tasks[0], "result": []}] * 3
    small = json.dumps(items).encode()
    answer = requests.post(url, data=in_pieces(small, 10), headers=headers, timeout=WITHIN_S)
    assert (answer.status_code, answer.json()["created"]) == (201, 3)
    large = small[:-1] + b" " * LIMIT + b"]"
    answer = requests.post(url, data=in_pieces(large), headers=headers, timeout=WITHIN_S)
    assert answer.status_code == 413
    assert Prediction.objects.count() == 3
