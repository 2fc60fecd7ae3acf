"""Create, get, list, patch and delete, by 1 and by 8 clients: this service against the bare app.

Prints, for each operation, requests a second of both, the median of the rounds' ratios, the
statements that each side sends, and our latency. Both run under gunicorn with the same workers and
threads, on the same database and rows, one after the other in short alternating rounds, so a noisy
machine troubles both alike. Both prepare their statements. The service checks keys, scopes and
bodies, counts every request and sends the headers it always sends; its log is at WARNING.
"""

import argparse
import io
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")
os.environ.setdefault("DATA_DIR", str(ROOT / ".data" / "bench"))
os.environ.setdefault("LOG_LEVEL", "WARNING")

import django  # noqa: E402
import orjson  # noqa: E402

from benchmarks.servers import gunicorn, memory_mb  # noqa: E402

REGION = {
    "id": "r1",
    "from_name": "label",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 600,
    "original_height": 400,
    "image_rotation": 0,
    "value": {
        "x": 10.5,
        "y": 20.25,
        "width": 30.125,
        "height": 40,
        "rotation": 0,
        "rectanglelabels": ["Car"],
    },
}
RESULT = [{**REGION, "id": f"r{n}"} for n in range(5)]
OPERATIONS = ("create", "get", "list", "patch", "delete")


class Client:
    """One keep-alive connection that sends ready-made bytes and reads to the end of the body."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.head = f"Host: 127.0.0.1\r\nAuthorization: Token {key}\r\n".encode()
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def close(self) -> None:
        """Ends the connection."""
        self.socket.close()

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The status and body."""
        length = b"Content-Length: %d\r\nContent-Type: application/json\r\n" % len(body)
        line = f"{method} {path} HTTP/1.1\r\n".encode()
        self.socket.sendall(line + self.head + (length if body else b"") + b"\r\n" + body)
        data = self.rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head, body = data[:end].lower(), data[end + 4 :]
        start = head.find(b"content-length:")
        if start < 0 and b"transfer-encoding: chunked" in head:
            body = self._chunks(body)
            size = len(body)
        else:
            size = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            more = bytearray(body)
            while len(more) < size:
                more += self._more()
            body = bytes(more)
        self.rest = body[size:]
        if b"connection: close" in head:
            self.close()
            self._connect()
        return int(head[9:12]), body[:size]

    def _chunks(self, data: bytes) -> bytes:
        """The content of a chunked body that begins with `data`."""
        more, content = bytearray(data), bytearray()
        while True:
            while (end := more.find(b"\r\n")) < 0:
                more += self._more()
            size = int(more[:end], 16)
            while len(more) < end + size + 4:
                more += self._more()
            if size == 0:
                return bytes(content)
            content += more[end + 2 : end + 2 + size]
            del more[: end + size + 4]

    def _more(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


def measure(
    port: int, key: str, clients: int, make: Callable[[int], list[tuple[str, str, bytes]]]
) -> tuple[float, list[float]]:
    """Requests a second, and every latency in milliseconds."""
    work = [make(n) for n in range(clients)]
    connections = [Client(port, key) for _ in work]
    latencies: list[list[float]] = [[] for _ in work]
    barrier = threading.Barrier(clients + 1)

    def run(n: int) -> None:
        barrier.wait()
        for request in work[n]:
            started = time.perf_counter()
            status, body = connections[n].send(*request)
            latencies[n].append((time.perf_counter() - started) * 1000)
            if status >= 300:
                raise RuntimeError(f"{request[:2]} was answered {status}: {body[:300]!r}")

    threads = [threading.Thread(target=run, args=[n]) for n in range(clients)]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    passed = time.perf_counter() - started
    flat = [ms for many in latencies for ms in many]
    return len(flat) / passed, flat


def prepare() -> tuple[str, list[int]]:
    """A key and the ids of 400 tasks in an empty project."""
    from django.core.management import call_command
    from django.db import connection

    from accounts import tokens
    from predictions.db import projects
    from predictions.imports import tasks as task_import
    from predictions.regions import labelling

    django.setup()
    call_command("migrate", verbosity=0)
    _, key = tokens.create(
        email="bench@example.com", workspace_slug="bench", create_workspace=True, role="owner"
    )
    holder = tokens.holder_of_key(key)
    assert holder
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        '<Label value="Car"/></RectangleLabels></View>'
    )
    project = projects.create_project(
        {"title": "Bench", "label_config": config}, holder.access, parsed=labelling.parse(config)
    )
    tasks = [{"image": f"http://x.y/{n}.jpg"} for n in range(400)]
    task_ids = task_import.store(project, tasks, holder.access)["task_ids"]
    parameters = connection.get_connection_params()
    os.environ["BENCH_DSN"] = " ".join(
        f"{name}={parameters[name]}"
        for name in ("dbname", "user", "password", "host", "port")
        if parameters.get(name)
    )
    return key, task_ids


def plan(
    operation: str, task_ids: list[int], n: int, predictions: list[int]
) -> Callable[[int], list[tuple[str, str, bytes]]]:
    """The requests of each client for an operation."""
    create = [
        orjson.dumps({"task": t, "result": RESULT, "score": 0.5, "model_version": "v1"})
        for t in task_ids
    ]

    def make(client: int) -> list[tuple[str, str, bytes]]:
        mine = predictions[client * n : (client + 1) * n]
        if operation == "create":
            start = client * n
            return [
                ("POST", "/api/predictions/", create[(start + i) % len(create)]) for i in range(n)
            ]
        if operation == "list":
            start = client * n
            return [
                ("GET", f"/api/predictions/?task={task_ids[(start + i) % len(task_ids)]}", b"")
                for i in range(n)
            ]
        if operation == "patch":
            return [("PATCH", f"/api/predictions/{i}/", b'{"score": 0.25}') for i in mine]
        method = {"get": "GET", "delete": "DELETE"}[operation]
        return [(method, f"/api/predictions/{i}/", b"") for i in mine]

    return make


def rows(task_ids: list[int], n: int) -> list[int]:
    """Exactly n predictions of the project, the same number on each task; their ids."""
    from django.db import connection

    from predictions.imports import predictions as prediction_import
    from predictions.models import Task
    from predictions_api.postgres.sql import fetch_all

    task = Task.objects.select_related("project").get(pk=task_ids[0])
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM predictions_prediction WHERE project_id = %s", [task.project_id]
        )
    items = [
        {"task": task_ids[i % len(task_ids)], "result": RESULT, "score": 0.5} for i in range(n)
    ]
    ids: list[int] = prediction_import.store(task.project, items)["prediction_ids"]
    fetch_all("SELECT 1", [])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE predictions_prediction")
    return ids


def statements(key: str, operation: str, task_ids: list[int]) -> tuple[int, int]:
    """How many statements the service and the bare app send for one request."""
    from django.db import connection
    from django.test import Client as TestClient
    from django.test.utils import CaptureQueriesContext

    from benchmarks import bare_app
    from predictions_api.postgres.prepared import Statements

    [first, second] = plan(operation, task_ids, 2, rows(task_ids, len(task_ids)))(0)
    method, path, body = first
    headers = {"Authorization": f"Token {key}"}
    with CaptureQueriesContext(connection) as ours:
        client = TestClient(headers=headers, SERVER_NAME="127.0.0.1")
        client.generic(method, path, body, "application/json")
    method, path, body = second
    name, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": name,
        "QUERY_STRING": query,
        "HTTP_AUTHORIZATION": headers["Authorization"],
        "wsgi.input": io.BytesIO(body),
    }
    call = Statements.call
    with patch.object(Statements, "call", autospec=True, side_effect=call) as bare:
        bare_app.application(environ, lambda status, headers: None)
    return len(ours), bare.call_count


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the sorted values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="of each client in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", default="1,8")
    parser.add_argument("--only", default=",".join(OPERATIONS))
    options = parser.parse_args()
    django.setup()
    key, task_ids = prepare()
    env = {"SECRET_KEY": "bench", "ALLOWED_HOSTS": "127.0.0.1"}
    ours = gunicorn("predictions_api.wsgi:application", env=env)
    bare = gunicorn("benchmarks.bare_app:application", env=env)
    print(
        f"{'':8}{'clients':>8}{'ours/s':>9}{'bare/s':>9}{'ratio':>7}{'p50 ms':>8}{'p95 ms':>8}"
        f"{'SQL ours':>10}{'bare':>5}"
    )
    with ours as ours_port, bare as bare_port:
        for port in (ours_port, bare_port):
            # The socket listens before the workers have loaded the application.
            measure(port, key, 8, plan("list", task_ids, 20, []))
        for clients in map(int, options.clients.split(",")):
            for operation in options.only.split(","):
                rates: dict[int, list[float]] = {ours_port: [], bare_port: []}
                latencies: list[float] = []
                ours_sql, bare_sql = statements(key, operation, task_ids)
                for _ in range(options.rounds):
                    for port in (ours_port, bare_port):
                        ids = rows(task_ids, max(clients * options.requests, len(task_ids)))
                        make = plan(operation, task_ids, options.requests, ids)
                        rate, times = measure(port, key, clients, make)
                        rates[port].append(rate)
                        latencies += times if port == ours_port else []
                mine = statistics.median(rates[ours_port])
                reference = statistics.median(rates[bare_port])
                pairs = zip(rates[ours_port], rates[bare_port], strict=True)
                ratio = statistics.median(one / other for one, other in pairs)
                print(
                    f"{operation:8}{clients:>8}{mine:>9.0f}{reference:>9.0f}"
                    f"{ratio:>7.2f}{percentile(latencies, 0.5):>8.2f}"
                    f"{percentile(latencies, 0.95):>8.2f}{ours_sql:>10}{bare_sql:>5}",
                    flush=True,
                )
        print(f"memory: ours {memory_mb(ours_port):.0f} MB, bare {memory_mb(bare_port):.0f} MB")


if __name__ == "__main__":
    main()
